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

// A tensor as integers of few bits times a step, or one for each channel.
struct StepGrid {
  HostTensor integers;
  std::vector<float> steps;

  bool has_channels() const noexcept { return steps.size() > 1; }
};

// Elements of fewer than eight bits share bytes, the first one in the lowest bits.
void append_integer(int value, std::size_t index, HostTensor& integers) {
  const unsigned bits = data_type_bits(integers.type);
  const auto shift = static_cast<unsigned>(index * bits % 8);
  if (shift == 0) integers.bytes.push_back(0);
  const unsigned pattern = static_cast<unsigned>(value) & ((1U << bits) - 1);
  integers.bytes.back() = static_cast<std::uint8_t>(integers.bytes.back() | pattern << shift);
}

// With one step where that is enough.
std::optional<StepGrid> find_grid(const TensorCodes& tensor, DataType type,
                                  bool may_have_channels) {
  if (tensor.type != DataType::kFloat) return std::nullopt;
  const int least = -(1 << (data_type_bits(type) - 1));
  const Range range{least, -least - 1};
  const std::vector<float> values = load_floats(tensor.type, tensor.elements);
  ChannelMap channels;
  auto steps = find_steps(values, channels, range);
  if (!steps && may_have_channels && tensor.channel_axis >= 0) {
    channels = channel_map(tensor.dims, tensor.channel_axis);
    if (channels.count > 1) steps = find_steps(values, channels, range);
  }
  if (!steps) return std::nullopt;
  StepGrid grid{{type, tensor.dims, {}}, std::move(*steps)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float step = grid.steps[channels.channel_of(i)];
    append_integer(multiple(values[i], step, range).value_or(0), i, grid.integers);
  }
  return grid;
}

HostTensor step_tensor(const std::vector<float>& steps, std::vector<std::int64_t> dims) {
  HostTensor tensor{DataType::kFloat, std::move(dims), {}};
  for (const float step : steps) append_le(tensor.bytes, step);
  return tensor;
}

// ONNX Runtime leaves this operator in the graph, for those that compute with integers.
template <DataType type>
bool make_dequantized(const TensorCodes& tensor, std::int64_t opset, Decoding& decoding) {
  constexpr std::int64_t kFirstWithAxis = 13;
  auto grid = find_grid(tensor, type, opset >= kFirstWithAxis);
  if (!grid) return false;
  std::vector<std::int64_t> dims;
  std::vector<Attribute> axis;
  if (grid->has_channels()) {
    dims = {static_cast<std::int64_t>(grid->steps.size())};
    constexpr int kDefaultAxis = 1;
    if (tensor.channel_axis != kDefaultAxis) {
      axis.push_back({"axis", std::int64_t{tensor.channel_axis}});
    }
  }
  const std::string name = decoding.tensor(std::move(grid->integers));
  const std::string steps = decoding.tensor(step_tensor(grid->steps, std::move(dims)));
  decoding.finish("DequantizeLinear", {name, steps}, std::move(axis));
  return true;
}

// The same product in operators that every runtime folds.
template <DataType type>
bool make_scaled(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  auto grid = find_grid(tensor, type, true);
  if (!grid) return false;
  std::vector<std::int64_t> dims;
  if (grid->has_channels()) {
    dims.assign(tensor.dims.size() - static_cast<std::size_t>(tensor.channel_axis), 1);
    dims.front() = static_cast<std::int64_t>(grid->steps.size());
  }
  const std::string floats =
      decoding.cast(decoding.tensor(std::move(grid->integers)), DataType::kFloat);
  decoding.finish("Mul", {floats, decoding.tensor(step_tensor(grid->steps, std::move(dims)))});
  return true;
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
                              .make = make_dequantized<DataType::kInt8>};

const TensorForm kInt4Form = {.name = "int4",
                              .families = {FormFamily::kQdq},
                              .opset = 21,
                              .operators = {"DequantizeLinear"},
                              .make = make_dequantized<DataType::kInt4>};

const TensorForm kInt2Form = {.name = "int2",
                              .families = {FormFamily::kQdq},
                              .opset = 25,
                              .operators = {"DequantizeLinear"},
                              .make = make_dequantized<DataType::kInt2>};

const TensorForm kScaled8Form = {.name = "scaled8",
                                 .families = {FormFamily::kQdq},
                                 .opset = 7,
                                 .operators = {"Cast", "Mul"},
                                 .make = make_scaled<DataType::kInt8>};

const TensorForm kScaled4Form = {.name = "scaled4",
                                 .families = {FormFamily::kQdq},
                                 .opset = 21,
                                 .operators = {"Cast", "Mul"},
                                 .make = make_scaled<DataType::kInt4>};

}  // namespace qc
