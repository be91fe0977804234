// Fourier transforms.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

// The last dimension holds real parts, or real and imaginary parts. Transforms are made in double:
// what cancels out is then nothing in float.
at::Tensor complex_numbers(const OpContext& op, const at::Tensor& signal) {
  const at::Tensor x = signal.to(at::kDouble);
  if (x.dim() < 2 || (x.size(-1) != 1 && x.size(-1) != 2)) op.refuse("its input has no parts");
  const at::Tensor imaginary = x.size(-1) == 2 ? x.select(-1, 1) : at::zeros_like(x.select(-1, 0));
  return at::complex(x.select(-1, 0).contiguous(), imaginary.contiguous());
}

at::Tensor parts(const OpContext& op, const at::Tensor& numbers) {
  return at::view_as_real(numbers).to(op.in(0).scalar_type());
}

// A transform has frequencies above the middle, which of real signals repeat those below.
at::Tensor one_side(const at::Tensor& spectrum, std::int64_t axis) {
  return spectrum.narrow(axis, 0, spectrum.size(axis) / 2 + 1);
}

// The axis was an attribute before opset 20.
Values dft(const OpContext& op) {
  const at::Tensor signal = complex_numbers(op, float_in(op, 0));
  const std::int64_t rank = signal.dim() + 1;
  const std::int64_t given = op.opset < 20
                                 ? op.int_or("axis", 1)
                                 : (op.has(2) ? static_cast<std::int64_t>(op.scalar_in(2)) : -2);
  const std::int64_t axis = op.axis(given, rank);
  if (axis == rank - 1) op.refuse("along the parts of numbers");
  const bool inverse = op.int_or("inverse", 0) != 0;
  const bool onesided = op.int_or("onesided", 0) != 0;
  if (onesided && (inverse || op.in(0).size(-1) != 1)) op.refuse("onesided of complex numbers");
  c10::optional<std::int64_t> length;
  if (op.has(1)) length = static_cast<std::int64_t>(op.scalar_in(1));
  const at::Tensor spectrum =
      inverse ? at::fft_ifft(signal, length, axis) : at::fft_fft(signal, length, axis);
  return {parts(op, onesided ? one_side(spectrum, axis) : spectrum)};
}

Values stft(const OpContext& op) {
  const at::Tensor signal = complex_numbers(op, float_in(op, 0));  // {batch, length}
  if (signal.dim() != 2) op.refuse("of other than three dimensions");
  const auto step = static_cast<std::int64_t>(op.scalar_in(1));
  if (!op.has(2) && !op.has(3)) op.refuse("without window and frame length");
  const std::int64_t length =
      op.has(3) ? static_cast<std::int64_t>(op.scalar_in(3)) : op.in(2).numel();
  if (step < 1 || length < 1 || length > signal.size(1)) op.refuse("its frames do not fit");
  const bool onesided = op.int_or("onesided", 1) != 0;
  if (onesided && op.in(0).size(-1) != 1) op.refuse("onesided of complex numbers");
  at::Tensor frames = signal.unfold(1, length, step);  // {batch, frames, length}
  if (op.has(2)) {
    if (op.in(2).dim() != 1 || op.in(2).numel() != length) op.refuse("its window does not fit");
    frames = frames * op.in(2);
  }
  const at::Tensor spectrum = at::fft_fft(frames, c10::nullopt, 2);
  return {parts(op, onesided ? one_side(spectrum, 2) : spectrum)};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"DFT", 17, dft},
    {"STFT", 17, stft},
});

}  // namespace

std::span<const Operator> signal_operators() { return kOperators; }

}  // namespace qc::torch_engine
