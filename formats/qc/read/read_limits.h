// How much a container may claim.
#pragma once

#include <cstdint>

namespace qc {

/// What may be spent on a container, which nobody may have looked at: a few bytes of it can stand
/// for terabytes. A limit of 0 is the default for the container's size.
struct ReadLimits {
  /// For reading and decoding it, in bytes: the index, what several slots share, the work of all
  /// threads. By default a quarter of the machine's memory, and no more than 1000 times the
  /// container or 128 MiB, whichever is more.
  std::uint64_t memory = 0;
  /// Of the files that it holds, together, in bytes. By default 1000 times the container or 128
  /// MiB, whichever is more.
  std::uint64_t model = 0;

  /// Without any: for containers that this program has just made.
  static ReadLimits none() noexcept { return {UINT64_MAX, UINT64_MAX}; }

  /// The same with the defaults for a container of so many bytes put in.
  ReadLimits for_container(std::uint64_t bytes) const;
};

}  // namespace qc
