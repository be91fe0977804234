// Low-bit forms of weights: how they are made from latent float weights, and how gradients pass
// through (straight-through estimators). Conversion and training call the same functions, so they
// cannot disagree.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace qc {

/// The families of forms; the rows of weight_form.cpp.
enum class FormKind {
  kTernary,     ///< scale * {-1, 0, 1}: TWN (arXiv 1605.04711)
  kFiveLevels,  ///< scale * {-2, -1, 0, 1, 2}
  kBinary,      ///< scale * {-1, 1}: BinaryConnect, BNN (arXiv 1602.02830), BWN (arXiv 1603.05279)
  kDorefa,      ///< a grid of 2^bits values (DoReFa-Net, arXiv 1606.06160, equations 7 to 9)
  kPowerOfTwo,  ///< nearest_power_of_two(), without a scale
  kMantissa,    ///< round_mantissa() to `bits`, without a scale
};

/// Over which weights a scale is shared.
enum class ScaleScope {
  kNone,  ///< the scale is 1
  kLayer,
  kChannel,  ///< output channels
};

/// A form with its parameters; a plain struct, for it goes into the engine's module.
struct WeightForm {
  FormKind kind = FormKind::kTernary;
  ScaleScope scope = ScaleScope::kLayer;
  /// Of kTernary: the threshold as a multiple of the mean magnitude; 0: the exact optimum.
  double threshold = 0;
  int bits = 1;  ///< of kDorefa and kMantissa
  /// Of kBinary: +1 with the probability clip((w + 1) / 2, 0, 1) (BNN, equation 2).
  bool stochastic = false;
};

/// "ternary, a scale per channel".
std::string form_text(const WeightForm& form);

/// The weights for latent ones, both with `channels` along them: `weights` is as long as `latent`
/// and may be the same memory. Stochastic forms draw from the stream that `seed` starts
/// (stream_seed()); nothing: they round as they do for inference. Requires finite values. Every
/// weight is a float: scales are rounded to it first.
void apply_form(const WeightForm& form, std::span<const float> latent, const ChannelMap& channels,
                std::optional<std::uint64_t> seed, std::span<float> weights);

/// True when the values are weights that apply_form() may give, as a tensor of `type` stores them.
bool has_form(const WeightForm& form, std::span<const float> values, const ChannelMap& channels,
              DataType type);

/// Turns the gradient by the weights into that by the latent weights, in place:
///   ternary, five levels, DoReFa with one bit  unchanged (TWN, section 2.3; DoReFa, equation 8)
///   powers of two, short mantissas  unchanged
///   binary without a scale  g * 1{|w| <= 1} (BNN, equation 4)
///   binary with a scale a   g * (1/n + a * 1{|w| <= 1}), n weights sharing it (XNOR-Net, sec. 3.1)
///   DoReFa with more bits   g * d/dw tanh(w) / max|tanh(w)|, the maximum held fixed (equation 9)
void straight_through(const WeightForm& form, std::span<const float> latent,
                      const ChannelMap& channels, std::span<float> gradient);

/// Keeps the latent weights where their gradient is not zero: binary ones in [-1, 1] (BNN, section
/// 1.2).
void clip_latent(const WeightForm& form, std::span<float> latent) noexcept;

}  // namespace qc
