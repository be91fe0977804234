// Tables that networks for sound and language carry as weights: computed, not trained, so that
// values occur again in rows and columns that mirror each other.
#pragma once

#include <cstdint>

#include "test_tensors.h"

namespace qc::test {

enum class FourierPart { kCosine, kSine };
enum class FourierWindow { kNone, kHann };

/// The float32 filters of a short-time Fourier transform: size / 2 + 1 rows of `size`.
TestTensor fourier_filters(std::uint64_t size, FourierPart part, FourierWindow window);

/// Triangular mel filters over the bins of such a transform, float32: size / 2 + 1 rows of `bands`.
TestTensor mel_filters(std::uint64_t size, std::uint64_t bands);

/// Sinusoidal positions (Vaswani et al., 2017), float32: `positions` rows of `width`.
TestTensor position_table(std::uint64_t positions, std::uint64_t width);

/// A random float32 matrix whose second half of every row mirrors the first, with the other sign
/// in every second row.
TestTensor mirrored_matrix(std::uint64_t rows, std::uint64_t columns);

/// A random float32 matrix that repeats a tile of `tile` rows and columns.
TestTensor tiled_matrix(std::uint64_t rows, std::uint64_t columns, std::uint64_t tile);

}  // namespace qc::test
