// The dictionary that the index of every container is compressed with.
#pragma once

#include "core/bytes.h"

namespace qc {

/// What ONNX graphs are made of: operators, attributes as they are serialised, usual names; rare
/// things first, because zstd spends fewer bits on what is near the end. Part of format version 1:
/// it never changes.
ByteView graph_dictionary() noexcept;

}  // namespace qc
