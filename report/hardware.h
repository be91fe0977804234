// What a model's weights ask of hardware: multiplications, and those that zeros, signs, shifts and
// tables replace; after the last part of TensorLayer's article on small networks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "report/breakdown.h"

namespace qc {

/// Products of weights and activations, by what is left of a multiplication.
struct Products {
  std::uint64_t skipped = 0;     ///< the weight is 0
  std::uint64_t sign_flips = 0;  ///< the weight, or the activation, is 1 or -1 times its scale
  std::uint64_t shifts = 0;      ///< the weight is 2 or -2 times its scale
  std::uint64_t lookups = 0;     ///< the weight is one of a codebook: the product is in a table
  std::uint64_t xnors = 0;       ///< weight and activation are both 1 or -1 times a scale
  std::uint64_t multiplied = 0;  ///< any other weight
  std::uint64_t scalings = 0;    ///< extra multiplications: of a sum by its scale

  std::uint64_t total() const noexcept {
    return skipped + sign_flips + shifts + lookups + xnors + multiplied;
  }
  Products& operator+=(const Products& other) noexcept;
};

/// Energy in picojoules. An estimate: 32-bit operations at 45 nm (M. Horowitz, "Computing's energy
/// problem", ISSCC 2014), every weight read from DRAM once, activations not counted.
struct Energy {
  double arithmetic = 0;
  double weights = 0;

  double total() const noexcept { return arithmetic + weights; }
  Energy& operator+=(const Energy& other) noexcept;
};

/// Two-dimensional kernels of a convolution with binary, ternary or five-level weights.
struct Kernels {
  std::uint64_t count = 0;
  std::uint64_t distinct = 0;             ///< up to their channel's scale
  std::uint64_t distinct_up_to_sign = 0;  ///< when a kernel also stands for its negative
};

struct LayerWork {
  std::string name;  ///< of the weight tensor
  std::string op;
  /// For one input; nothing when the graph does not say how often each weight is used.
  std::optional<Products> products;
  Energy energy;        ///< 0 where `products` are not known
  Energy energy_dense;  ///< with every weight a plain float
  std::optional<Kernels> kernels;
};

/// An input of the model with sizes that are not known.
struct OpenInput {
  std::string name;
  std::vector<std::int64_t> dims;  ///< -1: not known; empty when nothing is
  bool first = false;              ///< the one that infer_shapes() is given the sizes of
};

struct HardwareView {
  std::vector<LayerWork> layers;  ///< those that multiply by float weights, in the model's order
  std::vector<OpenInput> open_inputs;
};

/// What the layers of a model ask of hardware. `stored` is what break_down() says of the same
/// model, packed; `input` as in infer_shapes().
HardwareView hardware_view(const OnnxModel& model, const Breakdown& stored,
                           std::span<const std::int64_t> input, unsigned threads);

}  // namespace qc
