// Forms that are numbers themselves: floats of a narrower type, and integers times a step.
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include "codecs/shared/narrowing.h"
#include "core/bit_cast.h"
#include "core/float_types.h"
#include "emit/forms.h"

namespace qc {
namespace {

// Widening is left to the runtime, which need not keep what NaNs carry.
bool is_nan(std::uint64_t pattern, unsigned width) {
  return width == 8 ? std::isnan(bit_cast<double>(pattern)) : std::isnan(as_float(pattern));
}

// The tensor in a narrower type; nothing where one element does not fit.
std::optional<Bytes> narrowed(const TensorCodes& tensor, DataType to) {
  const bool half = to == DataType::kFloat16;
  const unsigned width = data_type_bits(to) / 8;
  Bytes bytes(tensor.count() * width);
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    const std::uint64_t pattern =
        load_pattern(tensor.elements.data() + i * tensor.width(), tensor.width());
    if (is_nan(pattern, tensor.width())) return std::nullopt;
    std::uint64_t narrow = 0;
    std::uint64_t back = 0;
    if (tensor.width() == 8) {
      narrow = bit_cast<std::uint32_t>(static_cast<float>(bit_cast<double>(pattern)));
      back = float_to_double(narrow);
    } else if (half) {
      narrow = float_to_half(as_float(pattern));
      back = from_half(narrow);
    } else {
      narrow = pattern >> 16;
      back = add_low_half(narrow);
    }
    if (back != pattern) return std::nullopt;
    store_pattern(bytes.data() + i * width, width, narrow);
  }
  return bytes;
}

bool make_narrow(const TensorCodes& tensor, std::int64_t opset, Decoding& decoding) {
  constexpr std::int64_t kFirstWithBfloat16 = 13;
  std::vector<DataType> types;
  if (tensor.type == DataType::kDouble) types = {DataType::kFloat};
  if (tensor.type == DataType::kFloat) {
    types = {DataType::kFloat16};
    if (opset >= kFirstWithBfloat16) types.push_back(DataType::kBfloat16);
  }
  for (const DataType type : types) {
    auto bytes = narrowed(tensor, type);
    if (!bytes) continue;
    decoding.finish("Cast", {decoding.tensor({type, tensor.dims, std::move(*bytes)})},
                    {{"to", static_cast<std::int64_t>(tensor.type)}});
    return true;
  }
  return false;
}

// The integers q of values q * step.
struct Range {
  int least;
  int most;
};

std::optional<int> multiple(float value, float step, Range range) {
  const float quotient = std::nearbyint(value / step);
  if (!(quotient >= static_cast<float>(range.least) && quotient <= static_cast<float>(range.most)))
    return std::nullopt;
  // A negative zero differs from the product, which is positive.
  if (bit_cast<std::uint32_t>(quotient * step + 0.0F) != bit_cast<std::uint32_t>(value))
    return std::nullopt;
  return static_cast<int>(quotient);
}

bool are_multiples(const std::set<float>& values, float step, Range range) {
  return step > 0 && std::isfinite(step) && std::ranges::all_of(values, [&](float value) {
           return multiple(value, step, range).has_value();
         });
}

// The largest step of which all values, rounded to floats, are multiples.
std::optional<float> find_step(const std::set<float>& values, Range range) {
  float smallest = HUGE_VALF;
  float largest = 0;
  for (const float value : values) {
    if (value == 0) continue;
    smallest = std::min(smallest, std::abs(value));
    largest = std::max(largest, std::abs(value));
  }
  if (largest == 0) return 1.0F;
  for (int first = 1; first <= range.most; ++first) {
    const double last = std::nearbyint(static_cast<double>(largest) / smallest * first);
    if (last > -range.least) return std::nullopt;
    float step = static_cast<float>(largest / last);
    constexpr int kNeighbours = 2;
    for (int i = 0; i < kNeighbours; ++i) step = std::nextafter(step, 0.0F);
    for (int i = -kNeighbours; i <= kNeighbours; ++i) {
      if (are_multiples(values, step, range)) return step;
      step = std::nextafter(step, HUGE_VALF);
    }
  }
  return std::nullopt;
}

// By channel the step; nothing where some channel has none.
std::optional<std::vector<float>> find_steps(std::span<const float> values,
                                             const ChannelMap& channels, Range range) {
  const auto most = static_cast<std::size_t>(range.most - range.least + 1);
  std::vector<std::set<float>> distinct(channels.count);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i]) || (values[i] == 0 && std::signbit(values[i]))) {
      return std::nullopt;
    }
    auto& of_channel = distinct[channels.channel_of(i)];
    of_channel.insert(values[i]);
    if (of_channel.size() > most) return std::nullopt;
  }
  std::vector<float> steps;
  for (const auto& of_channel : distinct) {
    const auto step = find_step(of_channel, range);
    if (!step) return std::nullopt;
    steps.push_back(*step);
  }
  return steps;
}

// With one step where that is enough.
bool make_integers(const TensorCodes& tensor, std::int64_t opset, Range range, DataType type,
                   Decoding& decoding) {
  constexpr std::int64_t kFirstWithAxis = 13;
  if (tensor.type != DataType::kFloat) return false;
  const std::vector<float> values = load_floats(tensor.type, tensor.elements);
  ChannelMap channels;
  auto steps = find_steps(values, channels, range);
  const bool has_channels = tensor.channel_axis >= 0 && opset >= kFirstWithAxis;
  if (!steps && has_channels) {
    channels = channel_map(tensor.dims, tensor.channel_axis);
    if (channels.count > 1) steps = find_steps(values, channels, range);
  }
  if (!steps) return false;
  HostTensor integers{type, tensor.dims, {}};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const int q = multiple(values[i], (*steps)[channels.channel_of(i)], range).value_or(0);
    if (type == DataType::kInt8) {
      integers.bytes.push_back(static_cast<std::uint8_t>(q));
    } else if (i % 2 == 0) {
      integers.bytes.push_back(static_cast<std::uint8_t>(q & 0xf));
    } else {
      integers.bytes.back() = static_cast<std::uint8_t>(integers.bytes.back() | (q & 0xf) << 4);
    }
  }
  HostTensor scale{DataType::kFloat, {}, {}};
  std::vector<Attribute> axis;
  if (channels.count > 1) {
    scale.dims = {static_cast<std::int64_t>(channels.count)};
    constexpr int kDefaultAxis = 1;
    if (tensor.channel_axis != kDefaultAxis) {
      axis.push_back({"axis", std::int64_t{tensor.channel_axis}});
    }
  }
  for (const float step : *steps) append_le(scale.bytes, step);
  const std::string name = decoding.tensor(std::move(integers));
  decoding.finish("DequantizeLinear", {name, decoding.tensor(std::move(scale))}, std::move(axis));
  return true;
}

bool make_int8(const TensorCodes& tensor, std::int64_t opset, Decoding& decoding) {
  return make_integers(tensor, opset, {-128, 127}, DataType::kInt8, decoding);
}

bool make_int4(const TensorCodes& tensor, std::int64_t opset, Decoding& decoding) {
  return make_integers(tensor, opset, {-8, 7}, DataType::kInt4, decoding);
}

}  // namespace

const TensorForm kNarrowForm = {.name = "narrow",
                                .families = {FormFamily::kCompact},
                                .opset = 7,
                                .operators = {"Cast"},
                                .make = make_narrow};

const TensorForm kInt8Form = {.name = "int8",
                              .families = {FormFamily::kQdq},
                              .opset = 10,
                              .operators = {"DequantizeLinear"},
                              .make = make_int8};

const TensorForm kInt4Form = {.name = "int4",
                              .families = {FormFamily::kQdq},
                              .opset = 21,
                              .operators = {"DequantizeLinear"},
                              .make = make_int4};

}  // namespace qc
