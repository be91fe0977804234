#include "data/feed_source.h"

#include <fmt/format.h>

#include <array>
#include <string>

#include "core/error.h"
#include "data/feeds/feed_kinds.h"
#include "system/near_names.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// In the order in which they are tried: those that can be told for certain come first.
constexpr std::array kKinds = {
    FeedKind{.name = "ONNX test data",
             .files = "test_data_set_0/input_0.pb, ...",
             .open = open_test_sets},
    FeedKind{.name = "named arrays",
             .files = "an .npz file whose arrays have the names of the inputs, one after the other "
                      "along the first axis, or a folder with an .npz file for each sample",
             .open = open_named_arrays},
    FeedKind{.name = "labelled samples", .files = "see below", .open = open_labelled_samples},
    FeedKind{.name = "pictures", .files = "*.jpg, *.jpeg, *.png", .open = open_pictures},
    FeedKind{.name = "recordings", .files = "*.wav, *.flac", .open = open_recordings},
    FeedKind{.name = "texts",
             .files = "a folder of *.txt, or one .txt file with a text in each line",
             .open = open_texts},
};

[[noreturn]] void nothing_found(const fs::path& where, Split split) {
  std::string known;
  for (const FeedKind& kind : kKinds) known += fmt::format("\n  {}: {}", kind.name, kind.files);
  throw Error(ErrorCode::kFile,
              fmt::format("no {} samples found in {}; understood are:{}\nlabelled samples are:{}\n"
                          "without samples, \"random\" makes some up",
                          split_name(split), where.string(), known, known_formats()));
}

void require_known_inputs(const DatasetConfig& config, const Graph& graph) {
  std::vector<std::string> names;
  for (const GraphValue& input : graph.inputs) names.push_back(input.name);
  const auto require = [&](const std::string& name, const std::string& key) {
    for (const std::string& known : names) {
      if (known == name) return;
    }
    throw Error(ErrorCode::kUsage, fmt::format("dataset.toml: {} names no input of the network{}",
                                               key, did_you_mean(name, names, "its inputs are")));
  };
  for (const auto& [name, input] : config.inputs) require(name, fmt::format("[inputs.{}]", name));
  if (!config.data_input.empty()) {
    require(config.data_input, fmt::format("[data] input = \"{}\"", config.data_input));
  }
}

}  // namespace

std::unique_ptr<FeedSource> open_feeds(const DataSource& source, Split split, const Graph& graph) {
  try {
    if (is_random(source.path)) {
      const DatasetConfig config =
          source.config.empty() ? DatasetConfig() : read_dataset_config(source.config);
      require_known_inputs(config, graph);
      return open_random(source.path, config, graph);
    }
    const DataPlace place = find_data(source, split);
    require_known_inputs(place.config, graph);
    const FormatRequest files{
        .folder = place.folder, .split = split, .only = place.only, .config = place.config};
    const FeedRequest request{.files = files, .graph = graph};
    for (const FeedKind& kind : kKinds) {
      if (auto feeds = kind.open(request)) return feeds;
    }
    nothing_found(request.where(), split);
  } catch (const fs::filesystem_error& error) {
    throw Error(ErrorCode::kFile,
                fmt::format("cannot read {}: {}", source.path.string(), error.code().message()));
  }
}

}  // namespace qc
