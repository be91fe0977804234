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

/// At most `count` of the samples, drawn by the seed, in order.
std::vector<std::size_t> some_of(const std::vector<std::size_t>& samples, std::size_t count,
                                 std::uint64_t seed);

/// Beyond these, calibration takes longer and results hardly get better.
inline constexpr std::size_t kMostToCalibrate = 1000;

/// Which samples of a source do what; no sample does two things.
struct SampleSplit {
  std::vector<std::size_t> calibrate;  ///< seven tenths, of many a thousand
  std::vector<std::size_t> decide;     ///< of many two thousand
  std::vector<std::size_t> certify;    ///< of many five thousand
};

/// Splits `count` samples by the seed. Throws Error(kUsage) for fewer than three.
SampleSplit split_samples(std::size_t count, std::uint64_t seed);

}  // namespace qc
