// How a container is made.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "codecs/encode/layout.h"

namespace qc {

struct PackOptions {
  EncodeOptions encode;
  unsigned threads = 0;  ///< 0: one per core. The bytes written do not depend on it.
  /// Payloads are cut into units of at most this many bytes (at most kQcMaxUnit).
  std::uint64_t chunk_bytes = std::uint64_t{1} << 24;
  std::map<std::string, std::string> metadata = {};
  std::function<void(std::uint64_t bytes)> progress = {};  ///< payload bytes done, called in order
};

}  // namespace qc
