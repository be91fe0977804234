#include "formats/onnx/graph.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"
#include "formats/onnx/model_skeleton.h"
#include "formats/onnx/onnx_wire.h"
#include "formats/onnx/skeleton.h"

namespace qc {
namespace {

// Upper bound on the bytes that all sparse tensors of a model may expand to.
constexpr std::uint64_t kMaxDenseBytes = std::uint64_t{1} << 30;

[[noreturn]] void corrupt(const std::string& tensor, std::string_view what) {
  throw Error(ErrorCode::kCorrupt, fmt::format("tensor {}: {}", tensor, what));
}

std::uint64_t elements_of(const std::string& name, std::span<const std::int64_t> dims) {
  const auto count = element_count(dims);
  if (!count) corrupt(name, "has an impossible shape");
  return *count;
}

// Typed fields other than float_data and double_data hold varints, whatever the element's width.
Bytes decode_varints(const std::string& name, ByteView payload, unsigned width,
                     std::uint64_t count) {
  if (count > payload.size()) corrupt(name, "holds fewer elements than its shape says");
  Bytes bytes(memory_size(count * width));
  ByteReader in(payload);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t value = in.varint();
    std::memcpy(bytes.data() + i * width, &value, width);
  }
  if (!in.ok() || !in.at_end()) corrupt(name, "does not hold as many elements as its shape says");
  return bytes;
}

class GraphReader {
 public:
  explicit GraphReader(const OnnxModel& model) : model_(model) {}

  GraphModel read() {
    const onnx::ModelProto proto = read_skeleton(model_);
    if (proto.functions_size() > 0) {
      throw Error(ErrorCode::kUnsupported,
                  fmt::format("the model defines functions of its own ({}): they cannot be "
                              "executed; inline them first (onnx.inliner)",
                              proto.functions(0).name()));
    }
    GraphModel result;
    for (const auto& opset : proto.opset_import()) {
      result.opsets[plain_domain(opset.domain())] = opset.version();
    }
    // Models of IR versions before 3 have no opset_import and mean opset 1.
    result.opsets.try_emplace("", 1);
    result.graph = graph(proto.graph());
    return result;
  }

 private:
  static std::string plain_domain(const std::string& domain) {
    return domain == "ai.onnx" ? "" : domain;
  }

  Graph graph(const onnx::GraphProto& proto) {
    Graph result;
    result.name = proto.name();
    for (const auto& initializer : proto.initializer()) {
      result.initializers[initializer.name()] = tensor(initializer);
    }
    for (const auto& sparse : proto.sparse_initializer()) {
      result.initializers[sparse.values().name()] = {dense(sparse), std::nullopt};
    }
    for (const auto& input : proto.input()) {
      if (!result.initializers.contains(input.name())) result.inputs.push_back(value_info(input));
    }
    for (const auto& output : proto.output()) result.outputs.push_back(value_info(output));
    for (const auto& node : proto.node()) result.nodes.push_back(read_node(node));
    return result;
  }

  static GraphValue value_info(const onnx::ValueInfoProto& proto) {
    GraphValue value;
    value.name = proto.name();
    if (!proto.type().has_tensor_type()) return value;
    const auto& type = proto.type().tensor_type();
    value.type = static_cast<DataType>(type.elem_type());
    value.has_shape = type.has_shape();
    for (const auto& dim : type.shape().dim()) {
      value.dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
    }
    return value;
  }

  Node read_node(const onnx::NodeProto& proto) {
    Node result;
    result.name = proto.name();
    result.op = proto.op_type();
    result.domain = plain_domain(proto.domain());
    result.inputs.assign(proto.input().begin(), proto.input().end());
    result.outputs.assign(proto.output().begin(), proto.output().end());
    for (const auto& attribute : proto.attribute()) {
      result.attributes[attribute.name()] = value(attribute);
    }
    return result;
  }

  Attribute value(const onnx::AttributeProto& proto) {
    switch (proto.type()) {
      case onnx::AttributeProto::INT:
        return proto.i();
      case onnx::AttributeProto::FLOAT:
        return proto.f();
      case onnx::AttributeProto::STRING:
        return proto.s();
      case onnx::AttributeProto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      case onnx::AttributeProto::FLOATS:
        return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case onnx::AttributeProto::STRINGS:
        return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
      case onnx::AttributeProto::TENSOR:
        return tensor(proto.t());
      case onnx::AttributeProto::SPARSE_TENSOR:
        return GraphTensor{dense(proto.sparse_tensor()), std::nullopt};
      case onnx::AttributeProto::GRAPH:
        return std::make_shared<const Graph>(graph(proto.g()));
      default:
        return untyped(proto);
    }
  }

  // IR version 1 has no type field.
  Attribute untyped(const onnx::AttributeProto& proto) {
    if (proto.has_t()) return tensor(proto.t());
    if (proto.has_g()) return std::make_shared<const Graph>(graph(proto.g()));
    if (proto.has_i()) return proto.i();
    if (proto.has_f()) return proto.f();
    if (proto.has_s()) return proto.s();
    if (proto.ints_size() > 0) {
      return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
    }
    if (proto.floats_size() > 0) {
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    }
    return std::monostate();
  }

  GraphTensor tensor(const onnx::TensorProto& proto) {
    const auto index = skeleton_index(proto, model_.tensors().size());
    GraphTensor result;
    result.value.type = static_cast<DataType>(proto.data_type());
    result.value.dims.assign(proto.dims().begin(), proto.dims().end());
    if (result.value.type == DataType::kString) {
      result.value.strings.assign(proto.string_data().begin(), proto.string_data().end());
      return result;
    }
    if (!index) corrupt(proto.name(), "has no data");
    const TensorInfo& info = model_.tensors()[*index];
    result.source = *index;
    result.value.bytes = elements(info);
    return result;
  }

  Bytes elements(const TensorInfo& info) const {
    const ByteView payload = model_.payload(info);
    const std::uint64_t count = elements_of(info.name, info.dims);
    const unsigned width = data_type_bits(info.type) / 8;
    if (width == 0) corrupt(info.name, fmt::format("of {}", data_type_name(info.type)));
    if (info.elements) return {payload.begin(), payload.end()};
    if (count == 0) return {};
    if (info.storage != Storage::kVarints) {
      corrupt(info.name, "does not hold as many bytes as its type and shape say");
    }
    return decode_varints(info.name, payload, width, count);
  }

  HostTensor dense(const onnx::SparseTensorProto& proto) {
    const GraphTensor values = tensor(proto.values());
    const GraphTensor indices = tensor(proto.indices());
    const std::string& name = proto.values().name();
    HostTensor result;
    result.type = values.value.type;
    result.dims.assign(proto.dims().begin(), proto.dims().end());
    const std::uint64_t count = elements_of(name, result.dims);
    const std::size_t width = data_type_bits(result.type) / 8;
    if (width == 0) corrupt(name, "is sparse and of strings");
    if (count > (kMaxDenseBytes - dense_bytes_) / width) {
      throw Error(ErrorCode::kLimit,
                  fmt::format("tensor {}: sparse tensors of more than {} MB when made dense", name,
                              kMaxDenseBytes >> 20));
    }
    dense_bytes_ += count * width;
    const std::uint64_t nonzeros = elements_of(name, values.value.dims);
    const std::vector<std::uint64_t> places =
        linear_indices(name, indices.value, nonzeros, result.dims);
    result.bytes.resize(memory_size(count * width));
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (places[i] >= count) corrupt(name, "has an index outside its shape");
      std::memcpy(result.bytes.data() + places[i] * width, values.value.bytes.data() + i * width,
                  width);
    }
    return result;
  }

  // Indices are given as [NNZ] places in the flattened tensor or as [NNZ, rank] coordinates.
  static std::vector<std::uint64_t> linear_indices(const std::string& name,
                                                   const HostTensor& indices, std::uint64_t count,
                                                   const std::vector<std::int64_t>& dims) {
    const bool flat = indices.dims.size() == 1;
    const bool coordinates =
        indices.dims.size() == 2 && indices.dims[1] == static_cast<std::int64_t>(dims.size());
    if (indices.type != DataType::kInt64 || (!flat && !coordinates)) {
      corrupt(name, "has indices of another form than ONNX knows");
    }
    if (indices.dims[0] != static_cast<std::int64_t>(count)) {
      corrupt(name, "has not as many indices as values");
    }
    const std::size_t width = flat ? 1 : dims.size();
    std::vector<std::uint64_t> places(memory_size(count));
    for (std::size_t i = 0; i < places.size(); ++i) {
      std::uint64_t place = 0;
      for (std::size_t axis = 0; axis < width; ++axis) {
        const auto at = load_le<std::int64_t>(indices.bytes.data() + (i * width + axis) * 8);
        if (at < 0 || (coordinates && at >= dims[axis])) corrupt(name, "has an index out of range");
        if (coordinates) place *= static_cast<std::uint64_t>(dims[axis]);
        place += static_cast<std::uint64_t>(at);
      }
      places[i] = place;
    }
    return places;
  }

  const OnnxModel& model_;
  std::uint64_t dense_bytes_ = 0;  // that sparse tensors were expanded to
};

}  // namespace

const std::string& Node::label() const {
  static const std::string kNone;
  if (!name.empty() || outputs.empty()) return name.empty() ? kNone : name;
  return outputs.front();
}

GraphModel load_graph(const OnnxModel& model) { return GraphReader(model).read(); }

}  // namespace qc
