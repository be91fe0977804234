// Bytes that payloads have in common without being the same.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// A run of 16 bytes by its hash, and how often it is in a payload.
struct SampledRun {
  std::uint64_t hash = 0;
  std::uint64_t count = 0;
};

/// The runs of a payload at multiples of 4 that are in the sample, each once. The sample is the
/// same for all payloads, and has about one of 128 distinct runs.
using RunSample = std::vector<SampledRun>;

RunSample sample_runs(ByteView payload);

/// About how many bytes of the payloads stand in an earlier one, too; no more than tells whether
/// matches across payloads can pay.
std::uint64_t shared_bytes(std::span<const RunSample> payloads);

}  // namespace qc
