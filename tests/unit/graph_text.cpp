#include "graph_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace qc::test {
namespace {

std::string plain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string tensor_text(const std::string& name, std::int64_t type, const auto& dims,
                        const auto& strings) {
  return fmt::format("{:?} type {} dims {} strings {}", name, type, dims, strings);
}

// Of what was read by hand.
class ReadText {
 public:
  explicit ReadText(const OnnxFile& model) : model_(model) {}

  std::string run() {
    for (const auto& [domain, version] : model_.graph.opsets) {
      line(fmt::format("opset {:?} {}", domain, version));
    }
    graph(model_.graph.main);
    for (const TrainingGraphs& training : model_.graph.training) {
      line(fmt::format("training {}", training.bound));
      graph(training.initialization);
      graph(training.algorithm);
    }
    for (const Function& function : model_.graph.functions) {
      line(fmt::format("function {:?} {:?}", function.domain, function.name));
      for (const Node& each : function.nodes) node(each);
    }
    return std::move(text_);
  }

 private:
  void line(const std::string& text) { text_ += text + '\n'; }

  std::string tensor(std::size_t index) const {
    const WireTensor& found = model_.tensors.at(index);
    return tensor_text(found.name, found.data_type, found.dims, found.strings);
  }

  std::string tensor(const GraphTensor& constant) const {
    if (!constant.sparse) return tensor(constant.index);
    return fmt::format("sparse {} of {}, {}", constant.sparse->dims, tensor(constant.index),
                       tensor(constant.sparse->indices));
  }

  void value(const char* what, const GraphValue& each) {
    line(fmt::format("{} {:?} type {} {} {}", what, each.name, static_cast<int>(each.type),
                     each.has_shape, each.dims));
  }

  void graph(const Graph& graph) {
    line(fmt::format("graph {:?} {}", graph.name, graph.annotated));
    for (const Initializer& each : graph.initializers) {
      line(fmt::format("initializer {:?} {} {}", each.name, each.is_input, tensor(each.tensor)));
    }
    for (const GraphValue& each : graph.inputs) value("input", each);
    for (const GraphValue& each : graph.outputs) value("output", each);
    for (const GraphValue& each : graph.values) value("value", each);
    for (const Node& each : graph.nodes) node(each);
  }

  void node(const Node& node) {
    line(fmt::format("node {} {:?} {:?} {:?} {} -> {}", node.number, node.name, node.domain,
                     node.op, node.inputs, node.outputs));
    for (const Attribute& each : node.attributes) attribute(each);
  }

  void attribute(const Attribute& attribute) {
    line(fmt::format(
        "attribute {:?} {}", attribute.name,
        std::visit([this](const auto& value) { return this->described(value); }, attribute.value)));
    each_subgraph(attribute, [&](const Graph& inner) { graph(inner); });
  }

  static std::string described(std::monostate) { return "?"; }
  std::string described(const GraphTensor& constant) const { return tensor(constant); }
  std::string described(const std::vector<GraphTensor>& all) const {
    std::string text;
    for (const GraphTensor& each : all) text += tensor(each) + ';';
    return text;
  }
  static std::string described(const std::shared_ptr<const Graph>&) { return "graph"; }
  static std::string described(const std::vector<std::shared_ptr<const Graph>>&) {
    return "graphs";
  }
  template <typename Plain>
  static std::string described(const Plain& value) {
    return fmt::format("{}", value);
  }

  const OnnxFile& model_;
  std::string text_;
};

// Of protobuf's classes.
class ProtoText {
 public:
  std::string run(const onnx::ModelProto& model) {
    std::map<std::string, std::int64_t> opsets;
    for (const auto& opset : model.opset_import()) opsets[plain(opset.domain())] = opset.version();
    for (const auto& [domain, version] : opsets)
      line(fmt::format("opset {:?} {}", domain, version));
    graph(model.graph());
    for (const auto& training : model.training_info()) {
      std::vector<std::string> bound;
      for (const auto* bindings :
           {&training.initialization_binding(), &training.update_binding()}) {
        for (const auto& each : *bindings) {
          if (each.has_key()) bound.push_back(each.key());
          if (each.has_value()) bound.push_back(each.value());
        }
      }
      line(fmt::format("training {}", bound));
      graph(training.initialization());
      graph(training.algorithm());
    }
    for (const auto& function : model.functions()) {
      line(fmt::format("function {:?} {:?}", plain(function.domain()), function.name()));
      for (const auto& each : function.node()) node(each);
    }
    return std::move(text_);
  }

 private:
  void line(const std::string& text) { text_ += text + '\n'; }

  static std::string tensor(const onnx::TensorProto& tensor) {
    return tensor_text(tensor.name(), tensor.data_type(), tensor.dims(), tensor.string_data());
  }

  static std::string tensor(const onnx::SparseTensorProto& sparse) {
    return fmt::format("sparse {} of {}, {}", sparse.dims(), tensor(sparse.values()),
                       tensor(sparse.indices()));
  }

  static bool is_whole(const onnx::SparseTensorProto& sparse) {
    return sparse.has_values() && sparse.has_indices();
  }

  void value(const char* what, const onnx::ValueInfoProto& each) {
    const auto& type = each.type().tensor_type();
    std::vector<std::int64_t> dims;
    for (const auto& dim : type.shape().dim()) {
      dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1);
    }
    line(fmt::format("{} {:?} type {} {} {}", what, each.name(), type.elem_type(), type.has_shape(),
                     dims));
  }

  void graph(const onnx::GraphProto& graph) {
    std::vector<std::string> annotated;
    for (const auto& annotation : graph.quantization_annotation()) {
      if (annotation.has_tensor_name()) annotated.push_back(annotation.tensor_name());
      for (const auto& each : annotation.quant_parameter_tensor_names()) {
        if (each.has_value()) annotated.push_back(each.value());
      }
    }
    line(fmt::format("graph {:?} {}", graph.name(), annotated));
    std::set<std::string> inputs;
    for (const auto& each : graph.input()) inputs.insert(each.name());
    std::set<std::string> stored;
    const auto initializer = [&](const std::string& name, const std::string& text) {
      stored.insert(name);
      line(fmt::format("initializer {:?} {} {}", name, inputs.contains(name), text));
    };
    for (const auto& each : graph.initializer()) initializer(each.name(), tensor(each));
    for (const auto& each : graph.sparse_initializer()) {
      if (is_whole(each)) initializer(each.values().name(), tensor(each));
    }
    for (const auto& each : graph.input()) {
      if (!stored.contains(each.name())) value("input", each);
    }
    for (const auto& each : graph.output()) value("output", each);
    for (const auto& each : graph.value_info()) value("value", each);
    for (const auto& each : graph.node()) node(each);
  }

  void node(const onnx::NodeProto& node) {
    line(fmt::format("node {} {:?} {:?} {:?} {} -> {}", nodes_++, node.name(), plain(node.domain()),
                     node.op_type(), node.input(), node.output()));
    for (const auto& each : node.attribute()) attribute(each);
  }

  static std::string attribute_text(const onnx::AttributeProto& attribute) {
    std::string all;
    switch (attribute.type()) {
      case onnx::AttributeProto::INT:
        return fmt::format("{}", attribute.i());
      case onnx::AttributeProto::FLOAT:
        return fmt::format("{}", attribute.f());
      case onnx::AttributeProto::STRING:
        return attribute.s();
      case onnx::AttributeProto::INTS:
        return fmt::format("{}", attribute.ints());
      case onnx::AttributeProto::FLOATS:
        return fmt::format("{}", attribute.floats());
      case onnx::AttributeProto::STRINGS:
        return fmt::format("{}", attribute.strings());
      case onnx::AttributeProto::TENSOR:
        return tensor(attribute.t());
      case onnx::AttributeProto::SPARSE_TENSOR:
        return tensor(attribute.sparse_tensor());
      case onnx::AttributeProto::TENSORS:
        for (const auto& each : attribute.tensors()) all += tensor(each) + ';';
        return all;
      case onnx::AttributeProto::SPARSE_TENSORS:
        for (const auto& each : attribute.sparse_tensors()) {
          if (is_whole(each)) all += tensor(each) + ';';
        }
        return all;
      case onnx::AttributeProto::GRAPH:
        return "graph";
      case onnx::AttributeProto::GRAPHS:
        return "graphs";
      default:
        return "?";
    }
  }

  void attribute(const onnx::AttributeProto& attribute) {
    line(fmt::format("attribute {:?} {}", attribute.name(), attribute_text(attribute)));
    if (attribute.type() == onnx::AttributeProto::GRAPH) graph(attribute.g());
    if (attribute.type() != onnx::AttributeProto::GRAPHS) return;
    for (const auto& each : attribute.graphs()) graph(each);
  }

  std::string text_;
  std::size_t nodes_ = 0;
};

}  // namespace

std::string text_of(const OnnxFile& model) { return ReadText(model).run(); }

std::string text_of(const onnx::ModelProto& model) { return ProtoText().run(model); }

}  // namespace qc::test
