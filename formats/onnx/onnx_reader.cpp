#include "formats/onnx/onnx_reader.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <utility>

#include "core/error.h"
#include "formats/onnx/metered_fields.h"
#include "formats/onnx/onnx_fields.h"

namespace qc {
namespace {

Origin origin_of(const OnnxField& field) { return {field.begin, field.content, field.end}; }

std::string plain_domain(std::string domain) {
  if (domain == "ai.onnx") domain.clear();
  return domain;
}

class Reader {
 public:
  Reader(const GappedBytes& file, std::uint64_t memory) : fields_(file, memory) {}

  OnnxFile run() {
    require_graph();
    ModelGraph& graph = file_.graph;
    fields_.each(0, fields_.fields().size(), [&](const OnnxField& field) {
      if (field.number == onnx_field::model::kIrVersion && field.is_varint()) {
        graph.ir_version = static_cast<std::int64_t>(field.value);
      } else if (field.number == onnx_field::model::kOpsetImport && field.is_delimited()) {
        read_opset(field, graph);
      } else if (field.number == onnx_field::model::kGraph && field.is_delimited()) {
        read_graph(field, 1, graph.main);
      } else if (field.number == onnx_field::model::kTrainingInfo && field.is_delimited()) {
        graph.training.push_back(read_training(field));
      } else if (field.number == onnx_field::model::kFunctions && field.is_delimited()) {
        graph.functions.push_back(read_function(field));
      }
    });
    return std::move(file_);
  }

 private:
  void require_graph() const {
    bool has_graph = false;
    each_field(fields_.fields(), 0, fields_.fields().size(), [&](const OnnxField& field) {
      has_graph |= field.number == onnx_field::model::kGraph && field.is_delimited();
    });
    if (!has_graph) throw Error(ErrorCode::kCorrupt, "it has no graph: not an ONNX model");
  }

  static void require_depth(const OnnxField& message, int depth) {
    if (depth > kMaxMessageNesting) {
      WireFields::damaged(message.content, "messages are nested too deep");
    }
  }

  void read_opset(const OnnxField& message, ModelGraph& model) {
    namespace names = onnx_field::opset;
    std::string domain;
    std::int64_t version = 0;
    fields_.each(message, [&](const OnnxField& field) {
      if (field.number == names::kDomain) domain = fields_.text(field);
      if (field.number == names::kVersion) version = static_cast<std::int64_t>(field.value);
    });
    model.opsets[plain_domain(std::move(domain))] = version;
  }

  TrainingGraphs read_training(const OnnxField& message) {
    namespace names = onnx_field::training;
    TrainingGraphs training;
    fields_.each(message, [&](const OnnxField& field) {
      if (!field.is_delimited()) return;
      if (field.number == names::kInitialization) read_graph(field, 2, training.initialization);
      if (field.number == names::kAlgorithm) read_graph(field, 2, training.algorithm);
      if (field.number != names::kInitializationBinding && field.number != names::kUpdateBinding) {
        return;
      }
      fields_.each(field,
                   [&](const OnnxField& part) { training.bound.push_back(fields_.text(part)); });
    });
    return training;
  }

  Function read_function(const OnnxField& message) {
    namespace names = onnx_field::function;
    Function function;
    function.origin = origin_of(message);
    fields_.each(message, [&](const OnnxField& field) {
      if (field.number == names::kName) function.name = fields_.text(field);
      if (field.number == names::kDomain) function.domain = plain_domain(fields_.text(field));
      if (!field.is_delimited()) return;
      if (field.number == names::kNode) read_node(field, 2, function.nodes);
      if (field.number == names::kAttributeProto) static_cast<void>(read_attribute(field, 2));
    });
    return function;
  }

  void read_graph(const OnnxField& message, int depth, Graph& graph) {
    namespace names = onnx_field::graph;
    require_depth(message, depth);
    graph.origin = origin_of(message);
    std::vector<GraphValue> inputs;
    fields_.each(message, [&](const OnnxField& field) {
      if (!field.is_delimited()) return;
      switch (field.number) {
        case names::kName:
          graph.name = fields_.text(field);
          break;
        case names::kNode:
          read_node(field, depth + 1, graph.nodes);
          break;
        case names::kInitializer:
          add_initializer(field, GraphTensor{read_tensor(field, depth + 1)}, graph);
          break;
        case names::kSparseInitializer:
          if (auto sparse = read_sparse(field, depth + 1)) add_initializer(field, *sparse, graph);
          break;
        case names::kInput:
          inputs.push_back(read_value(field));
          break;
        case names::kOutput:
          graph.outputs.push_back(read_value(field));
          break;
        case names::kValueInfo:
          graph.values.push_back(read_value(field));
          break;
        case names::kAnnotation:
          read_annotation(field, graph.annotated);
          break;
        default:
          break;
      }
    });
    std::stable_partition(graph.initializers.begin(), graph.initializers.end(),
                          [](const Initializer& each) { return !each.tensor.sparse; });
    add_inputs(std::move(inputs), graph);
  }

  static void add_inputs(std::vector<GraphValue> inputs, Graph& graph) {
    std::map<std::string_view, std::vector<Initializer*>> stored;
    for (Initializer& each : graph.initializers) stored[each.name].push_back(&each);
    for (GraphValue& input : inputs) {
      const auto found = stored.find(input.name);
      if (found == stored.end()) {
        graph.inputs.push_back(std::move(input));
        continue;
      }
      for (Initializer* each : found->second) each->is_input = true;
    }
  }

  void read_annotation(const OnnxField& message, std::vector<std::string>& annotated) {
    namespace names = onnx_field::annotation;
    fields_.each(message, [&](const OnnxField& field) {
      if (field.number == names::kTensorName) annotated.push_back(fields_.text(field));
      if (field.number != names::kParameterNames || !field.is_delimited()) return;
      fields_.each(field, [&](const OnnxField& part) {
        if (part.number == onnx_field::entry::kValue) annotated.push_back(fields_.text(part));
      });
    });
  }

  void read_node(const OnnxField& message, int depth, std::vector<Node>& nodes) {
    namespace names = onnx_field::node;
    require_depth(message, depth);
    Node node;
    node.number = nodes_++;
    node.origin = origin_of(message);
    fields_.each(message, [&](const OnnxField& field) {
      if (!field.is_delimited()) return;
      switch (field.number) {
        case names::kInput:
          node.inputs.push_back(fields_.text(field));
          break;
        case names::kOutput:
          node.outputs.push_back(fields_.text(field));
          break;
        case names::kName:
          node.name = fields_.text(field);
          break;
        case names::kOp:
          node.op = fields_.text(field);
          break;
        case names::kAttribute:
          node.attributes.push_back(read_attribute(field, depth + 1));
          break;
        case names::kDomain:
          node.domain = plain_domain(fields_.text(field));
          break;
        default:
          break;
      }
    });
    nodes.push_back(std::move(node));
  }

  // All that an attribute holds; its type says which of it counts.
  struct Held {
    onnx_field::AttributeType type = onnx_field::AttributeType::kUndefined;
    std::optional<float> number;
    std::optional<std::int64_t> integer;
    std::optional<std::string> string;
    std::vector<float> floats;
    std::vector<std::int64_t> integers;
    std::vector<std::string> strings;
    std::vector<GraphTensor> tensor;  // the last counts
    std::vector<GraphTensor> tensors;
    std::vector<GraphTensor> sparse;
    std::vector<GraphTensor> sparses;
    std::vector<std::shared_ptr<const Graph>> graph;
    std::vector<std::shared_ptr<const Graph>> graphs;
  };

  Attribute read_attribute(const OnnxField& message, int depth) {
    namespace names = onnx_field::attribute;
    require_depth(message, depth);
    Attribute attribute;
    attribute.origin = origin_of(message);
    Held held;
    fields_.each(message, [&](const OnnxField& field) {
      switch (field.number) {
        case names::kName:
          attribute.name = fields_.text(field);
          break;
        case names::kType:
          held.type = static_cast<onnx_field::AttributeType>(field.value);
          break;
        case names::kFloat:
          if (field.type == OnnxWireType::kFixed32) {
            held.number = load_le<float>(fields_.fields().bytes(field.content, field.end).data());
          }
          break;
        case names::kInt:
          if (field.is_varint()) held.integer = static_cast<std::int64_t>(field.value);
          break;
        case names::kString:
          held.string = fields_.text(field);
          break;
        case names::kFloats:
          fields_.add_floats(field, held.floats);
          break;
        case names::kInts:
          fields_.add_numbers(field, held.integers);
          break;
        case names::kStrings:
          held.strings.push_back(fields_.text(field));
          break;
        default:
          if (field.is_delimited()) read_part(field, depth + 1, held);
      }
    });
    attribute.value = value_of(std::move(held));
    return attribute;
  }

  void read_part(const OnnxField& field, int depth, Held& held) {
    namespace names = onnx_field::attribute;
    const auto graph = [&] {
      auto read = std::make_shared<Graph>();
      read_graph(field, depth, *read);
      return read;
    };
    switch (field.number) {
      case names::kTensor:
        held.tensor.push_back({read_tensor(field, depth)});
        break;
      case names::kTensors:
        held.tensors.push_back({read_tensor(field, depth)});
        break;
      case names::kGraph:
        held.graph.push_back(graph());
        break;
      case names::kGraphs:
        held.graphs.push_back(graph());
        break;
      case names::kSparse:
        if (auto sparse = read_sparse(field, depth)) held.sparse.push_back(*sparse);
        break;
      case names::kSparses:
        if (auto sparse = read_sparse(field, depth)) held.sparses.push_back(*sparse);
        break;
      default:
        break;
    }
  }

  static AttributeValue value_of(Held held) {
    using Type = onnx_field::AttributeType;
    const auto last = [](auto& values) -> AttributeValue {
      if (values.empty()) return std::monostate();
      return std::move(values.back());
    };
    switch (held.type == Type::kUndefined ? held_type(held) : held.type) {
      case Type::kFloat:
        return held.number.value_or(0.0F);
      case Type::kInt:
        return held.integer.value_or(0);
      case Type::kString:
        return std::move(held.string).value_or("");
      case Type::kTensor:
        return last(held.tensor);
      case Type::kGraph:
        return last(held.graph);
      case Type::kFloats:
        return std::move(held.floats);
      case Type::kInts:
        return std::move(held.integers);
      case Type::kStrings:
        return std::move(held.strings);
      case Type::kTensors:
        return std::move(held.tensors);
      case Type::kGraphs:
        return std::move(held.graphs);
      case Type::kSparse:
        return last(held.sparse);
      case Type::kSparses:
        return std::move(held.sparses);
      case Type::kUndefined:
        break;
    }
    return std::monostate();
  }

  // IR version 1 has no type field.
  static onnx_field::AttributeType held_type(const Held& held) {
    using Type = onnx_field::AttributeType;
    if (!held.tensor.empty()) return Type::kTensor;
    if (!held.graph.empty()) return Type::kGraph;
    if (held.integer) return Type::kInt;
    if (held.number) return Type::kFloat;
    if (held.string) return Type::kString;
    if (!held.integers.empty()) return Type::kInts;
    if (!held.floats.empty()) return Type::kFloats;
    if (!held.strings.empty()) return Type::kStrings;
    return Type::kUndefined;
  }

  void add_initializer(const OnnxField& message, const GraphTensor& tensor, Graph& graph) const {
    Initializer initializer;
    initializer.name = file_.tensors[tensor.index].name;
    initializer.tensor = tensor;
    initializer.origin = origin_of(message);
    graph.initializers.push_back(std::move(initializer));
  }

  // Nothing where there are no values or no indices.
  std::optional<GraphTensor> read_sparse(const OnnxField& message, int depth) {
    namespace names = onnx_field::sparse;
    require_depth(message, depth);
    GraphTensor::Sparse sparse;
    std::optional<std::size_t> values;
    std::optional<std::size_t> indices;
    fields_.each(message, [&](const OnnxField& field) {
      if (field.number == names::kDims) fields_.add_numbers(field, sparse.dims);
      if (!field.is_delimited()) return;
      if (field.number == names::kValues) values = read_tensor(field, depth + 1);
      if (field.number == names::kIndices) indices = read_tensor(field, depth + 1);
    });
    if (!values || !indices) return std::nullopt;
    sparse.indices = *indices;
    return GraphTensor{*values, std::move(sparse)};
  }

  std::size_t read_tensor(const OnnxField& message, int depth) {
    require_depth(message, depth);
    file_.tensors.push_back(qc::read_tensor(fields_, message));
    return file_.tensors.size() - 1;
  }

  GraphValue read_value(const OnnxField& message) {
    namespace names = onnx_field::value;
    GraphValue value;
    value.origin = origin_of(message);
    fields_.each(message, [&](const OnnxField& field) {
      if (!field.is_delimited()) return;
      if (field.number == names::kName) value.name = fields_.text(field);
      if (field.number == names::kType) read_type(field, value);
    });
    return value;
  }

  void read_type(const OnnxField& message, GraphValue& value) {
    namespace names = onnx_field::type;
    fields_.each(message, [&](const OnnxField& kind) {
      if (kind.number != names::kTensorType || !kind.is_delimited()) return;
      fields_.each(kind, [&](const OnnxField& field) {
        if (field.number == names::kElemType && field.is_varint()) {
          value.type = static_cast<DataType>(field.value);
        }
        if (field.number != names::kShape || !field.is_delimited()) return;
        value.has_shape = true;
        fields_.each(field, [&](const OnnxField& dim) {
          if (dim.number != names::kDim || !dim.is_delimited()) return;
          std::int64_t size = -1;
          fields_.each(dim, [&](const OnnxField& part) {
            if (part.number == names::kDimValue && part.is_varint()) {
              size = std::max<std::int64_t>(static_cast<std::int64_t>(part.value), -1);
            }
          });
          value.dims.push_back(size);
        });
      });
    });
  }

  MeteredFields fields_;
  std::size_t nodes_ = 0;
  OnnxFile file_;
};

}  // namespace

OnnxFile read_onnx(const GappedBytes& file, std::uint64_t memory) {
  if (file.size() == 0) throw Error(ErrorCode::kCorrupt, "it is empty: not an ONNX model");
  return Reader(file, memory).run();
}

}  // namespace qc
