// What is remembered from one source to the next.
#pragma once

#include <cstddef>

#include "formats/qc/write/digest_cache.h"
#include "formats/qc/write/shared_content.h"
#include "formats/qc/write/unit_coder.h"

namespace qc {

/// What was found out about payloads, of all that are packed with the same options. Takes up to 64
/// MiB of memory: the units of 2^17 tensors and chunks, and the samples of 1 GiB of random
/// payloads.
struct PackMemory {
  DigestCache<UnitFacts> units{std::size_t{1} << 25};
  DigestCache<RunSample> runs{std::size_t{1} << 25};
};

}  // namespace qc
