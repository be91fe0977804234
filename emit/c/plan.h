// A network with fixed shapes as a list of calls of kernels: what C is written from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/host_tensor.h"
#include "emit/c/tile_window.h"
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
    std::uint64_t offset = 0;  ///< in the arena
  };
  /// The function that multiplies with the weights of a layer.
  struct Function {
    std::size_t product;  ///< in Plan::products
  };
  /// Memory of that function for so many pixels at a time; NULL where its form needs none.
  struct ProductScratch {
    std::size_t product;
    std::uint64_t pixels;
  };
  /// Its bias, or NULL.
  struct ProductBias {
    std::size_t product;
  };
  /// An expression of C: a number, NULL, or a kernel that another calls.
  struct Literal {
    std::string text;
  };
  using What =
      std::variant<Read, Written, Array, Scratch, Function, ProductScratch, ProductBias, Literal>;
  What what;

  Argument(What of) : what(std::move(of)) {}  // NOLINT(google-explicit-constructor)
};

/// The weights of a layer: a matrix a group. Once coded it is a C function of its own, which calls
/// the kernel of the form:
///   static void NAME(size_t group, const float *x, size_t pixels, float *y, size_t stride,
///                    void *scratch);
struct Product {
  std::string name;
  std::size_t groups = 1;
  std::size_t rows = 0;  ///< of a group
  std::size_t columns = 0;
  std::vector<float> weights;    ///< groups x rows x columns, until they are coded
  std::vector<float> bias;       ///< of each channel, or none
  std::size_t channel_axis = 1;  ///< of the layer's output
  std::size_t channel_rows = 1;  ///< rows of the matrices that make a channel
  /// The form's kernel adds the bias; else the layer's does, which has it as an argument.
  bool adds_bias = true;
  bool signs_only = false;    ///< what it is multiplied with is -1, 0 or 1
  std::uint64_t vectors = 1;  ///< columns of activations that a group is multiplied with
  std::size_t pixels = 1;     ///< of these, in one call
  std::optional<TileWindow> tiles = std::nullopt;  ///< of a convolution that may go by tiles

  std::size_t channels() const noexcept { return groups * rows / channel_rows; }

  /// A call of a form's kernel; the arguments are those before x.
  struct Call {
    std::string kernel;
    std::vector<Argument> arguments;
    bool takes_scratch = false;
  };
  std::vector<Call> calls = {};  ///< one a group
  /// Where it goes by tiles, what of; the function is a qk_tile_products then.
  std::optional<TileInput> tile_input = std::nullopt;
  std::string form = {};         ///< by name; several with commas
  std::uint64_t scratch = 0;     ///< bytes, for one pixel
  std::uint64_t operations = 0;  ///< for one column of activations, over all groups
};

/// A call of a kernel.
struct Step {
  std::string kernel;  ///< the function's name
  std::vector<Argument> arguments;
  std::string op;     ///< the operator
  std::string layer;  ///< what a reader knows it by: the node's name
  /// The output may take the memory of this input, whose elements are read before those of the
  /// same place are written.
  std::optional<ValueId> in_place = std::nullopt;
  /// Multiplications and the like that it takes, for tables.
  std::uint64_t operations = 0;
};

struct Plan {
  std::deque<Value> values;  ///< references to them stay valid as it grows
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::deque<Step> steps;
  std::deque<ConstantArray> arrays;
  std::deque<Product> products;
  std::uint64_t arena_bytes = 0;
  /// The most that is alive at a time: no placement takes less.
  std::uint64_t arena_bound = 0;

  std::uint64_t constant_bytes() const;
};

/// The value whose memory a value is in.
ValueId storage_of(const Plan& plan, ValueId value);

/// Calls body(argument) for each argument of a step, and for those of its products' calls.
template <typename Body>
void each_argument(const Plan& plan, const Step& step, const Body& body) {
  for (const Argument& argument : step.arguments) {
    body(argument);
    const auto* function = std::get_if<Argument::Function>(&argument.what);
    if (function == nullptr) continue;
    for (const Product::Call& call : plan.products[function->product].calls) {
      for (const Argument& inner : call.arguments) body(inner);
    }
  }
}

/// Elements of a shape without open sizes.
std::uint64_t count_of(const Shape& shape);

/// Bytes of an element in C.
std::uint64_t element_bytes(DataType type);

/// The type of an element in C.
std::string_view type_in_c(DataType type);

}  // namespace qc::c
