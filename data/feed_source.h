// Samples as values for the inputs of any network; labels and expected outputs where there are
// some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "data/dataset.h"
#include "graph/graph.h"

namespace qc {

/// A tensor and what the network calls it.
struct NamedTensor {
  std::string name;
  HostTensor tensor;
};

/// What a network is run with once.
struct Feed {
  /// One for each input of the graph, in its order: of the type and rank that the graph declares,
  /// with a batch of one sample where it has one.
  std::vector<HostTensor> inputs;
  std::optional<std::int64_t> label;
  std::vector<NamedTensor> expected = {};  ///< outputs, where the data has them
};

/// Samples for one graph, preprocessed. Loading is const and safe from several threads at once; the
/// same sample is the same bytes each time.
class FeedSource {
 public:
  virtual ~FeedSource() = default;

  virtual std::size_t size() const noexcept = 0;
  /// Labels are in [0, classes()); 0 where the samples have none.
  virtual std::int64_t classes() const noexcept = 0;
  /// Where the samples come from, for messages: "pictures in DIR".
  virtual std::string description() const = 0;
  /// What the user should know of how inputs are filled: one line each.
  virtual std::vector<std::string> notes() const { return {}; }

  /// The file of a sample, and its number there, for messages.
  virtual std::string name(std::size_t index) const = 0;
  /// Throws Error naming file and input: kFile when it cannot be read, kCorrupt when it is broken,
  /// kUsage for a type or shape that the input does not take, kLimit for one that takes too much
  /// memory.
  virtual Feed load(std::size_t index) const = 0;
};

/// Whether a path asks for samples that are made up: "random", "random:N".
bool is_random(const std::filesystem::path& path);

/// Opens samples for the inputs of a graph, their kind found from the files that are there
/// (DATA.md), or made up where is_random(). Where the data has no splits, it
/// serves as either. Nothing refers to `graph` afterwards. Throws Error as open_dataset() does, and
/// kUsage where an input gets nothing, naming it.
std::unique_ptr<FeedSource> open_feeds(const DataSource& source, Split split, const Graph& graph);

}  // namespace qc
