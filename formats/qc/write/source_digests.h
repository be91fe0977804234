// Digests of what is packed.
#pragma once

#include <optional>
#include <vector>

#include "formats/qc/decode/checksum.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// XXH3-128 of every file, as the manifest has it.
std::vector<Digest> digest_files(const PackSource& source, unsigned threads);

/// XXH3-128 of the payload of every slot; where `all` is false, of those only that have the same
/// size as another one.
std::vector<std::optional<Digest>> digest_slots(const PackSource& source, bool all,
                                                unsigned threads);

}  // namespace qc
