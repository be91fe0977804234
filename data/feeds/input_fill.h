// Which inputs of a network the samples fill, and what the others get.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "data/feeds/feed_kinds.h"
#include "graph/graph.h"

namespace qc {

/// The inputs of a graph. Those that samples do not fill have the same value in every feed: that of
/// [inputs.NAME] in dataset.toml, else zeros where the shape is known but for the batch.
class InputFill {
 public:
  /// `filled`: indices of the inputs that samples fill. Throws Error(kUsage) naming an input that
  /// gets nothing.
  InputFill(const Graph& graph, const DatasetConfig& config,
            const std::vector<std::size_t>& filled);

  const std::vector<GraphValue>& inputs() const noexcept { return inputs_; }
  const std::vector<std::string>& notes() const noexcept { return notes_; }
  /// A line for the user, before those of the inputs.
  void add_note(std::string note) { notes_.insert(notes_.begin(), std::move(note)); }

  /// A feed whose filled inputs are empty tensors.
  Feed start() const { return {.inputs = values_, .label = std::nullopt}; }

 private:
  std::vector<GraphValue> inputs_;
  std::vector<HostTensor> values_;
  std::vector<std::string> notes_;
};

/// The shape that [inputs.NAME] gives an input, else that of the graph with 1 for what is unknown.
/// Throws Error(kUsage) for one that the input does not take.
std::vector<std::int64_t> configured_shape(const GraphValue& input, const InputConfig& config);

/// [inputs.NAME] of an input; null where there is none.
const InputConfig* find_input_config(const DatasetConfig& config, const std::string& name);

/// The index of the input that samples fill: the one that [data] input names, else the only one
/// that `takes` them and has no default. `what` names the samples: "pictures". Throws Error(kUsage)
/// listing the inputs when it is none or not the only one.
std::size_t choose_input(const FeedRequest& request, std::string_view what,
                         const std::function<bool(const GraphValue&)>& takes);

}  // namespace qc
