// Which slots are left in the graph: the ways to put what follows the large units.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "formats/qc/write/container_index.h"
#include "formats/qc/write/digest_cache.h"
#include "formats/qc/write/pack_options.h"
#include "formats/qc/write/shared_content.h"
#include "formats/qc/write/small_units.h"

namespace qc {

/// A complete choice of what follows the large units.
struct IndexChoice {
  std::vector<std::size_t> small_units;  ///< that are written, by index
  std::uint64_t units_end = 0;
  ContainerIndex index;

  /// Bytes of the container.
  std::uint64_t size() const noexcept { return index.container_size(units_end); }
};

/// The smallest of those with the slots below some size left in the graph.
IndexChoice choose_index(const IndexedSource& indexed, const PackOptions& options,
                         const UnitList& large, std::span<const SmallUnit> small);

/// The index with everything in it, compressed fast; nothing where that cannot pay: matches across
/// payloads are all that it can win in a large model. `known` may be null.
std::optional<ContainerIndex> index_of_all(const IndexedSource& indexed,
                                           std::span<const std::optional<Digest>> slot_digests,
                                           DigestCache<RunSample>* known);

/// Compresses the index of everything as well as the options ask for, where it could be smaller
/// than the size of another container; tells whether it is.
bool improves(const IndexedSource& indexed, const PackOptions& options, ContainerIndex& all,
              std::uint64_t other_size);

}  // namespace qc
