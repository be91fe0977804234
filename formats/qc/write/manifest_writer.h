// The manifest of a container as protocol buffers have it; qc.proto is the schema.
#pragma once

#include <string>

#include "core/bytes.h"
#include "formats/qc/read/manifest.h"

namespace qc {

/// The program and version that write containers.
extern const std::string kWriter;

/// The bytes that parse_manifest() reads. The same bytes for the same manifest, always: those that
/// protobuf writes when it is told to be deterministic.
Bytes serialize_manifest(const Manifest& manifest);

}  // namespace qc
