#include "emit/embed_data.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace qc {
namespace {

class Embedder {
 public:
  explicit Embedder(const OnnxModel& model) : model_(model), edited_(model.edit_graph()) {}

  OnnxModel run() {
    embed(edited_.graph.main);
    return model_.with_graph(std::move(edited_));
  }

 private:
  bool is_external(const GraphTensor& tensor) const {
    const TensorInfo& info = model_.tensors()[tensor.index];
    return !tensor.sparse && info.storage == Storage::kExternal && info.elements;
  }

  GraphTensor own(const GraphTensor& tensor) {
    const TensorInfo& info = model_.tensors()[tensor.index];
    const ByteView payload = model_.payload(info);
    return edited_.add({info.type, info.dims, {payload.begin(), payload.end()}});
  }

  bool embed(Graph& graph) {
    bool changed = false;
    for (Initializer& each : graph.initializers) {
      if (!is_external(each.tensor)) continue;
      each.tensor = own(each.tensor);
      each.origin = {};
      changed = true;
    }
    for (Node& node : graph.nodes) {
      for (Attribute& attribute : node.attributes) changed |= embed(attribute);
    }
    return changed;
  }

  bool embed(Attribute& attribute) {
    using One = std::shared_ptr<const Graph>;
    if (auto* tensor = std::get_if<GraphTensor>(&attribute.value)) {
      if (!is_external(*tensor)) return false;
      attribute = {attribute.name, own(*tensor)};
      return true;
    }
    bool changed = false;
    const auto replace = [&](One& graph) {
      auto copy = std::make_shared<Graph>(*graph);
      if (!embed(*copy)) return;
      graph = std::move(copy);
      changed = true;
    };
    if (auto* one = std::get_if<One>(&attribute.value)) replace(*one);
    if (auto* all = std::get_if<std::vector<One>>(&attribute.value)) {
      for (One& each : *all) replace(each);
    }
    return changed;
  }

  const OnnxModel& model_;
  EditedGraph edited_;
};

}  // namespace

OnnxModel embed_data(const OnnxModel& model) {
  if (model.files().size() == 1 || model.total_size() > kMaxOneFile) return model;
  return Embedder(model).run();
}

}  // namespace qc
