// Writes .qc containers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "codecs/encode/layout.h"
#include "core/byte_sink.h"
#include "formats/qc/write/pack_source.h"
#include "system/file.h"

namespace qc {

struct PackOptions {
  EncodeOptions encode;
  unsigned threads = 0;  ///< 0: one per core. The bytes written do not depend on it.
  /// Payloads are cut into units of at most this many bytes (at most kQcMaxUnit).
  std::uint64_t chunk_bytes = std::uint64_t{1} << 24;
  std::map<std::string, std::string> metadata;
  std::function<void(std::uint64_t bytes)> progress;  ///< payload bytes done, called in order
};

/// Writes the container. Every unit is decoded and compared before it is written. Peak memory is a
/// few chunks per thread, the coded small tensors and the graph. Throws Error: kUnsupported when a
/// container cannot hold a file with one of the paths, kLimit when the files without their slots
/// are too large, kFile when a file changed meanwhile, and what the sink throws.
void write_container(const PackSource& source, const PackOptions& options, ByteSink& out);

}  // namespace qc
