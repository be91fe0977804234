#include "test_tensors.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/float_types.h"
#include "core/random.h"

namespace qc::test {
namespace {

constexpr std::array<std::string_view, kPatternCount> kNames = {
    "uniform",     "bell",       "few",           "half zero",   "sparse",
    "very sparse", "sparse few", "constant",      "zero",        "zeros",
    "specials",    "denormals",  "channel alpha", "ternary",     "sparse ternary",
    "five levels", "half exact", "bfloat exact",  "single exact"};

constexpr Element kSingle = {4, true};
constexpr Element kDouble = {8, true};

std::uint64_t mask_of(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

/// The parts of a float of that width; a byte is taken for the upper half of a binary16.
struct FloatShape {
  unsigned mantissa_bits;
  std::uint64_t sign;
  std::uint64_t infinity;
};

FloatShape shape_of(Element element) {
  static constexpr std::array<unsigned, 9> kMantissaBits = {0, 2, 10, 0, 23, 0, 0, 0, 52};
  const unsigned mantissa = kMantissaBits[element.width];
  const std::uint64_t all = mask_of(8u * element.width);
  return {mantissa, all ^ (all >> 1), (all >> 1) & ~mask_of(mantissa)};
}

class Maker {
 public:
  Maker(Element element, std::uint64_t seed) : element_(element), random_(seed) {}

  std::uint64_t below(std::uint64_t bound) { return random_.next() % bound; }
  std::uint64_t uniform() { return random_.next() & mask_of(8u * element_.width); }

  std::uint64_t bell() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random_.uniform();
    return from_number(0.05 * sum);
  }

  // A value whose bits are not all zero.
  std::uint64_t nonzero() {
    for (;;) {
      if (const std::uint64_t value = bell(); value != 0) return value;
    }
  }

  std::uint64_t special() {
    const FloatShape shape = shape_of(element_);
    const std::uint64_t payload = uniform() & mask_of(shape.mantissa_bits);
    const std::array<std::uint64_t, 8> magnitudes = {
        0,
        1,
        mask_of(shape.mantissa_bits),             // the largest denormal
        std::uint64_t{1} << shape.mantissa_bits,  // the smallest normal number
        shape.infinity - 1,                       // the largest finite number
        shape.infinity,
        shape.infinity | payload,
        shape.infinity | 1,  // a signalling NaN
    };
    return magnitudes[below(magnitudes.size())] | (below(2) != 0 ? shape.sign : 0);
  }

  std::uint64_t denormal() {
    const FloatShape shape = shape_of(element_);
    return uniform() & (shape.sign | mask_of(shape.mantissa_bits));
  }

  std::uint64_t zero_of_either_sign() { return below(2) != 0 ? shape_of(element_).sign : 0; }

  std::uint64_t half_exact() {
    if (element_ == kSingle) return std::bit_cast<std::uint32_t>(any_half());
    return element_ == kDouble ? widened([this] { return any_half(); }) : bell();
  }

  std::uint64_t bfloat_exact() {
    return element_ == kSingle ? (random_.next() & 0xffff) << 16 : half_exact();
  }

  std::uint64_t single_exact() {
    if (element_ != kDouble) return bell();
    return widened(
        [this] { return std::bit_cast<float>(static_cast<std::uint32_t>(random_.next())); });
  }

 private:
  float any_half() { return half_to_float(static_cast<std::uint16_t>(random_.next())); }

  // NaNs are left out: not every payload survives the conversion.
  template <typename Source>
  static std::uint64_t widened(Source&& source) {
    float value = source();
    while (std::isnan(value)) value = source();
    return std::bit_cast<std::uint64_t>(static_cast<double>(value));
  }

  std::uint64_t from_number(double number) const {
    if (!element_.is_float) {
      const auto whole = static_cast<std::int64_t>(std::lround(400 * number));
      return static_cast<std::uint64_t>(whole) & mask_of(8u * element_.width);
    }
    const auto single = static_cast<float>(number);
    switch (element_.width) {
      case 1:
        return float_to_half(single) >> 8;
      case 2:
        return float_to_half(single);
      case 4:
        return std::bit_cast<std::uint32_t>(single);
      default:
        return std::bit_cast<std::uint64_t>(number);
    }
  }

  Element element_;
  SplitMix64 random_;
};

std::function<std::uint64_t(std::size_t)> levels_of(Pattern pattern, Maker& make,
                                                    const ChannelMap& channels, Element element) {
  const bool per_channel = pattern != Pattern::kTernary;
  std::vector<std::uint64_t> alphas;
  for (std::uint64_t i = 0; i < channels.count; ++i) {
    alphas.push_back(per_channel || i == 0 ? make.nonzero() : alphas.front());
  }
  return [&make, pattern, alphas, channels, element](std::size_t i) -> std::uint64_t {
    const FloatShape shape = shape_of(element);
    std::uint64_t value = alphas[channels.channel_of(i)];
    if (pattern == Pattern::kTernary && make.below(3) == 0) return 0;
    if (pattern == Pattern::kSparseTernary && make.below(10) != 0) return 0;
    if (pattern == Pattern::kFiveLevels) {
      if (make.below(5) == 0) return 0;
      const std::uint64_t step = std::uint64_t{1} << shape.mantissa_bits;
      const std::uint64_t magnitude = value & ~shape.sign;
      if (make.below(2) == 0) value += magnitude < step ? magnitude : step;
    }
    return (make.below(2) != 0 ? value : value ^ shape.sign) & mask_of(8U * element.width);
  };
}

std::function<std::uint64_t(std::size_t)> source_of(Pattern pattern, Maker& make,
                                                    const ChannelMap& channels, Element element) {
  const auto one_of = [&make](std::size_t count) {
    std::vector<std::uint64_t> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(make.nonzero());
    return [&make, values](std::size_t) { return values[make.below(values.size())]; };
  };
  const auto sparse = [&make](std::uint64_t one_in) {
    return [&make, one_in](std::size_t) { return make.below(one_in) == 0 ? make.nonzero() : 0; };
  };
  switch (pattern) {
    case Pattern::kUniform:
      return [&make](std::size_t) { return make.uniform(); };
    case Pattern::kBell:
      break;
    case Pattern::kFew:
      return one_of(2 + make.below(40));
    case Pattern::kHalfZero:
      return sparse(2);
    case Pattern::kSparse:
      return sparse(10);
    case Pattern::kVerySparse:
      return sparse(700);
    case Pattern::kSparseFew:
      return
          [&make, value = one_of(15)](std::size_t i) { return make.below(10) == 0 ? value(i) : 0; };
    case Pattern::kConstant:
      return one_of(1);
    case Pattern::kZero:
      return [](std::size_t) { return std::uint64_t{0}; };
    case Pattern::kZeros:
      return [&make](std::size_t) { return make.zero_of_either_sign(); };
    case Pattern::kSpecials:
      return [&make](std::size_t) { return make.special(); };
    case Pattern::kDenormals:
      return [&make](std::size_t) { return make.denormal(); };
    case Pattern::kChannelAlpha:
    case Pattern::kTernary:
    case Pattern::kSparseTernary:
    case Pattern::kFiveLevels:
      return levels_of(pattern, make, channels, element);
    case Pattern::kHalfExact:
      return [&make](std::size_t) { return make.half_exact(); };
    case Pattern::kBfloatExact:
      return [&make](std::size_t) { return make.bfloat_exact(); };
    case Pattern::kSingleExact:
      return [&make](std::size_t) { return make.single_exact(); };
  }
  return [&make](std::size_t) { return make.bell(); };
}

}  // namespace

TestTensor make_tensor(Pattern pattern, Element element, std::size_t count, std::uint64_t seed,
                       ChannelMap channels) {
  Maker make(element, seed);
  const auto source = source_of(pattern, make, channels, element);
  TestTensor tensor{Bytes(count * element.width), element, channels};
  for (std::size_t i = 0; i < count; ++i) {
    store_pattern(tensor.data.data() + i * element.width, element.width, source(i));
  }
  return tensor;
}

std::optional<Bytes> encode_with(const LayoutEncoder& layout, const TensorView& tensor,
                                 const EncodeOptions& options) {
  EncodeOptions forced = options;
  forced.layout = layout.id();
  Encoding coded{{static_cast<std::uint8_t>(layout.id()), element_code(tensor.element)}};
  if (!layout.encode(Analysis(tensor), forced, coded)) return std::nullopt;
  return coded.bytes;
}

std::optional<Bytes> decode(ByteView coded, std::size_t size) {
  DecodeContext context;
  Bytes out(size);
  if (decode_tensor(coded, out, context) != nullptr) return std::nullopt;
  return out;
}

std::string describe(Pattern pattern, Element element, std::size_t count) {
  return fmt::format("{}{} {} x {}", element.is_float ? "float" : "int", 8 * element.width,
                     kNames[static_cast<std::size_t>(pattern)], count);
}

}  // namespace qc::test
