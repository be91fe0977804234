#include "pipeline/run_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "core/error.h"
#include "data/batches.h"

namespace qc {
namespace {

// Samples that were loaded, as far as they may be kept.
class FeedCache {
 public:
  FeedCache(const FeedSource& source, std::vector<std::size_t> samples, std::uint64_t memory)
      : source_(source), samples_(std::move(samples)), memory_(memory) {}

  Feed feed(std::size_t index) {
    const auto known = feeds_.find(index);
    if (known != feeds_.end()) return known->second;
    Feed loaded = source_.load(samples_.at(index));
    std::uint64_t bytes = 0;
    for (const HostTensor& tensor : loaded.inputs) bytes += tensor.bytes.size();
    if (bytes_ + bytes <= memory_) {
      bytes_ += bytes;
      feeds_[index] = loaded;
    }
    return loaded;
  }

 private:
  const FeedSource& source_;
  std::vector<std::size_t> samples_;
  std::uint64_t memory_;
  std::map<std::size_t, Feed> feeds_;
  std::uint64_t bytes_ = 0;
};

constexpr std::size_t kMostToDecide = 2000;
constexpr std::size_t kMostToCertify = 5000;

}  // namespace

RunInputs run_inputs(const FeedSource& source, std::vector<std::size_t> samples,
                     std::uint64_t memory) {
  RunInputs inputs;
  inputs.count = samples.size();
  const auto cache = std::make_shared<FeedCache>(source, std::move(samples), memory);
  inputs.load = [cache](std::size_t index) { return cache->feed(index).inputs; };
  if (source.classes() > 0) {
    inputs.label = [cache](std::size_t index) { return cache->feed(index).label; };
  }
  return inputs;
}

std::vector<std::size_t> some_of(const std::vector<std::size_t>& samples, std::size_t count,
                                 std::uint64_t seed) {
  if (samples.size() <= count) return samples;
  std::vector<std::size_t> some;
  for (const std::size_t i :
       hold_out(samples.size(), count, seed, StreamPurpose::kTrainingSubset).held_out) {
    some.push_back(samples[i]);
  }
  return some;
}

SampleSplit split_samples(std::size_t count, std::uint64_t seed) {
  if (count < 3) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} of the samples that are needed: at least three, to calibrate, to "
                            "decide and to certify, and a few hundred for a good result",
                            count));
  }
  const HeldOut others =
      hold_out(count, std::max<std::size_t>(count * 3 / 10, 2), seed, StreamPurpose::kSampleSplit);
  SampleSplit split;
  for (std::size_t i = 0; i < others.held_out.size(); ++i) {
    (i % 2 == 0 ? split.decide : split.certify).push_back(others.held_out[i]);
  }
  split.calibrate = some_of(others.kept, kMostToCalibrate, seed);
  split.decide = some_of(split.decide, kMostToDecide, seed);
  split.certify = some_of(split.certify, kMostToCertify, seed);
  return split;
}

}  // namespace qc
