// Containers in a form that a fuzzer can change: the index is not compressed, and nothing says
// where it is or what its checksum is.
#pragma once

#include "core/bytes.h"

namespace qc::fuzz {

/// The sizes of manifest and literal bytes as two bytes each, manifest, literal bytes, units with
/// their padding. Throws Error as QcReader does, and when a part is larger than 64 KiB.
Bytes to_plain(ByteView container);

/// The container for a plain one; any bytes give something.
Bytes from_plain(ByteView plain);

/// The container that an input of a fuzzer stands for: its first byte tells whether the rest is one
/// or a plain one. `built` holds one that had to be made.
ByteView container_of(ByteView input, Bytes& built);

/// The one file of the base of the seeds that are updates: 1024 elements of four bytes, few
/// distinct.
Bytes base_of_updates();

}  // namespace qc::fuzz
