// Puts a container together.
#pragma once

#include <cstdint>

#include "core/byte_sink.h"
#include "formats/qc/write/pack_memory.h"
#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// Writes the container of a source and gives its size, bytes. Throws as write_container().
std::uint64_t assemble_container(const PackSource& source, const PackOptions& options,
                                 ByteSink& out);

/// Gives the size only. What is in `memory` is not worked out anew; it is used with the same
/// options always.
std::uint64_t size_container(const PackSource& source, const PackOptions& options,
                             PackMemory& memory);

}  // namespace qc
