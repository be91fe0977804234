#include "product_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/bytes.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

// In the order of what needs what.
// clang-format off
// NOLINTBEGIN(bugprone-suspicious-include)
#include "runtime/kernels/lanes.c"
#include "runtime/kernels/bits.c"
#include "runtime/kernels/codebook.c"
#include "runtime/kernels/dense.c"
#include "runtime/kernels/layers.c"
#include "runtime/kernels/planes.c"
#include "runtime/kernels/sparse.c"
#include "runtime/kernels/wide.c"
#include "runtime/kernels/tiles.c"
#include "runtime/kernels/xnor.c"
#include "runtime/kernels/words.c"
// NOLINTEND(bugprone-suspicious-include)
// clang-format on

}  // namespace

namespace qc::c {
namespace {

template <typename Element>
constexpr std::string_view kTypeName = {};
template <>
constexpr std::string_view kTypeName<float> = "float";
template <>
constexpr std::string_view kTypeName<std::uint8_t> = "uint8_t";
template <>
constexpr std::string_view kTypeName<std::uint16_t> = "uint16_t";
template <>
constexpr std::string_view kTypeName<std::uint32_t> = "uint32_t";

// Parts of coded weights as arguments; the arrays live as long as this.
class Arguments {
 public:
  explicit Arguments(const CodedWeights& weights) : weights_(&weights) {}

  template <typename Argument>
  Argument take() {
    const CodedWeights::Part& part = weights_->parts.at(next_++);
    if constexpr (std::is_pointer_v<Argument>) {
      using Element = std::remove_const_t<std::remove_pointer_t<Argument>>;
      if (part.literal == "NULL") return nullptr;
      if (!part.literal.empty() || part.type != kTypeName<Element> || part.bytes.empty() ||
          part.bytes.size() % sizeof(Element) != 0 || part.suffix.empty()) {
        throw std::invalid_argument("not an array of the kernel's type");
      }
      // The end of the vector is the end of the array, for AddressSanitizer.
      auto& words = arrays_.emplace_back((part.bytes.size() + 3) / 4);
      const std::size_t skipped = words.size() * 4 - part.bytes.size();
      auto* bytes = reinterpret_cast<std::uint8_t*>(words.data()) + skipped;
      std::memcpy(bytes, part.bytes.data(), part.bytes.size());
      return reinterpret_cast<Argument>(bytes);
    } else {
      if (part.literal.empty()) throw std::invalid_argument("not a number");
      return static_cast<Argument>(std::stoull(part.literal));
    }
  }

  bool all_taken() const { return next_ == weights_->parts.size(); }

 private:
  const CodedWeights* weights_;
  std::size_t next_ = 0;
  std::vector<std::vector<std::uint32_t>> arrays_;
};

// Calls a kernel with the parts of weights, and the arguments that all kernels take after them.
template <typename... Types, typename... Common>
void call_with(void (*kernel)(Types...), const CodedWeights& weights, Common... common) {
  const auto call_with_parts = [&]<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    using All = std::tuple<Types...>;
    Arguments arguments(weights);
    // Braces keep the order.
    const std::tuple<std::tuple_element_t<kIndices, All>...> parts{
        arguments.take<std::tuple_element_t<kIndices, All>>()...};
    if (!arguments.all_taken()) throw std::invalid_argument("more parts than the kernel takes");
    kernel(std::get<kIndices>(parts)..., common...);
  };
  call_with_parts(std::make_index_sequence<sizeof...(Types) - sizeof...(Common)>());
}

}  // namespace

void run_kernel(std::string_view kernel, const CodedWeights& weights, const ProductCall& call) {
  const auto run = [&](auto* function) {
    call_with(function, weights, call.rows, call.columns, call.bias, call.x, call.pixels, call.y,
              call.stride);
  };
  if (kernel == "qk_dense") return run(qk_dense);
  if (kernel == "qk_codebook") return run(qk_codebook);
  if (kernel == "qk_radix") return run(qk_radix);
  if (kernel == "qk_sparse") return run(qk_sparse);
  if (kernel == "qk_sparse_rice") return run(qk_sparse_rice);
  if (kernel == "qk_sparse16") return run(qk_sparse16);
  if (kernel == "qk_planes") return run(qk_planes);
  if (kernel == "qk_xnor") return run(qk_xnor);
  throw std::invalid_argument("no kernel of that name");
}

namespace {

// The products of the convolution that runs.
std::function<void(std::size_t group, const float* x, const qk_tile* tile, float* y,
                   std::size_t stride)>
    products_of_tile;

void call_products(std::size_t group, const float* x, const qk_tile* tile, float* y,
                   std::size_t stride) {
  products_of_tile(group, x, tile, y, stride);
}

}  // namespace

void run_tiles(const TileForm& form, const std::vector<CodedWeights>& weights,
               const TileCall& call) {
  const std::size_t columns = call.window.channels * call.window.taps;
  products_of_tile = [&](std::size_t group, const float* x, const qk_tile* tile, float* y,
                         std::size_t stride) {
    const float* bias = call.bias != nullptr ? call.bias + group * call.rows : nullptr;
    const auto run = [&](auto* function) {
      call_with(function, weights.at(group), call.rows, columns, bias, x, tile, y, stride);
    };
    if (form.kernel == "qk_dense_tiles") return run(qk_dense_tiles);
    if (form.kernel == "qk_sparse_tiles") return run(qk_sparse_tiles);
    if (form.kernel == "qk_ternary_tiles") return run(qk_ternary_tiles);
    if (form.kernel == "qk_xnor_tiles") return run(qk_xnor_tiles);
    if (form.kernel == "qk_bits_tiles") return run(qk_bits_tiles);
    throw std::invalid_argument("no kernel of that name");
  };
  // Numbers that are not zero, for memory is not empty when a step begins.
  std::vector<float> memory(call.window.memory(form.input), 7.0F);
  qk_conv_tiles(call_products, call.x, call.batch, weights.size(), call.window.channels, call.rows,
                call.numbers.data(),
                form.input == TileInput::kFloats ? qk_pad_planes : qk_pack_words,
                call.window.planes(form.input), call.window.bits, memory.data(), call.y);
}

}  // namespace qc::c
