#include "small_runtime.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "codecs/shared/narrowing.h"

namespace qc::test {
namespace {

using Dims = std::vector<std::int64_t>;

// Floats are bit patterns, integers are numbers.
struct Value {
  DataType type = DataType::kUndefined;
  Dims dims;
  std::vector<std::int64_t> elements;

  std::size_t count() const { return elements.size(); }
};

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

unsigned width_of(DataType type) { return data_type_bits(type) / 8; }

Value value_of(const HostTensor& tensor) {
  Value value{tensor.type, tensor.dims, {}};
  const unsigned bits = data_type_bits(tensor.type);
  if (bits < 8) {
    require(tensor.type == DataType::kInt4 || tensor.type == DataType::kInt2, "unsigned elements");
    for (std::uint64_t i = 0; i < element_count(tensor.dims).value_or(0); ++i) {
      const int pattern = tensor.bytes[i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1);
      const bool negative = pattern >> (bits - 1) != 0;
      value.elements.push_back(negative ? pattern - (1 << bits) : pattern);
    }
    return value;
  }
  const unsigned width = width_of(tensor.type);
  for (std::size_t i = 0; i < tensor.bytes.size(); i += width) {
    std::uint64_t pattern = load_pattern(tensor.bytes.data() + i, width);
    if (tensor.type == DataType::kInt32) {
      pattern = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(pattern)});
    }
    if (tensor.type == DataType::kInt8) {
      pattern = static_cast<std::uint64_t>(std::int64_t{static_cast<std::int8_t>(pattern)});
    }
    value.elements.push_back(static_cast<std::int64_t>(pattern));
  }
  return value;
}

HostTensor tensor_of(const Value& value) {
  HostTensor tensor{value.type, value.dims, {}};
  const unsigned width = width_of(value.type);
  tensor.bytes.resize(value.count() * width);
  for (std::size_t i = 0; i < value.count(); ++i) {
    store_pattern(tensor.bytes.data() + i * width, width,
                  static_cast<std::uint64_t>(value.elements[i]));
  }
  return tensor;
}

std::int64_t size_of(const Dims& dims) {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

// Numpy's broadcasting.
Value broadcast(const Value& a, const Value& b,
                const std::function<std::int64_t(std::int64_t, std::int64_t)>& apply) {
  require(a.type == b.type, "operands of two types");
  const std::size_t rank = std::max(a.dims.size(), b.dims.size());
  const auto padded = [&](Dims dims) {
    dims.insert(dims.begin(), rank - dims.size(), 1);
    return dims;
  };
  const Dims x = padded(a.dims);
  const Dims y = padded(b.dims);
  Value out{a.type, Dims(rank), {}};
  for (std::size_t i = 0; i < rank; ++i) {
    require(x[i] == y[i] || x[i] == 1 || y[i] == 1, "shapes that do not broadcast");
    out.dims[i] = std::max(x[i], y[i]);
  }
  for (std::int64_t at = 0; at < size_of(out.dims); ++at) {
    std::int64_t rest = at;
    std::int64_t place[2] = {0, 0};
    std::int64_t stride[2] = {1, 1};
    for (std::size_t i = rank; i-- > 0;) {
      const std::int64_t index = rest % out.dims[i];
      rest /= out.dims[i];
      place[0] += (x[i] == 1 ? 0 : index) * stride[0];
      place[1] += (y[i] == 1 ? 0 : index) * stride[1];
      stride[0] *= x[i];
      stride[1] *= y[i];
    }
    out.elements.push_back(apply(a.elements[static_cast<std::size_t>(place[0])],
                                 b.elements[static_cast<std::size_t>(place[1])]));
  }
  return out;
}

std::int64_t checked(const Value& value, std::int64_t number) {
  if (value.type == DataType::kInt32) {
    require(number == static_cast<std::int32_t>(number), "an integer that does not fit 32 bits");
  }
  return number;
}

Value mat_mul(const Value& a, const Value& b) {
  require(a.dims.size() == 2 && b.dims.size() == 2 && a.dims[1] == b.dims[0], "MatMul: shapes");
  require(b.dims[1] == 1 && a.type == b.type, "MatMul: one column, one type");
  Value out{a.type, {a.dims[0], 1}, {}};
  const auto columns = static_cast<std::size_t>(a.dims[1]);
  for (std::size_t row = 0; row < a.count(); row += columns) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < columns; ++i) sum += a.elements[row + i] * b.elements[i];
    out.elements.push_back(checked(out, sum));
  }
  return out;
}

Value cast(const Value& in, DataType to) {
  Value out{to, in.dims, in.elements};
  const bool from_integer = !is_value_type(in.type);
  for (std::int64_t& each : out.elements) {
    if (from_integer && to == DataType::kFloat) {
      each = bit_cast<std::uint32_t>(static_cast<float>(each));
    }
    const auto pattern = static_cast<std::uint64_t>(each);
    if (in.type == DataType::kFloat16) each = static_cast<std::int64_t>(from_half(pattern));
    if (in.type == DataType::kBfloat16) each = static_cast<std::int64_t>(add_low_half(pattern));
    if (in.type == DataType::kFloat) each = static_cast<std::int64_t>(float_to_double(pattern));
  }
  return out;
}

Value reshape(const Value& in, const Value& shape) {
  Value out{in.type, shape.elements, in.elements};
  const auto open = std::ranges::find(out.dims, -1);
  if (open != out.dims.end()) {
    *open = 1;
    *open = static_cast<std::int64_t>(in.count()) / size_of(out.dims);
  }
  require(size_of(out.dims) == static_cast<std::int64_t>(in.count()), "Reshape: another size");
  return out;
}

Value slice(const Value& in, const Value& begin, const Value& end) {
  require(in.dims.size() == 1 && begin.count() == 1 && end.count() == 1, "Slice: lists only");
  require(end.elements[0] <= in.dims[0], "Slice: beyond the end");
  return {in.type,
          {end.elements[0] - begin.elements[0]},
          {in.elements.begin() + begin.elements[0], in.elements.begin() + end.elements[0]}};
}

Value gather(const Value& data, const Value& indices) {
  require(data.dims.size() == 1, "Gather: from lists only");
  Value out{data.type, indices.dims, {}};
  for (const std::int64_t index : indices.elements) {
    out.elements.push_back(data.elements.at(static_cast<std::size_t>(index)));
  }
  return out;
}

Value gather_elements(const Value& data, const Value& indices, std::int64_t axis) {
  require(data.dims.size() == 2 && indices.dims.size() == 2, "GatherElements: matrices only");
  Value out{data.type, indices.dims, {}};
  const auto columns = static_cast<std::size_t>(indices.dims[1]);
  const auto data_columns = static_cast<std::size_t>(data.dims[1]);
  for (std::size_t i = 0; i < indices.count(); ++i) {
    const auto index = static_cast<std::size_t>(indices.elements[i]);
    const std::size_t row = axis == 0 ? index : i / columns;
    const std::size_t column = axis == 0 ? i % columns : index;
    require(column < data_columns, "GatherElements: an index beyond the end");
    out.elements.push_back(data.elements.at(row * data_columns + column));
  }
  return out;
}

Value cum_sum(const Value& in, const Value& axis) {
  require(in.dims.size() == 1 && axis.dims.empty(), "CumSum: lists only");
  Value out = in;
  std::partial_sum(in.elements.begin(), in.elements.end(), out.elements.begin());
  return out;
}

// The indices.
Value top_k(const Value& in, const Value& count) {
  require(in.dims.size() == 1 && count.count() == 1, "TopK: lists only");
  Value out{DataType::kInt64, count.elements, std::vector<std::int64_t>(in.count())};
  std::iota(out.elements.begin(), out.elements.end(), 0);
  std::ranges::stable_sort(out.elements, std::greater<>(), [&](std::int64_t i) {
    return in.elements[static_cast<std::size_t>(i)];
  });
  out.elements.resize(static_cast<std::size_t>(count.elements[0]));
  return out;
}

// ONNX leaves open what repeated indices give, but where all write the same.
Value scatter(Value data, const Value& indices, const Value& updates) {
  require(data.dims.size() == 1 && indices.dims == updates.dims && data.type == updates.type,
          "ScatterElements: lists of the same length and type");
  std::map<std::int64_t, std::int64_t> written;
  for (std::size_t i = 0; i < indices.count(); ++i) {
    const auto [at, is_new] = written.emplace(indices.elements[i], updates.elements[i]);
    require(at->second == updates.elements[i], "ScatterElements: two values for one element");
    data.elements.at(static_cast<std::size_t>(at->first)) = at->second;
  }
  return data;
}

Value dequantize(const Value& in, const Value& scale, std::int64_t axis) {
  const ChannelMap channels =
      scale.dims.empty() ? ChannelMap() : channel_map(in.dims, static_cast<int>(axis));
  require(channels.count == scale.count(), "DequantizeLinear: as many scales as channels");
  Value out{DataType::kFloat, in.dims, {}};
  for (std::size_t i = 0; i < in.count(); ++i) {
    const float step = as_float(static_cast<std::uint64_t>(scale.elements[channels.channel_of(i)]));
    out.elements.push_back(bit_cast<std::uint32_t>(static_cast<float>(in.elements[i]) * step));
  }
  return out;
}

Value run(const Node& node, const std::vector<Value>& in, const std::vector<HostTensor>& tensors) {
  const auto number = [&](const char* name, std::int64_t otherwise) {
    const auto* value = node.get<std::int64_t>(name);
    return value != nullptr ? *value : otherwise;
  };
  const std::string& op = node.op;
  if (op == "Constant") return value_of(tensors[node.get<GraphTensor>("value")->index]);
  if (op == "Cast") return cast(in[0], static_cast<DataType>(number("to", 0)));
  if (op == "MatMul") return mat_mul(in[0], in[1]);
  if (op == "Reshape") return reshape(in[0], in[1]);
  if (op == "Slice") return slice(in[0], in[1], in[2]);
  if (op == "Gather") return gather(in[0], in[1]);
  if (op == "GatherElements") return gather_elements(in[0], in[1], number("axis", 0));
  if (op == "CumSum") return cum_sum(in[0], in[1]);
  if (op == "TopK") return top_k(in[0], in[1]);
  if (op == "ScatterElements") return scatter(in[0], in[1], in[2]);
  if (op == "DequantizeLinear") return dequantize(in[0], in[1], number("axis", 1));
  if (op == "ConstantOfShape") {
    const auto count = static_cast<std::size_t>(size_of(in[0].elements));
    return {DataType::kFloat, in[0].elements, std::vector<std::int64_t>(count, 0)};
  }
  if (op == "Expand") {
    require(in[0].count() == 1, "Expand: of one element");
    const auto count = static_cast<std::size_t>(size_of(in[1].elements));
    return {in[0].type, in[1].elements, std::vector<std::int64_t>(count, in[0].elements[0])};
  }
  if (op == "Mul" && in[0].type == DataType::kFloat) {
    return broadcast(in[0], in[1], [](std::int64_t a, std::int64_t b) {
      const float product =
          as_float(static_cast<std::uint64_t>(a)) * as_float(static_cast<std::uint64_t>(b));
      return std::int64_t{bit_cast<std::uint32_t>(product)};
    });
  }
  const std::map<std::string, std::function<std::int64_t(std::int64_t, std::int64_t)>> kBinary = {
      {"Div", std::divides<>()},
      {"Mod", std::modulus<>()},
      {"Mul", std::multiplies<>()},
      {"Sub", std::minus<>()}};
  const auto found = kBinary.find(op);
  require(found != kBinary.end(), "an operator that is not known here");
  Value out = broadcast(in[0], in[1], found->second);
  for (const std::int64_t each : out.elements) checked(out, each);
  return out;
}

}  // namespace

std::map<std::string, HostTensor> run_constants(const OnnxModel& model) {
  std::vector<HostTensor> tensors;
  for (const TensorInfo& each : model.tensors()) {
    const ByteView payload = model.payload(each);
    tensors.push_back({each.type, each.dims, {payload.begin(), payload.end()}});
  }
  std::map<std::string, Value> values;
  for (const Initializer& each : model.graph()->main.initializers) {
    values.emplace(each.name, value_of(tensors[each.tensor.index]));
  }
  for (const Node& node : model.graph()->main.nodes) {
    std::vector<Value> inputs;
    for (const std::string& input : node.inputs) {
      const auto found = values.find(input);
      if (found != values.end()) inputs.push_back(found->second);
    }
    if (inputs.size() < node.inputs.size()) continue;
    require(values.emplace(node.outputs.back(), run(node, inputs, tensors)).second,
            "two values of one name");
  }
  std::map<std::string, HostTensor> all;
  for (const auto& [name, value] : values) {
    if (width_of(value.type) > 0) all.emplace(name, tensor_of(value));
  }
  return all;
}

}  // namespace qc::test
