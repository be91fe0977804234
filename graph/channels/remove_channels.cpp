#include <algorithm>
#include <utility>

#include "graph/channels/channel_groups.h"
#include "graph/channels/operator_channels.h"
#include "graph/graph_editor.h"

namespace qc {
namespace {

class Remover {
 public:
  Remover(const ChannelGroups& groups, const std::set<std::size_t>& removed,
          const ReadIntegers& read, const CutConstant& cut, EditedGraph& edited)
      : coupling_(*groups.coupling),
        cut_(cut),
        edited_(edited),
        known_(edited.graph.main, read),
        stays_(coupling_.size()) {
    for (std::size_t place = 0; place < stays_.size(); ++place) {
      stays_[place] = !removed.contains(coupling_.set_of(place));
    }
  }

  void run() {
    Graph& graph = edited_.graph.main;
    for (Initializer& each : graph.initializers) {
      if (each.tensor.sparse || !cut_constant(each.name, each.tensor)) continue;
      each.origin = {};  // it is another one
    }
    for (Node& node : graph.nodes) {
      if (!node.is_standard("Constant") || node.outputs.size() != 1) continue;
      for (Attribute& attribute : node.attributes) {
        auto* tensor = std::get_if<GraphTensor>(&attribute.value);
        if (tensor == nullptr || tensor->sparse) continue;
        GraphTensor changed = *tensor;
        if (cut_constant(node.outputs.front(), changed)) attribute = {attribute.name, changed};
      }
    }
    for (auto* values : {&graph.values, &graph.inputs, &graph.outputs}) {
      for (GraphValue& value : *values) state_sizes(value);
    }
    cut_nodes();
  }

 private:
  // Which places along the axes of a value stay; empty where all do.
  std::vector<std::vector<bool>> staying(const std::string& value) const {
    const Dims* dims = coupling_.dims(value);
    std::vector<std::vector<bool>> axes;
    if (dims == nullptr) return axes;
    bool is_cut = false;
    for (std::size_t axis = 0; axis < dims->size(); ++axis) {
      const auto begin = stays_.begin() + static_cast<std::ptrdiff_t>(coupling_.first(value, axis));
      axes.emplace_back(begin, begin + static_cast<std::ptrdiff_t>((*dims)[axis]));
      is_cut = is_cut || std::ranges::count(axes.back(), false) > 0;
    }
    if (!is_cut) axes.clear();
    return axes;
  }

  bool cut_constant(const std::string& name, GraphTensor& tensor) {
    const auto axes = staying(name);
    if (axes.empty()) return false;
    tensor = edited_.add(cut_(tensor, axes));
    return true;
  }

  void state_sizes(GraphValue& value) const {
    const auto axes = staying(value.name);
    if (axes.size() != value.dims.size()) return;
    for (std::size_t axis = 0; axis < axes.size(); ++axis) {
      if (value.dims[axis] == static_cast<std::int64_t>(axes[axis].size())) {
        value.dims[axis] = std::ranges::count(axes[axis], true);
      }
    }
  }

  bool concerns(const Node& node) const {
    const auto is_cut = [&](const std::string& value) { return !staying(value).empty(); };
    return std::ranges::any_of(node.inputs, is_cut) || std::ranges::any_of(node.outputs, is_cut);
  }

  void cut_nodes() {
    GraphEditor editor(edited_);
    const NodeCutter::Tools tools{
        .stays = [&](std::size_t place) { return stays_[place]; },
        .set_input =
            [&](Node& node, std::size_t input, const Integers& values) {
              const std::string constant = editor.integers(values);
              if (input == node.inputs.size()) return editor.add_input(node, constant);
              const std::string before = node.inputs[input];
              editor.set_input(node, input, constant);
              editor.remove_unused(before);
            },
        .producer = [&](const std::string& value) { return editor.producer(value); }};
    for (auto node = editor.begin(); node != editor.end(); ++node) {
      const OperatorChannels* row = find_operator_channels(*node);
      if (row == nullptr || row->cut == nullptr || !concerns(*node)) continue;
      NodeCutter cutter(*node, coupling_, known_, editor.opset(), tools);
      row->cut(cutter);
    }
    editor.finish();
  }

  const Coupling& coupling_;
  const CutConstant& cut_;
  EditedGraph& edited_;
  KnownConstants known_;
  std::vector<bool> stays_;  // by place
};

}  // namespace

void remove_channels(const ChannelGroups& groups, const std::set<std::size_t>& removed,
                     const ReadIntegers& read, const CutConstant& cut, EditedGraph& edited) {
  Remover(groups, removed, read, cut, edited).run();
}

}  // namespace qc
