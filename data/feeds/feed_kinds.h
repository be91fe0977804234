// The kinds of samples that open_feeds() understands.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "data/dataset_config.h"
#include "data/feed_source.h"
#include "data/formats.h"
#include "graph/graph.h"

namespace qc {

/// What a kind is asked for; it holds only while the samples are opened.
struct FeedRequest {
  const FormatRequest& files;
  const Graph& graph;

  const DatasetConfig& config() const noexcept { return files.config; }
  /// Where the samples are looked for.
  const std::filesystem::path& where() const noexcept {
    return files.only.empty() ? files.folder : files.only;
  }
};

/// One row per kind.
struct FeedKind {
  std::string_view name;
  std::string_view files;  ///< what it looks for, for messages
  /// The samples, or nothing when the files are not of this kind. Throws Error.
  std::unique_ptr<FeedSource> (*open)(const FeedRequest& request);
};

std::unique_ptr<FeedSource> open_test_sets(const FeedRequest& request);
std::unique_ptr<FeedSource> open_named_arrays(const FeedRequest& request);
std::unique_ptr<FeedSource> open_labelled_samples(const FeedRequest& request);
std::unique_ptr<FeedSource> open_pictures(const FeedRequest& request);
std::unique_ptr<FeedSource> open_recordings(const FeedRequest& request);
std::unique_ptr<FeedSource> open_texts(const FeedRequest& request);

/// Samples that are made up, as many as the path says. Throws Error(kUsage).
std::unique_ptr<FeedSource> open_random(const std::filesystem::path& path,
                                        const DatasetConfig& config, const Graph& graph);

}  // namespace qc
