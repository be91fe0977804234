// Bytes that payloads have in common without being the same.
#pragma once

#include <cstdint>
#include <span>

#include "core/bytes.h"

namespace qc {

/// About how many bytes of the payloads stand in an earlier one, too, in runs of 16 at multiples of
/// 4. By a sample of the runs; no more than tells whether matches across payloads can pay.
std::uint64_t shared_bytes(std::span<const ByteView> payloads);

}  // namespace qc
