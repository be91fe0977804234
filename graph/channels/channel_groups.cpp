#include "graph/channels/channel_groups.h"

#include <algorithm>
#include <utility>

#include "graph/channels/operator_channels.h"

namespace qc {
namespace {

void lock_value(Coupling& coupling, const std::string& value, const std::string& reason) {
  const Dims* dims = coupling.dims(value);
  if (dims == nullptr) return;
  for (std::size_t axis = 0; axis < dims->size(); ++axis) {
    const std::size_t first = coupling.first(value, axis);
    for (std::int64_t place = 0; place < (*dims)[axis]; ++place) {
      coupling.lock(first + static_cast<std::size_t>(place), reason);
    }
  }
}

// Values of the main graph that inner graphs read.
void lock_captured(Coupling& coupling, const Graph& inner, const std::string& reason) {
  for (const GraphValue& output : inner.outputs) lock_value(coupling, output.name, reason);
  for (const Node& node : inner.nodes) {
    for (const std::string& input : node.inputs) lock_value(coupling, input, reason);
    each_subgraph(node, [&](const Graph& graph) { lock_captured(coupling, graph, reason); });
  }
}

bool has_all_sizes(const Coupling& coupling, const Node& node) {
  const auto known = [&](const std::string& value) {
    return value.empty() || coupling.dims(value) != nullptr;
  };
  return std::ranges::all_of(node.inputs, known) && std::ranges::all_of(node.outputs, known);
}

class Finder {
 public:
  Finder(const ModelGraph& model, const DimsByValue& shapes, const ReadIntegers& read,
         const FixedParts& fixed)
      : graph_(model.main),
        opset_(model.opset()),
        fixed_(fixed),
        known_(graph_, read),
        coupling_(std::make_shared<Coupling>(shapes)) {}

  ChannelGroups run() {
    for (const GraphValue& input : graph_.inputs) {
      lock_value(*coupling_, input.name, "an input of the network");
    }
    for (const GraphValue& output : graph_.outputs) {
      lock_value(*coupling_, output.name, "an output of the network");
    }
    for (const auto& [value, reason] : fixed_.values) lock_value(*coupling_, value, reason);
    for (const bool late : {false, true}) {
      for (const Node& node : graph_.nodes) {
        const OperatorChannels* row = find_operator_channels(node);
        if ((row != nullptr && row->late) == late) couple(node, row);
      }
    }
    for (const std::size_t number : coupling_->produced()) {
      const Coupling::Axis& axis = coupling_->axes()[number];
      const auto fixed_outputs = fixed_.outputs.find(axis.value);
      if (fixed_outputs == fixed_.outputs.end()) continue;
      for (std::size_t place = 0; place < axis.size; ++place) {
        coupling_->lock(axis.first + place, fixed_outputs->second);
      }
    }
    ChannelGroups result;
    result.coupling = coupling_;
    collect_channels();
    group_channels(result);
    return result;
  }

 private:
  void couple(const Node& node, const OperatorChannels* row) {
    if (node.is_standard("Constant")) return;
    NodeCoupler coupler(node, *coupling_, known_, opset_);
    each_subgraph(node, [&](const Graph& inner) {
      lock_captured(*coupling_, inner, "read by an inner graph of " + node.label());
    });
    const auto fixed =
        node.outputs.empty() ? fixed_.nodes.end() : fixed_.nodes.find(node.outputs.front());
    if (fixed != fixed_.nodes.end()) return coupler.lock_all(fixed->second);
    if (row == nullptr) return coupler.lock_all("channels are not followed through it");
    if (!has_all_sizes(*coupling_, node)) return coupler.lock_all("not all sizes are known");
    try {
      row->couple(coupler);
    } catch (const SizesDisagree&) {
      coupler.lock_all("its sizes do not agree");
    }
  }

  struct Found {
    Channel channel;
    std::vector<std::size_t> axes;  // ascending, each once
    bool is_grouped = false;
  };

  // All sets that may be removed, with their axes.
  void collect_channels() {
    for (std::size_t number = 0; number < coupling_->axes().size(); ++number) {
      const Coupling::Axis& axis = coupling_->axes()[number];
      const bool is_constant = known_.tensors().contains(axis.value);
      for (std::size_t place = 0; place < axis.size; ++place) {
        const std::size_t set = coupling_->set_of(axis.first + place);
        if (!coupling_->is_produced(set) || coupling_->is_locked(set)) continue;
        Found& found = found_[set];
        const bool is_new = found.axes.empty() || found.axes.back() != number;
        if (is_new) found.axes.push_back(number);
        if (!is_constant) continue;
        std::vector<ChannelSlice>& slices = found.channel.slices;
        if (is_new) slices.push_back({std::string(axis.value), axis.axis, {}});
        slices.back().places.push_back(place);
      }
    }
  }

  // Channels of the same axes are a group.
  void group_channels(ChannelGroups& result) {
    std::map<std::vector<std::size_t>, std::size_t> numbers;
    for (const std::size_t number : coupling_->produced()) {
      const Coupling::Axis& axis = coupling_->axes()[number];
      for (std::size_t place = 0; place < axis.size; ++place) {
        const std::size_t set = coupling_->set_of(axis.first + place);
        const auto found = found_.find(set);
        if (found == found_.end()) continue;
        if (std::exchange(found->second.is_grouped, true)) continue;
        const auto group = numbers.try_emplace(found->second.axes, result.groups.size());
        if (group.second) result.groups.emplace_back();
        found->second.channel.set = set;
        result.groups[group.first->second].channels.push_back(found->second.channel);
      }
    }
  }

  const Graph& graph_;
  std::int64_t opset_;
  const FixedParts& fixed_;
  KnownConstants known_;
  std::shared_ptr<Coupling> coupling_;
  std::map<std::size_t, Found> found_;  // by set
};

}  // namespace

ChannelGroups find_channel_groups(const ModelGraph& model, const DimsByValue& shapes,
                                  const ReadIntegers& read, const FixedParts& fixed) {
  return Finder(model, shapes, read, fixed).run();
}

}  // namespace qc
