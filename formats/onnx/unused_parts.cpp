#include "formats/onnx/unused_parts.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "formats/onnx/skeleton.h"

namespace qc {
namespace {

constexpr std::array<std::string_view, 4> kKnownDomains = {"", "ai.onnx", "ai.onnx.ml",
                                                           "com.microsoft"};

// Bytes of a length-delimited field with a tag of one byte.
std::uint64_t field_bytes(std::uint64_t size) noexcept {
  std::uint64_t bytes = 2 + size;
  for (std::uint64_t rest = size >> 7; rest > 0; rest >>= 7) ++bytes;
  return bytes;
}

// Takes out the elements for which `test` holds, called once for each in order; the others keep
// theirs.
template <typename Message, typename Test>
void erase_if(google::protobuf::RepeatedPtrField<Message>& all, const Test& test) {
  int kept = 0;
  for (int i = 0; i < all.size(); ++i) {
    if (test(all[i])) continue;
    if (kept != i) all.SwapElements(kept, i);
    ++kept;
  }
  all.DeleteSubrange(kept, all.size() - kept);
}

template <typename Body>
void each_subgraph(const onnx::NodeProto& node, const Body& body) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) body(attribute.g());
    for (const auto& graph : attribute.graphs()) body(graph);
  }
}

template <typename Body>
void each_subgraph(onnx::NodeProto& node, const Body& body) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) body(*attribute.mutable_g());
    for (auto& graph : *attribute.mutable_graphs()) body(graph);
  }
}

class Remover {
 public:
  explicit Remover(onnx::ModelProto& model) : model_(model) {}

  UnusedParts run() {
    count(model_.graph(), 1);
    for (const auto& training : model_.training_info()) {
      count(training.initialization(), 1);
      count(training.algorithm(), 1);
      for (const auto& binding : training.initialization_binding()) count(binding);
      for (const auto& binding : training.update_binding()) count(binding);
    }
    for (const auto& function : model_.functions()) domains_.insert(function.domain());
    // One round is enough where nodes come before those that use what they make, as ONNX asks.
    std::size_t known = 0;
    do {
      known = parts_.nodes.size();
      clean(*model_.mutable_graph());
    } while (parts_.nodes.size() > known);
    remove_functions();
    return std::move(parts_);
  }

 private:
  void count(const onnx::StringStringEntryProto& binding) {
    ++uses_[binding.key()];
    ++uses_[binding.value()];
  }

  void count(const onnx::NodeProto& node, int by) {
    for (const std::string& input : node.input()) uses_[input] += by;
    each_subgraph(node, [&](const onnx::GraphProto& inner) { count(inner, by); });
  }

  // Names of inner graphs count as uses of outer values of the same name: too many rather than few.
  void count(const onnx::GraphProto& graph, int by) {
    for (const auto& node : graph.node()) count(node, by);
    for (const auto& output : graph.output()) uses_[output.name()] += by;
    for (const auto& annotation : graph.quantization_annotation()) {
      uses_[annotation.tensor_name()] += by;
      for (const auto& entry : annotation.quant_parameter_tensor_names()) {
        uses_[entry.value()] += by;
      }
    }
  }

  bool is_used(const std::string& value) const {
    const auto found = uses_.find(value);
    return found != uses_.end() && found->second > 0;
  }

  bool is_unused(const onnx::NodeProto& node) const {
    const bool known = std::ranges::find(kKnownDomains, node.domain()) != kKnownDomains.end() ||
                       domains_.contains(node.domain());
    const auto& outputs = node.output();
    return known && std::ranges::any_of(outputs, [](const auto& out) { return !out.empty(); }) &&
           std::ranges::none_of(outputs, [&](const auto& out) { return is_used(out); });
  }

  void clean(onnx::GraphProto& graph) {
    std::set<std::string> gone;  // values
    clean_nodes(graph, gone);
    std::set<std::string_view> inputs;
    for (const auto& input : graph.input()) inputs.insert(input.name());
    erase_if(*graph.mutable_initializer(), [&](const onnx::TensorProto& tensor) {
      return is_gone(tensor, tensor.name(), inputs, gone);
    });
    erase_if(*graph.mutable_sparse_initializer(), [&](const onnx::SparseTensorProto& tensor) {
      return is_gone(tensor, tensor.values().name(), inputs, gone);
    });
    erase_if(*graph.mutable_value_info(),
             [&](const onnx::ValueInfoProto& value) { return gone.contains(value.name()); });
  }

  void clean_nodes(onnx::GraphProto& graph, std::set<std::string>& gone) {
    std::vector<bool> unused(static_cast<std::size_t>(graph.node_size()));
    for (int i = graph.node_size(); i-- > 0;) {
      onnx::NodeProto& node = *graph.mutable_node(i);
      if (!is_unused(node)) {
        each_subgraph(node, [&](onnx::GraphProto& inner) { clean(inner); });
        continue;
      }
      unused[static_cast<std::size_t>(i)] = true;
      count(node, -1);
      gone.insert(node.output().begin(), node.output().end());
      parts_.nodes.push_back(
          {node.op_type() + " " + node_label(node), field_bytes(node.ByteSizeLong())});
    }
    std::size_t at = 0;
    erase_if(*graph.mutable_node(), [&](const onnx::NodeProto&) { return unused[at++]; });
  }

  template <typename Tensor>
  bool is_gone(const Tensor& tensor, const std::string& name,
               const std::set<std::string_view>& inputs, std::set<std::string>& gone) {
    if (is_used(name) || inputs.contains(name)) return false;
    gone.insert(name);
    parts_.tensors.push_back({name, field_bytes(tensor.ByteSizeLong())});
    return true;
  }

  using FunctionName = std::pair<std::string, std::string>;

  template <typename Nodes>
  void collect_calls(const Nodes& nodes, std::set<FunctionName>& calls) const {
    for (const auto& node : nodes) {
      const bool is_new = calls.emplace(node.domain(), node.op_type()).second;
      each_subgraph(node,
                    [&](const onnx::GraphProto& inner) { collect_calls(inner.node(), calls); });
      if (!is_new) continue;
      for (const auto& function : model_.functions()) {
        const bool called = function.domain() == node.domain() && function.name() == node.op_type();
        if (called) collect_calls(function.node(), calls);
      }
    }
  }

  void remove_functions() {
    if (model_.functions_size() == 0) return;
    std::set<FunctionName> calls;
    collect_calls(model_.graph().node(), calls);
    for (const auto& training : model_.training_info()) {
      collect_calls(training.initialization().node(), calls);
      collect_calls(training.algorithm().node(), calls);
    }
    erase_if(*model_.mutable_functions(), [&](const onnx::FunctionProto& function) {
      if (calls.contains({function.domain(), function.name()})) return false;
      parts_.functions.push_back(
          {function.domain() + "." + function.name(), field_bytes(function.ByteSizeLong()) + 1});
      return true;
    });
  }

  onnx::ModelProto& model_;
  std::map<std::string, std::int64_t, std::less<>> uses_;
  std::set<std::string> domains_;  // of the model's own functions
  UnusedParts parts_;
};

// Every message of ONNX that has documentation calls it doc_string.
void remove_docs(google::protobuf::Message& message, RemovedDocs& removed) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    if (field->name() == "doc_string" && field->cpp_type() == Field::CPPTYPE_STRING) {
      ++removed.count;
      removed.bytes += field_bytes(reflection.GetString(message, field).size());
      reflection.ClearField(&message, field);
    } else if (field->cpp_type() != Field::CPPTYPE_MESSAGE) {
      continue;
    } else if (!field->is_repeated()) {
      remove_docs(*reflection.MutableMessage(&message, field), removed);
    } else {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        remove_docs(*reflection.MutableRepeatedMessage(&message, field, i), removed);
      }
    }
  }
}

}  // namespace

UnusedParts remove_unused_parts(onnx::ModelProto& model) {
  if (model.graph().output_size() == 0) return {};
  return Remover(model).run();
}

RemovedDocs remove_doc_strings(onnx::ModelProto& model) {
  RemovedDocs removed;
  remove_docs(model, removed);
  return removed;
}

}  // namespace qc
