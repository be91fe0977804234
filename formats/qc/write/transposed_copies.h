// Finds tensors that are another tensor's elements in transposed order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "codecs/shared/element.h"
#include "core/bytes.h"
#include "formats/qc/decode/transposition.h"

namespace qc {

/// A number that depends on the elements but not on their order; it adds up over parts of a tensor.
std::uint64_t order_free_hash(const TensorView& tensor) noexcept;

/// How `target`, of shape `dims`, comes from `source` by swapping two runs of its axes; nothing
/// when it does not. Both have the same element and size.
std::optional<Transposition> find_transposition(const TensorView& source, const TensorView& target,
                                                std::span<const std::int64_t> dims);

}  // namespace qc
