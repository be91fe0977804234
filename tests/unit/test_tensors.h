// Tensors of every kind that the codecs look for, made from a seed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "codecs/encode/layout.h"
#include "codecs/shared/element.h"
#include "core/bytes.h"
#include "core/tensor.h"

namespace qc::test {

/// Every element: all widths, float or not.
inline constexpr std::array<Element, 8> kElements = {{
    {1, false},
    {1, true},
    {2, false},
    {2, true},
    {4, false},
    {4, true},
    {8, false},
    {8, true},
}};

/// What the values of a tensor are like.
enum class Pattern {
  kUniform,        ///< random bits
  kBell,           ///< near the normal distribution; integers near zero
  kFew,            ///< a few distinct values
  kHalfZero,       ///< half of them zero
  kSparse,         ///< one in ten not zero
  kVerySparse,     ///< one in 700 not zero: gaps need escapes or fillers at every width
  kSparseFew,      ///< one in ten not zero, of a few distinct values
  kConstant,       ///< one value
  kZero,           ///< all bits zero
  kZeros,          ///< 0 and -0
  kSpecials,       ///< infinities, NaNs with payloads, the extremes of each kind
  kDenormals,      ///< magnitudes below the smallest normal number
  kChannelAlpha,   ///< +-alpha with an alpha of its own for every channel
  kTernary,        ///< -alpha, 0 or alpha, one alpha for all
  kSparseTernary,  ///< one in ten of them not zero, an alpha for every channel
  kFiveLevels,     ///< -2 alpha, -alpha, 0, alpha or 2 alpha, an alpha for every channel
  kHalfExact,      ///< exactly a binary16
  kBfloatExact,    ///< exactly a bfloat16
  kSingleExact,    ///< exactly a float32
};
inline constexpr std::size_t kPatternCount = 19;

/// Elements that own their bytes.
struct TestTensor {
  Bytes data;
  Element element;
  ChannelMap channels = {};
  Grid grid = {};

  TensorView view() const { return {data, element, channels, grid}; }
};

/// The same tensor for the same arguments. Patterns that do not exist for an element give kBell.
TestTensor make_tensor(Pattern pattern, Element element, std::size_t count, std::uint64_t seed,
                       ChannelMap channels = {});

/// A tensor as `layout` writes it, with the head that decode_tensor() reads; nothing where the
/// layout does not apply.
std::optional<Bytes> encode_with(const LayoutEncoder& layout, const TensorView& tensor,
                                 const EncodeOptions& options);

/// What decode_tensor() makes of it; nothing when it refuses.
std::optional<Bytes> decode(ByteView coded, std::size_t size);

/// "float32 bell x 1025" and the like, for messages.
std::string describe(Pattern pattern, Element element, std::size_t count);

}  // namespace qc::test
