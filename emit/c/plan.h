// A network with fixed shapes as a list of calls of kernels: what C is written from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc::c {

using Shape = std::vector<std::int64_t>;

/// Index of a value in Plan::values.
using ValueId = std::size_t;

/// What flows between steps, or is known when the network is compiled. Elements are float32 in C
/// for every float type, int32_t for int32, int64_t for int64, and uint8_t for bool, int8 and
/// uint8.
struct Value {
  std::string name;  ///< in the model
  DataType type = DataType::kFloat;
  Shape shape;
  /// Elements that are known. Only what a step reads as an array is written to C.
  std::optional<HostTensor> constant = std::nullopt;
  /// The value whose memory this one is: itself, or that of which it is another shape.
  ValueId storage = 0;
  bool is_input = false;   ///< of the network: the caller's memory, which is not written to
  bool is_output = false;  ///< of the network: the caller's memory
  /// In the arena, in bytes; nothing for constants, inputs and outputs.
  std::optional<std::uint64_t> offset = std::nullopt;
};

/// An array of constants in C.
struct ConstantArray {
  std::string name;     ///< an identifier, unique in the network
  std::string type;     ///< of an element in C: "float", "uint8_t", "uint16_t", "uint32_t", ...
  Bytes bytes;          ///< little-endian
  std::string comment;  ///< shape and form, for readers; printed as a quoted comment
};

/// An argument of a kernel.
struct Argument {
  struct Read {
    ValueId value;
  };
  struct Written {
    ValueId value;
  };
  struct Array {
    std::size_t index;  ///< in Plan::arrays
  };
  /// Memory that the call alone uses.
  struct Scratch {
    std::uint64_t bytes;
  };
  /// An expression of C: a number, or NULL.
  struct Literal {
    std::string text;
  };
  std::variant<Read, Written, Array, Scratch, Literal> what;
};

/// A call of a kernel.
struct Step {
  std::string kernel;  ///< the function's name
  std::vector<Argument> arguments;
  std::string layer;  ///< what a reader sees: operator, node, shapes, form, bytes
  /// The output may take the memory of this input, whose elements are read before those of the
  /// same place are written.
  std::optional<ValueId> in_place = std::nullopt;
  /// Multiplications and the like that it takes, for tables.
  std::uint64_t operations = 0;
};

struct Plan {
  std::vector<Value> values;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<Step> steps;
  std::deque<ConstantArray> arrays;

  std::uint64_t constant_bytes() const;
};

/// Elements of a shape without open sizes.
std::uint64_t count_of(const Shape& shape);

/// Bytes of an element in C.
std::uint64_t element_bytes(DataType type);

}  // namespace qc::c
