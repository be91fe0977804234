// Standard input, output and error as descriptors that may be missing, full or without a reader.
#pragma once

#include <string_view>

#include "core/bytes.h"

namespace qc {

/// Puts something in the place of each standard stream that is closed, on which reading and writing
/// fail: else the next file that is opened takes the place, and what is printed goes into it. To be
/// called before any file is opened. False when that cannot be done.
bool occupy_standard_streams() noexcept;

/// Writes all bytes to a descriptor, waiting for one that does not block. Returns errno, 0 when all
/// went well.
int write_all(int descriptor, ByteView bytes) noexcept;

/// Writes to standard error. What nobody can read is dropped: work goes on without a terminal.
void print_error(std::string_view text) noexcept;

}  // namespace qc
