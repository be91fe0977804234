#include "product_kernels.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
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
#include "runtime/kernels/lanes.c"
#include "runtime/kernels/bits.c"
#include "runtime/kernels/codebook.c"
#include "runtime/kernels/dense.c"
#include "runtime/kernels/planes.c"
#include "runtime/kernels/sparse.c"
#include "runtime/kernels/xnor.c"
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

// What all kernels take after the parts.
constexpr std::size_t kCommonArguments = 7;

template <typename... Types>
void call_with(void (*kernel)(Types...), const CodedWeights& weights, const ProductCall& call) {
  const auto call_with_parts = [&]<std::size_t... kIndices>(std::index_sequence<kIndices...>) {
    using All = std::tuple<Types...>;
    Arguments arguments(weights);
    // Braces keep the order.
    const std::tuple<std::tuple_element_t<kIndices, All>...> parts{
        arguments.take<std::tuple_element_t<kIndices, All>>()...};
    if (!arguments.all_taken()) throw std::invalid_argument("more parts than the kernel takes");
    kernel(std::get<kIndices>(parts)..., call.rows, call.columns, call.bias, call.x, call.pixels,
           call.y, call.stride);
  };
  call_with_parts(std::make_index_sequence<sizeof...(Types) - kCommonArguments>());
}

}  // namespace

void run_kernel(std::string_view kernel, const CodedWeights& weights, const ProductCall& call) {
  if (kernel == "qk_dense") return call_with(qk_dense, weights, call);
  if (kernel == "qk_codebook") return call_with(qk_codebook, weights, call);
  if (kernel == "qk_radix") return call_with(qk_radix, weights, call);
  if (kernel == "qk_sparse") return call_with(qk_sparse, weights, call);
  if (kernel == "qk_sparse_rice") return call_with(qk_sparse_rice, weights, call);
  if (kernel == "qk_sparse16") return call_with(qk_sparse16, weights, call);
  if (kernel == "qk_planes") return call_with(qk_planes, weights, call);
  if (kernel == "qk_xnor") return call_with(qk_xnor, weights, call);
  throw std::invalid_argument("no kernel of that name");
}

}  // namespace qc::c
