// Numbers below a radix, several to a group of bytes, and the nodes that take them apart: as digits
// of one number, by division and remainder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "emit/decoding.h"

namespace qc {

using Digits = std::vector<std::uint32_t>;

/// How many digits a group of bytes holds.
struct Packing {
  std::uint32_t radix = 2;
  unsigned bytes = 1;
  unsigned digits = 8;

  std::uint64_t groups(std::uint64_t count) const noexcept { return (count + digits - 1) / digits; }
  std::uint64_t size(std::uint64_t count) const noexcept { return groups(count) * bytes; }
  /// About the bytes of nodes and constants that unpack them, where no other tensor has any.
  std::uint64_t overhead() const noexcept;
  /// The type in which digits are computed.
  DataType type() const noexcept { return bytes <= 3 ? DataType::kInt32 : DataType::kInt64; }
};

/// The largest radix of `digits` digits that fit into so many bytes, up to kMaxRadix.
std::uint32_t largest_radix(unsigned bytes, unsigned digits);

inline constexpr std::uint32_t kMaxRadix = 1 << 16;
/// Sums of bytes times powers of 256 have to stay below 2^63.
inline constexpr unsigned kMaxGroupBytes = 7;

/// One packing for each size of groups: with the most digits.
std::vector<Packing> packings(std::uint32_t radix);

/// The one that takes the least for `count` digits, with what it takes in all.
Packing best_packing(std::uint32_t radix, std::uint64_t count);

/// Packs digits, which are below the radix; zeros fill the last group.
Bytes pack_digits(std::span<const std::uint32_t> digits, const Packing& packing);

/// Digits as a value of a graph. Where `dims` are given it has this shape if it can; else it is a
/// matrix with a row for each group, the padding included.
struct Unpacked {
  std::string value;
  DataType type = DataType::kInt32;
  bool exact = false;  ///< no padding
  bool shaped = false;
};
Unpacked unpack_digits(Decoding& decoding, std::span<const std::uint32_t> digits,
                       const Packing& packing, const std::vector<std::int64_t>& dims = {});

/// The same as a list of digits without padding.
std::string unpack_list(Decoding& decoding, std::span<const std::uint32_t> digits,
                        const Packing& packing);

/// The first `count` elements of a list.
std::string first_elements(Decoding& decoding, const std::string& list, std::uint64_t count);

}  // namespace qc
