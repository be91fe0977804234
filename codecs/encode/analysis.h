// What the encoders need to know of a tensor, computed when first asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "codecs/encode/stage.h"
#include "codecs/shared/element.h"

namespace qc {

/// The distinct values of a tensor.
struct Palette {
  std::vector<std::uint64_t> codebook;  ///< patterns in the order of order_key()
  std::vector<std::uint32_t> counts;    ///< occurrences of each codebook entry
};

/// Distinct patterns with their counts, sorted by order_key(); nothing when there are more than
/// `most`.
std::optional<std::vector<std::pair<std::uint64_t, std::uint32_t>>> count_distinct(
    const TensorView& tensor, std::size_t most);

/// A tensor without its zeros (all bits zero).
struct NonZeros {
  Bytes bitmap;  ///< bit i % 8 of byte i / 8 is 1 where element i is not zero
  Bytes values;
};

/// Lazily computed facts about one tensor, shared by the layouts that look at it.
class Analysis {
 public:
  explicit Analysis(const TensorView& tensor) : tensor_(tensor) {}

  const TensorView& tensor() const noexcept { return tensor_; }
  std::size_t count() const noexcept { return tensor_.count(); }
  Element element() const noexcept { return tensor_.element; }

  /// Nothing when there are too many distinct values for a codebook to pay.
  const Palette* palette() const;
  /// Each element's place in the codebook of palette(), which must not be null.
  const std::vector<Symbol>& ranks() const;
  /// Elements whose bits are all zero.
  std::size_t zeros() const;
  const NonZeros& nonzeros() const;
  /// Elements whose value, but for the sign of floats, occurred before; about, and without zeros.
  std::size_t duplicates() const;
  /// False where so few values occur twice that there are no matches to speak of.
  bool repeats() const;
  /// Large enough that layouts are left out which cannot be expected to win. A small tensor costs
  /// little, and its tables and codebooks decide in ways that are hard to foresee.
  bool is_large() const noexcept { return count() > kLarge; }
  /// True when leaving the zeros out can pay: coding them among the values costs the same by
  /// entropy, so in a large tensor only where they are the greater part, or where there is no
  /// codebook to put them in.
  bool is_sparse() const;
  /// What encode_nonzeros() made, for the next layout that needs it.
  std::optional<Encoding>& coded_nonzeros() const noexcept { return coded_nonzeros_; }

 private:
  static constexpr std::size_t kLarge = std::size_t{1} << 14;  // elements

  std::optional<std::vector<std::pair<std::uint64_t, std::uint32_t>>> distinct_values(
      std::size_t most) const;

  TensorView tensor_;
  mutable bool palette_known_ = false;
  mutable std::optional<Palette> palette_;
  mutable std::optional<std::vector<Symbol>> ranks_;
  mutable std::optional<std::size_t> zeros_;
  mutable std::optional<std::size_t> duplicates_;
  mutable std::optional<NonZeros> nonzeros_;
  mutable std::optional<Encoding> coded_nonzeros_;
};

}  // namespace qc
