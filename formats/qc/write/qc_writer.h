// Writes .qc containers.
#pragma once

#include "core/byte_sink.h"
#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/pack_source.h"

namespace qc {

/// Writes the container. Every unit is decoded and compared before it is written. Peak memory is a
/// few chunks per thread, the coded small tensors and the graph. Throws Error: kUnsupported when a
/// container cannot hold a file with one of the paths, kLimit when the files without their slots
/// are too large, kFile when a file changed meanwhile, and what the sink throws.
void write_container(const PackSource& source, const PackOptions& options, ByteSink& out);

}  // namespace qc
