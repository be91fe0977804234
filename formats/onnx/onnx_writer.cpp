#include "formats/onnx/onnx_writer.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "formats/onnx/onnx_fields.h"
#include "formats/onnx/onnx_messages.h"
#include "formats/onnx/wire_fields.h"
#include "formats/onnx/wire_message.h"

namespace qc {
namespace {

bool are_same(const Attribute& a, const Attribute& b) {
  return a.name == b.name && a.value == b.value;
}

bool are_same(const Node& a, const Node& b) {
  return a.name == b.name && a.op == b.op && a.domain == b.domain && a.inputs == b.inputs &&
         a.outputs == b.outputs &&
         std::ranges::equal(a.attributes, b.attributes,
                            [](const Attribute& x, const Attribute& y) { return are_same(x, y); });
}

bool are_same(const GraphValue& a, const GraphValue& b) {
  return a.name == b.name && a.type == b.type && a.has_shape == b.has_shape && a.dims == b.dims;
}

bool are_same(const Initializer& a, const Initializer& b) {
  return a.name == b.name && a.tensor == b.tensor;
}

// What was read from the file, by where it begins there.
class Originals {
 public:
  explicit Originals(const ModelGraph& model) { add(model.main); }

  const Node* find(const Node& node) const { return find(nodes_, node); }
  const GraphValue* find(const GraphValue& value) const { return find(values_, value); }
  const Initializer* find(const Initializer& each) const { return find(initializers_, each); }
  const Graph* find(const Graph& graph) const { return find(graphs_, graph); }
  bool knows_initializer(std::uint64_t begin) const { return initializers_.contains(begin); }
  bool knows_value(std::uint64_t begin) const { return values_.contains(begin); }

 private:
  template <typename Element>
  using ByPlace = std::map<std::uint64_t, const Element*>;

  template <typename Element>
  static const Element* find(const ByPlace<Element>& all, const Element& element) {
    const auto found = all.find(element.origin.begin);
    return element.origin.is_known() && found != all.end() ? found->second : nullptr;
  }

  template <typename Element>
  static void add_all(const std::vector<Element>& elements, ByPlace<Element>& all) {
    for (const Element& each : elements) all.emplace(each.origin.begin, &each);
  }

  void add(const Graph& graph) {
    graphs_.emplace(graph.origin.begin, &graph);
    add_all(graph.nodes, nodes_);
    add_all(graph.initializers, initializers_);
    for (const auto* values : {&graph.inputs, &graph.outputs, &graph.values}) {
      add_all(*values, values_);
    }
    for (const Node& node : graph.nodes) {
      each_subgraph(node, [&](const Graph& inner) { add(inner); });
    }
  }

  ByPlace<Node> nodes_;
  ByPlace<GraphValue> values_;
  ByPlace<Initializer> initializers_;
  ByPlace<Graph> graphs_;
};

class Writer {
 public:
  Writer(const BytePieces& original, const ModelGraph& before, const EditedGraph& after,
         const FieldFilter& leaves_out)
      : original_(original),
        file_(original),
        fields_(file_),
        before_(before),
        before_model_(before),
        after_(after),
        leaves_out_(leaves_out) {}

  WrittenFile run() {
    namespace names = onnx_field::model;
    WireMessage model = empty();
    std::set<std::uint64_t> functions;
    for (const Function& function : after_.graph.functions) functions.insert(function.origin.begin);
    int graphs = 0;
    each_field(fields_, 0, fields_.size(), [&](const OnnxField& field) {
      if (field.is_delimited() && field.number == names::kGraph) {
        model.message(names::kGraph, graph(after_.graph.main));
        ++graphs;
      } else if (field.is_delimited() && field.number == names::kFunctions) {
        if (functions.contains(field.begin)) copy(OnnxMessage::kModel, field, model);
      } else if (field.is_delimited() && field.number == names::kOpsetImport) {
        opset(field, model);
      } else {
        copy(OnnxMessage::kModel, field, model);
      }
    });
    if (graphs != 1) {
      throw Error(ErrorCode::kUnsupported,
                  "the graph is written in several parts and cannot be changed");
    }
    WrittenFile file;
    file.bytes = model.resolve(original_, after_.tensors);
    file.own = std::move(buffer_);
    return file;
  }

 private:
  // Fields in the order of their numbers, as protobuf writes them.
  using Fields = std::vector<std::pair<std::uint32_t, WireMessage>>;

  WireMessage empty() { return WireMessage(buffer_); }

  void copy(OnnxMessage parent, const OnnxField& field, WireMessage& out) const {
    copy_field(fields_, parent, field, leaves_out_, out);
  }

  // A field that was read, as it is.
  WireMessage copied(OnnxMessage parent, const Origin& origin) {
    WireMessage out = empty();
    std::uint64_t at = origin.begin;
    copy(parent, fields_.next(at, origin.end), out);
    return out;
  }

  WireMessage nested(std::uint32_t number, const WireMessage& content) {
    WireMessage out = empty();
    out.message(number, content);
    return out;
  }

  // Adds the fields of a message but for those that are written anew, and for initializers that the
  // graph knows: a sparse tensor without values or indices is none.
  void keep_others(OnnxMessage message, const Origin& origin, std::span<const std::uint32_t> anew,
                   Fields& fields) {
    each_field(fields_, origin.content, origin.end, [&](const OnnxField& field) {
      if (std::ranges::find(anew, field.number) != anew.end()) return;
      if (message == OnnxMessage::kGraph && before_.knows_initializer(field.begin)) return;
      WireMessage out = empty();
      copy(message, field, out);
      fields.emplace_back(field.number, std::move(out));
    });
  }

  WireMessage in_order(Fields fields) {
    std::ranges::stable_sort(fields, {}, &Fields::value_type::first);
    WireMessage out = empty();
    for (const auto& [number, field] : fields) out.append(field);
    return out;
  }

  WireMessage text(std::uint32_t number, const std::string& value) {
    WireMessage out = empty();
    out.text(number, value);
    return out;
  }

  // The version of a domain's operators, anew where it differs.
  void opset(const OnnxField& import, WireMessage& model) {
    namespace names = onnx_field::opset;
    const std::string domain = text_in(import, names::kDomain);
    const std::string plain = domain == "ai.onnx" ? "" : domain;
    const auto now = after_.graph.opsets.find(plain);
    const auto was = before_model_.opsets.find(plain);
    if (now == after_.graph.opsets.end() || was->second == now->second) {
      return copy(OnnxMessage::kModel, import, model);
    }
    WireMessage content = empty();
    if (!domain.empty()) content.text(names::kDomain, domain);
    content.varint(names::kVersion, static_cast<std::uint64_t>(now->second));
    model.message(onnx_field::model::kOpsetImport, content);
  }

  // The text in a field of a message; empty where there is none.
  std::string text_in(const OnnxField& message, std::uint32_t number) const {
    std::string found;
    each_field(fields_, message.content, message.end, [&](const OnnxField& field) {
      if (field.number == number && field.is_delimited()) found = fields_.text(field);
    });
    return found;
  }

  WireMessage graph(const Graph& graph) {
    namespace names = onnx_field::graph;
    constexpr std::uint32_t kAnew[] = {names::kNode, names::kInitializer, names::kInput,
                                       names::kOutput, names::kValueInfo};
    Fields fields;
    keep_others(OnnxMessage::kGraph, graph.origin, kAnew, fields);
    for (const Node& each : graph.nodes) fields.emplace_back(names::kNode, node(each));
    for (const Initializer& each : graph.initializers) {
      const bool sparse = each.tensor.sparse.has_value();
      fields.emplace_back(sparse ? names::kSparseInitializer : names::kInitializer,
                          initializer(each));
    }
    add_inputs(graph, fields);
    for (const GraphValue& each : graph.outputs) {
      fields.emplace_back(names::kOutput, value(names::kOutput, each));
    }
    for (const GraphValue& each : graph.values) {
      fields.emplace_back(names::kValueInfo, value(names::kValueInfo, each));
    }
    return in_order(std::move(fields));
  }

  // Initializers that are listed among the inputs are so still, and those that were taken out are
  // not.
  void add_inputs(const Graph& graph, Fields& fields) {
    namespace names = onnx_field::graph;
    std::map<std::uint64_t, const GraphValue*> kept;
    for (const GraphValue& input : graph.inputs) kept.emplace(input.origin.begin, &input);
    std::map<std::string_view, const Initializer*> initializers;
    for (const Initializer& each : graph.initializers) initializers[each.name] = &each;
    each_field(fields_, graph.origin.content, graph.origin.end, [&](const OnnxField& field) {
      if (field.number != names::kInput) return;
      const auto found = kept.find(field.begin);
      if (found != kept.end()) {
        fields.emplace_back(names::kInput, value(names::kInput, *found->second));
        return;
      }
      if (before_.knows_value(field.begin)) return;  // taken out
      // A field of another kind is no input, and stays as other fields that nobody knows.
      if (field.is_delimited()) {
        const auto initializer = initializers.find(text_in(field, onnx_field::value::kName));
        if (initializer == initializers.end()) return;
        if (const HostTensor* tensor = new_value(initializer->second->tensor)) {
          const GraphValue input{std::string(initializer->first), tensor->type, true, tensor->dims};
          fields.emplace_back(names::kInput, value(names::kInput, input));
          return;
        }
      }
      WireMessage out = empty();
      copy(OnnxMessage::kGraph, field, out);
      fields.emplace_back(names::kInput, std::move(out));
    });
  }

  WireMessage node(const Node& node) {
    namespace names = onnx_field::node;
    const Node* before = before_.find(node);
    if (before != nullptr && are_same(*before, node)) {
      return copied(OnnxMessage::kGraph, node.origin);
    }
    Fields fields;
    std::vector<std::uint32_t> anew = {names::kInput, names::kOutput, names::kAttribute};
    for (const std::string& each : node.inputs) {
      fields.emplace_back(names::kInput, text(names::kInput, each));
    }
    for (const std::string& each : node.outputs) {
      fields.emplace_back(names::kOutput, text(names::kOutput, each));
    }
    for (const Attribute& each : node.attributes) {
      fields.emplace_back(names::kAttribute, attribute(each));
    }
    const auto write = [&](std::uint32_t number, const std::string Node::*member) {
      const std::string& now = node.*member;
      if (before != nullptr && before->*member == now) return;
      anew.push_back(number);
      if (!now.empty()) fields.emplace_back(number, text(number, now));
    };
    write(names::kName, &Node::name);
    write(names::kOp, &Node::op);
    write(names::kDomain, &Node::domain);
    if (before != nullptr) keep_others(OnnxMessage::kNode, node.origin, anew, fields);
    return nested(onnx_field::graph::kNode, in_order(std::move(fields)));
  }

  // A tensor that is not the file's; null for one that is.
  const HostTensor* new_value(const GraphTensor& tensor) const {
    if (tensor.index < after_.first_new || tensor.sparse) return nullptr;
    return &after_.tensors[tensor.index - after_.first_new];
  }

  // The field of a node for an attribute. Those that were read do not change but for their graphs.
  WireMessage attribute(const Attribute& attribute) {
    namespace names = onnx_field::attribute;
    if (!attribute.origin.is_known()) return new_attribute(attribute);
    bool changed = false;
    each_subgraph(attribute, [&](const Graph& inner) { changed |= before_.find(inner) != &inner; });
    if (!changed) return copied(OnnxMessage::kNode, attribute.origin);
    constexpr std::uint32_t kAnew[] = {names::kGraph, names::kGraphs};
    Fields fields;
    keep_others(OnnxMessage::kAttribute, attribute.origin, kAnew, fields);
    const bool one = std::holds_alternative<std::shared_ptr<const Graph>>(attribute.value);
    const std::uint32_t number = one ? names::kGraph : names::kGraphs;
    each_subgraph(attribute, [&](const Graph& inner) {
      fields.emplace_back(number, nested(number, graph(inner)));
    });
    return nested(onnx_field::node::kAttribute, in_order(std::move(fields)));
  }

  WireMessage new_attribute(const Attribute& attribute) {
    namespace names = onnx_field::attribute;
    WireMessage out = empty();
    out.text(names::kName, attribute.name);
    const auto end = [&](onnx_field::AttributeType type) {
      out.varint(names::kType, static_cast<std::uint64_t>(type));
      return nested(onnx_field::node::kAttribute, out);
    };
    if (const auto* number = std::get_if<float>(&attribute.value)) {
      out.fixed32(names::kFloat, *number);
      return end(onnx_field::AttributeType::kFloat);
    }
    if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
      out.varint(names::kInt, static_cast<std::uint64_t>(*number));
      return end(onnx_field::AttributeType::kInt);
    }
    if (const auto* string = std::get_if<std::string>(&attribute.value)) {
      out.text(names::kString, *string);
      return end(onnx_field::AttributeType::kString);
    }
    if (const auto* numbers = std::get_if<std::vector<std::int64_t>>(&attribute.value)) {
      for (const std::int64_t each : *numbers) {
        out.varint(names::kInts, static_cast<std::uint64_t>(each));
      }
      return end(onnx_field::AttributeType::kInts);
    }
    if (const auto* numbers = std::get_if<std::vector<float>>(&attribute.value)) {
      for (const float each : *numbers) out.fixed32(names::kFloats, each);
      return end(onnx_field::AttributeType::kFloats);
    }
    if (const auto* tensor = std::get_if<GraphTensor>(&attribute.value)) {
      out.message(names::kTensor, new_tensor(*tensor, ""));
      return end(onnx_field::AttributeType::kTensor);
    }
    throw Error(ErrorCode::kInternal, "a new attribute of a kind that is not written");
  }

  // The content of a TensorProto for a new tensor.
  WireMessage new_tensor(const GraphTensor& tensor, const std::string& name) {
    namespace names = onnx_field::tensor;
    const HostTensor* value = new_value(tensor);
    if (value == nullptr) {
      throw Error(ErrorCode::kInternal, "a tensor of the file in a new place");
    }
    const std::size_t index = tensor.index - after_.first_new;
    WireMessage out = empty();
    for (const std::int64_t dim : value->dims) {
      out.varint(names::kDims, static_cast<std::uint64_t>(dim));
    }
    out.varint(names::kDataType, static_cast<std::uint64_t>(value->type));
    if (!name.empty()) out.text(names::kName, name);
    out.payload(names::kRawData, index, value->bytes.size());
    return out;
  }

  WireMessage initializer(const Initializer& initializer) {
    namespace names = onnx_field::graph;
    const Initializer* before = before_.find(initializer);
    if (before == nullptr) {
      return nested(names::kInitializer, new_tensor(initializer.tensor, initializer.name));
    }
    if (are_same(*before, initializer)) return copied(OnnxMessage::kGraph, initializer.origin);
    if (initializer.tensor != before->tensor || initializer.tensor.sparse) {
      throw Error(ErrorCode::kInternal, "an initializer with another tensor");
    }
    return nested(names::kInitializer, renamed(OnnxMessage::kTensor, onnx_field::tensor::kName,
                                               initializer.origin, initializer.name));
  }

  WireMessage renamed(OnnxMessage message, std::uint32_t number, const Origin& origin,
                      const std::string& name) {
    Fields fields;
    keep_others(message, origin, {&number, 1}, fields);
    fields.emplace_back(number, text(number, name));
    return in_order(std::move(fields));
  }

  WireMessage value(std::uint32_t number, const GraphValue& value) {
    namespace names = onnx_field::value;
    const GraphValue* before = before_.find(value);
    if (before != nullptr) {
      if (are_same(*before, value)) return copied(OnnxMessage::kGraph, value.origin);
      GraphValue named = *before;
      named.name = value.name;
      if (are_same(named, value)) {
        return nested(number, renamed(OnnxMessage::kValue, names::kName, value.origin, value.name));
      }
    }
    const std::vector<OnnxField> dims_before = dim_fields(value.origin);
    WireMessage shape = empty();
    for (std::size_t i = 0; i < value.dims.size(); ++i) {
      // A size that is still open keeps its name.
      if (i < dims_before.size() && before != nullptr && before->dims[i] == value.dims[i]) {
        shape.copy(dims_before[i].begin, dims_before[i].end);
        continue;
      }
      WireMessage dim = empty();
      const auto size = static_cast<std::uint64_t>(value.dims[i]);
      if (value.dims[i] >= 0) dim.varint(onnx_field::type::kDimValue, size);
      shape.message(onnx_field::type::kDim, dim);
    }
    WireMessage tensor = empty();
    tensor.varint(onnx_field::type::kElemType, static_cast<std::uint64_t>(value.type));
    if (value.has_shape) tensor.message(onnx_field::type::kShape, shape);
    WireMessage out = empty();
    out.text(names::kName, value.name);
    out.message(names::kType, nested(onnx_field::type::kTensorType, tensor));
    return nested(number, out);
  }

  // The fields of a value's dimensions, as in GraphValue::dims.
  std::vector<OnnxField> dim_fields(const Origin& origin) const {
    namespace names = onnx_field::type;
    std::vector<OnnxField> level = {
        {0, OnnxWireType::kLengthDelimited, 0, origin.content, origin.end, 0}};
    for (const std::uint32_t number :
         {onnx_field::value::kType, names::kTensorType, names::kShape, names::kDim}) {
      std::vector<OnnxField> below;
      for (const OnnxField& message : level) {
        each_field(fields_, message.content, message.end, [&](const OnnxField& field) {
          if (field.number == number && field.is_delimited()) below.push_back(field);
        });
      }
      level = std::move(below);
    }
    return level;
  }

  const BytePieces& original_;
  const GappedBytes file_;
  const WireFields fields_;
  const Originals before_;
  const ModelGraph& before_model_;
  const EditedGraph& after_;
  const FieldFilter& leaves_out_;
  Bytes buffer_;
};

}  // namespace

WrittenFile write_onnx(const BytePieces& original, const ModelGraph& before,
                       const EditedGraph& after, const FieldFilter& leaves_out) {
  return Writer(original, before, after, leaves_out).run();
}

}  // namespace qc
