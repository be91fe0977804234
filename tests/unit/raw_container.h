// Containers put together from parts that need not fit.
#pragma once

#include <vector>

#include "core/bytes.h"
#include "formats/qc/read/manifest.h"

namespace qc::test {

/// A container whose index holds the literal bytes and the manifest; checksums and sizes of the
/// footer are right. Units follow each other without padding.
Bytes raw_container(const std::vector<Bytes>& units, ByteView literals, ByteView manifest);

/// The entry of a manifest for a unit that decodes to `size` bytes.
ManifestUnit unit_entry(const Bytes& unit, std::uint64_t size);

}  // namespace qc::test
