// What an input of a network takes, and tensors that are made to suit it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc {

/// "float32 [1,?,128]"; "float32 of any shape" where the graph declares none.
std::string wanted_text(const GraphValue& input);

/// "int64 [3,4]".
std::string tensor_text(DataType type, std::span<const std::int64_t> dims);

/// Whether a tensor of that shape suits the declared one.
bool takes_shape(const GraphValue& input, std::span<const std::int64_t> dims);

/// The shape, with a batch dimension of 1 in front where the input has it and `dims` has not;
/// nothing when the input does not take either.
std::optional<std::vector<std::int64_t>> input_shape(const GraphValue& input,
                                                     std::span<const std::int64_t> dims);

/// Whether values of a type may become those of another: integers any integer that they fit, floats
/// any float, others only what they are.
bool is_convertible(DataType from, DataType to) noexcept;

/// Throws Error(kUsage) saying what the input wants and what `where` has when it does not take such
/// a tensor. Gives the shape that the input gets.
std::vector<std::int64_t> require_suits(const GraphValue& input, DataType type,
                                        std::span<const std::int64_t> dims,
                                        const std::string& where);

/// The tensor in the type and shape of the input. Throws Error(kUsage) as require_suits() does, and
/// for a whole number that the type of the input does not hold.
HostTensor suit(const GraphValue& input, HostTensor tensor, const std::string& where);

/// Integers and floats of at least 16 bits, which store_number() writes.
bool is_number_type(DataType type) noexcept;

/// Writes element `index` of a payload of numbers or bools: floats rounded to nearest even. False
/// where an integer type does not hold the value exactly, a bool takes 0 and 1.
bool store_number(DataType type, std::span<std::uint8_t> payload, std::size_t index, double value);

/// Bytes of a tensor; throws Error(kLimit) naming `name` when it takes more than kMaxInMemory.
/// Requires a type of at least a byte and known dimensions.
std::size_t tensor_bytes(const std::string& name, DataType type,
                         std::span<const std::int64_t> dims);

}  // namespace qc
