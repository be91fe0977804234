// Sizes of memory as flags give them, and how much of it there is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qc {

/// A whole number with an optional unit: "400MB" and "400 MB" are 400,000,000 bytes, "2GiB" is
/// 2^31; B, KB, MB, GB, TB, KiB, MiB, GiB and TiB, in either case. Throws Error(kUsage) for
/// anything else.
std::uint64_t parse_byte_size(std::string_view text);

/// A size as parse_byte_size() takes it, rounded up where it has more than four digits: "2685MB".
std::string byte_size_text(std::uint64_t bytes);

/// Bytes of memory that this process can have at most: those of the machine, or of its control
/// group, where that is allowed less.
std::uint64_t machine_memory();

/// So much memory is allowed whatever the size of a file and of the machine.
inline constexpr std::uint64_t kAlwaysAllowed = std::uint64_t{1} << 27;

/// What a command may take where nobody set a limit: a quarter of that.
std::uint64_t default_memory_limit();

}  // namespace qc
