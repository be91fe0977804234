// Conversions between the float widths, exact to the bit and the same on every machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// IEEE 754 binary16 bits to float32; exact.
float half_to_float(std::uint16_t bits) noexcept;

/// The bits of that float32. Where floats pass through registers of another width (x87), a
/// signalling NaN survives only as an integer.
std::uint32_t half_to_float_bits(std::uint16_t bits) noexcept;

/// float32 to binary16 bits, rounded to nearest even; overflow gives infinity. A NaN keeps the top
/// ten bits of its payload and stays a NaN.
std::uint16_t float_to_half(float value) noexcept;

/// bfloat16 bits to float32; exact.
float bfloat16_to_float(std::uint16_t bits) noexcept;

/// float32 to bfloat16 bits, rounded to nearest even.
std::uint16_t float_to_bfloat16(float value) noexcept;

/// The values of a float32, float16, bfloat16 or double payload as float32 (doubles are rounded).
/// Requires is_value_type(type) and a whole number of elements.
std::vector<float> load_floats(DataType type, ByteView payload);

/// Writes one value as element `index` of a payload, rounded to nearest even in the payload's type.
/// Requires is_value_type(type).
void store_value(DataType type, MutableBytes payload, std::size_t index, double value) noexcept;

/// What a tensor of `type` holds after store_value().
double stored_value(DataType type, double value) noexcept;

/// store_value() of all elements; the payload must be as long as they are.
void store_floats(DataType type, std::span<const float> values, MutableBytes payload) noexcept;

}  // namespace qc
