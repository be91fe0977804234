#include "structured_tensors.h"

#include <cmath>
#include <functional>
#include <numbers>

#include "core/random.h"

namespace qc::test {
namespace {

TestTensor matrix(std::uint64_t rows, std::uint64_t columns,
                  const std::function<double(std::uint64_t, std::uint64_t)>& value) {
  TestTensor tensor{Bytes(rows * columns * sizeof(float)), {4, true}, {}, {}};
  tensor.channels = {rows, columns, 0};
  tensor.grid = {1, columns, columns, 0};
  for (std::uint64_t i = 0; i < rows * columns; ++i) {
    store_le(tensor.data.data() + i * sizeof(float),
             static_cast<float>(value(i / columns, i % columns)));
  }
  return tensor;
}

// The same for the same place, whatever was asked before.
double noise(std::uint64_t row, std::uint64_t column) {
  SplitMix64 random(row << 32 | column);
  return static_cast<double>(random.next() >> 11) * 0x1p-53 - 0.5;
}

}  // namespace

TestTensor fourier_filters(std::uint64_t size, FourierPart part, FourierWindow window) {
  const double turn = 2 * std::numbers::pi / static_cast<double>(size);
  return matrix(size / 2 + 1, size, [=](std::uint64_t bin, std::uint64_t at) {
    // The angle is reduced, as a fast transform has it: equal ones have equal sines.
    const double angle = turn * static_cast<double>(bin * at % size);
    const double wave = part == FourierPart::kCosine ? std::cos(angle) : -std::sin(angle);
    const double hann = 0.5 - 0.5 * std::cos(turn * static_cast<double>(at));
    return window == FourierWindow::kHann ? wave * hann : wave;
  });
}

TestTensor mel_filters(std::uint64_t size, std::uint64_t bands) {
  const auto hertz = [](double mel) { return 700 * (std::pow(10, mel / 2595) - 1); };
  constexpr double kHighest = 8000;
  const double highest = 2595 * std::log10(1 + kHighest / 700);
  return matrix(size / 2 + 1, bands, [=](std::uint64_t bin, std::uint64_t band) {
    const double frequency = 2 * kHighest * static_cast<double>(bin) / static_cast<double>(size);
    const auto edge = [&](std::uint64_t i) {
      return hertz(highest * static_cast<double>(band + i) / static_cast<double>(bands + 1));
    };
    const double rising = (frequency - edge(0)) / (edge(1) - edge(0));
    const double falling = (edge(2) - frequency) / (edge(2) - edge(1));
    return std::max(0.0, std::min(rising, falling));
  });
}

TestTensor position_table(std::uint64_t positions, std::uint64_t width) {
  return matrix(positions, width, [=](std::uint64_t position, std::uint64_t at) {
    const std::uint64_t pair = at / 2;
    const double exponent = 2 * static_cast<double>(pair) / static_cast<double>(width);
    const double angle = static_cast<double>(position) / std::pow(10000, exponent);
    return at % 2 == 0 ? std::sin(angle) : std::cos(angle);
  });
}

TestTensor mirrored_matrix(std::uint64_t rows, std::uint64_t columns) {
  return matrix(rows, columns, [=](std::uint64_t row, std::uint64_t column) {
    const bool second_half = column >= columns / 2;
    const double value = noise(row, second_half ? columns - 1 - column : column);
    return second_half && row % 2 == 1 ? -value : value;
  });
}

TestTensor tiled_matrix(std::uint64_t rows, std::uint64_t columns, std::uint64_t tile) {
  return matrix(rows, columns, [=](std::uint64_t row, std::uint64_t column) {
    return noise(row % tile, column % tile);
  });
}

}  // namespace qc::test
