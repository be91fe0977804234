// What became larger between two versions of a packed model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "report/breakdown.h"

namespace qc {

/// The bytes of one part of a container in two versions of it.
struct SizeChange {
  enum class Kind {
    kTensor,
    kGraph,      ///< everything of the model that is no coded tensor
    kContainer,  ///< what describes it: the index, headers, checksums
  };

  Kind kind = Kind::kTensor;
  std::string name;                     ///< of the tensor
  std::optional<std::uint64_t> before;  ///< nothing where that version has no such tensor
  std::optional<std::uint64_t> after;

  std::int64_t change() const noexcept {
    return static_cast<std::int64_t>(after.value_or(0)) -
           static_cast<std::int64_t>(before.value_or(0));
  }
};

struct Growth {
  std::uint64_t before = 0;  ///< whole files
  std::uint64_t after = 0;
  /// Parts whose size is another, what grew most first. The changes add up to that of the files.
  std::vector<SizeChange> changes;

  std::int64_t change() const noexcept {
    return static_cast<std::int64_t>(after) - static_cast<std::int64_t>(before);
  }
};

/// Compares two containers part by part; tensors by name, several of one name in their order.
Growth measure_growth(const Breakdown& before, const Breakdown& after);

}  // namespace qc
