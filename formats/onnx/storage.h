// Where the elements of a tensor lie.
#pragma once

namespace qc {

/// Where a tensor's elements are stored.
enum class Storage {
  kNone,      ///< no payload field (empty tensor, or strings)
  kRaw,       ///< raw_data
  kTyped,     ///< packed float_data or double_data: little-endian elements like raw_data
  kVarints,   ///< packed int32_data, int64_data or uint64_data: varints, not fixed-width elements
  kExternal,  ///< a range of another file
};

}  // namespace qc
