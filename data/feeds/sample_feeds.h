// Stored samples, preprocessed, for one input of a network.
#pragma once

#include <memory>

#include "data/feeds/feed_kinds.h"
#include "data/sample_source.h"

namespace qc {

/// Feeds from samples. What dataset.toml does not say of pictures is taken from the input: layout,
/// channels, and for pictures of different sizes their size. Throws Error(kUsage) when no input
/// takes them.
std::unique_ptr<FeedSource> make_sample_feeds(const FeedRequest& request,
                                              std::unique_ptr<SampleSource> samples);

}  // namespace qc
