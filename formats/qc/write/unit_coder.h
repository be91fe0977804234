// Codes tensors, and chunks of them, as units of a container.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "codecs/encode/layout.h"
#include "codecs/shared/element.h"
#include "codecs/shared/ids.h"
#include "core/bytes.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/read/manifest.h"
#include "formats/qc/write/digest_cache.h"
#include "formats/qc/write/pack_options.h"

namespace qc {

/// All that a container's size depends on.
struct UnitFacts {
  ManifestUnit entry;  ///< what the manifest says of the unit
  LayoutId layout = LayoutId::kRaw;
};

/// A unit that is coded.
struct CodedUnit {
  UnitFacts facts;
  Bytes bytes;  ///< as they are stored; none from a coder that has a cache
};

/// Codes units with the same options. Safe on several threads.
class UnitCoder {
 public:
  /// With a cache, which is used with the same options only, units are coded that it does not know,
  /// and none has bytes.
  explicit UnitCoder(const EncodeOptions& options, DigestCache<UnitFacts>* known = nullptr)
      : options_(options), known_(known) {}

  /// Codes a tensor. `content`: xxh3_128() of its bytes, where it is known. Throws as
  /// encode_tensor().
  CodedUnit code(const TensorView& tensor, const std::optional<Digest>& content = {}) const;

 private:
  CodedUnit code_anew(const TensorView& tensor) const;

  EncodeOptions options_;
  DigestCache<UnitFacts>* known_;
};

/// The most bytes of a unit of whole elements.
std::uint64_t chunk_size(const PackOptions& options, Element element);

/// How many chunks of at most `size` bytes a tensor has.
std::size_t chunk_count(const TensorView& tensor, std::uint64_t size);

/// One of these chunks, with its place among channels and in rows.
TensorView chunk_of(const TensorView& tensor, std::uint64_t size, std::size_t chunk);

}  // namespace qc
