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

struct Cache {
  std::map<std::size_t, std::vector<HostTensor>> samples;
  std::uint64_t bytes = 0;
};

}  // namespace

RunInputs run_inputs(const FeedSource& source, std::vector<std::size_t> samples,
                     std::uint64_t memory) {
  RunInputs inputs;
  inputs.count = samples.size();
  inputs.load = [&source, samples = std::move(samples), memory,
                 cache = std::make_shared<Cache>()](std::size_t index) {
    const auto known = cache->samples.find(index);
    if (known != cache->samples.end()) return known->second;
    std::vector<HostTensor> loaded = source.load(samples.at(index)).inputs;
    std::uint64_t bytes = 0;
    for (const HostTensor& tensor : loaded) bytes += tensor.bytes.size();
    if (cache->bytes + bytes <= memory) {
      cache->bytes += bytes;
      cache->samples[index] = loaded;
    }
    return loaded;
  };
  return inputs;
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
  split.calibrate = others.kept;
  for (std::size_t i = 0; i < others.held_out.size(); ++i) {
    (i % 2 == 0 ? split.decide : split.certify).push_back(others.held_out[i]);
  }
  return split;
}

}  // namespace qc
