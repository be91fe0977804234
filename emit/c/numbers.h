// Numbers that are known when a network is compiled, and how C spells them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/host_tensor.h"

namespace qc::c {

/// A tensor's elements, either as integers or as floats.
struct Numbers {
  DataType type = DataType::kUndefined;
  std::vector<std::int64_t> dims;
  std::vector<double> floats;
  std::vector<std::int64_t> integers;

  bool is_float() const noexcept { return type == DataType::kFloat; }
  std::size_t size() const noexcept { return is_float() ? floats.size() : integers.size(); }
};

/// Nothing for types of which C has no numbers: strings, complex ones, those of few bits.
std::optional<Numbers> to_numbers(const HostTensor& tensor);

/// Floats are rounded to float32, and integers wrap.
HostTensor to_tensor(const Numbers& numbers);

/// A constant expression of type float, exact to the bit but for NaNs.
std::string float_literal(float value);

}  // namespace qc::c
