// Samples of a source as inputs of runs, and which samples are for what.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "data/feed_source.h"
#include "engine/calibration_jobs.h"

namespace qc {

/// Some of the samples of a source, in that order. They are kept in memory once they are loaded, up
/// to `memory` bytes in all. The source must outlive the result, which is for one thread at a time.
RunInputs run_inputs(const FeedSource& source, std::vector<std::size_t> samples,
                     std::uint64_t memory = std::uint64_t{512} << 20);

/// Which samples of a source do what; no sample does two things.
struct SampleSplit {
  std::vector<std::size_t> calibrate;  ///< seven tenths
  std::vector<std::size_t> decide;
  std::vector<std::size_t> certify;
};

/// Splits `count` samples by the seed. Throws Error(kUsage) for fewer than three.
SampleSplit split_samples(std::size_t count, std::uint64_t seed);

}  // namespace qc
