// How a tensor can be written in an ONNX file: one row each, with the function that makes the
// nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"
#include "emit/decoding.h"
#include "emit/digits.h"

namespace qc {

/// A float tensor as distinct bit patterns. Equality is that of bits, so that -0 and NaNs come back
/// as they were.
struct TensorCodes {
  DataType type = DataType::kFloat;
  std::vector<std::int64_t> dims;
  int channel_axis = -1;
  Bytes elements;
  /// The patterns, the most frequent one first; empty where there are too many.
  std::vector<std::uint64_t> codebook;
  Digits codes;            ///< of each element; empty without a codebook
  std::uint64_t base = 0;  ///< the most frequent pattern
  std::uint64_t base_count = 0;

  std::size_t count() const noexcept;
  unsigned width() const noexcept { return data_type_bits(type) / 8; }
  /// Patterns as a tensor of the type.
  HostTensor values(std::span<const std::uint64_t> patterns) const;
};

/// Looks at a tensor of a type for which is_value_type() holds.
TensorCodes find_codes(DataType type, std::vector<std::int64_t> dims, int channel_axis,
                       Bytes elements);

/// The families of forms that users ask for; a form may be of several.
enum class FormFamily { kCompact, kCodebook, kQdq };

struct TensorForm {
  std::string_view name;
  std::vector<FormFamily> families;
  std::int64_t opset = 0;  ///< the first that has all operators
  std::vector<std::string_view> operators;
  /// Adds the nodes; false where the tensor has not this form.
  bool (*make)(const TensorCodes& tensor, std::int64_t opset, Decoding& decoding);
};

/// All forms, but for the plain tensor. Where two take as many bytes the first is chosen.
std::span<const TensorForm> tensor_forms();

extern const TensorForm kCodebookForm;
extern const TensorForm kPackedCodesForm;
extern const TensorForm kChannelCodesForm;
extern const TensorForm kGapsForm;
extern const TensorForm kGolombForm;
extern const TensorForm kNarrowForm;
extern const TensorForm kInt8Form;
extern const TensorForm kInt4Form;
extern const TensorForm kInt2Form;
extern const TensorForm kScaled8Form;
extern const TensorForm kScaled4Form;

/// Values that a runtime computes on the way are not larger than this, so that it folds them, and
/// loads the model, in moderate memory.
inline constexpr std::uint64_t kMaxStepBytes = std::uint64_t{1} << 28;

}  // namespace qc
