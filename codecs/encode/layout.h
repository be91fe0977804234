// Layouts, encoding: a tensor -> integer streams. One row in the table and one file each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "codecs/decode/layout.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/stage.h"
#include "codecs/shared/element.h"
#include "codecs/shared/ids.h"
#include "codecs/shared/relative_index.h"

namespace qc {

/// Choices of the encoder. The default takes the fewest bytes that fast decoders can read.
struct EncodeOptions {
  StageChoice stages = StageChoice::kSmallest;
  bool slow_layouts = false;              ///< also those that are decoded bit by bit
  std::optional<LayoutId> layout = {};    ///< use this one where it applies
  std::optional<unsigned> gap_bits = {};  ///< width of a relative index, 2 to 8
  std::optional<GapMode> gap_mode = {};
  /// What the best layout so far takes: a hint to those that are slow to try.
  std::uint64_t bytes_to_beat = UINT64_MAX;
};

/// The presets of `pack`.
namespace presets {
inline constexpr EncodeOptions kFast = {.stages = StageChoice::kFast};
inline constexpr EncodeOptions kDefault = {.stages = StageChoice::kBalanced};
inline constexpr EncodeOptions kMax = {.stages = StageChoice::kSmallest, .slow_layouts = true};
}  // namespace presets

/// How one layout is written; `decoder` is the row that reads it.
struct LayoutEncoder {
  const LayoutDecoder& decoder;
  std::string_view help;
  bool stores_plain_values = false;  ///< no match for a codebook where there is one
  bool slow = false;                 ///< decoded bit by bit: tried only when asked for
  /// Decoding an element takes so many picoseconds beside its streams; see
  /// StageEncoder::symbol_ps.
  std::uint32_t element_ps = 0;
  /// Appends the encoded tensor; false, with nothing appended, where the layout does not apply.
  bool (*encode)(const Analysis& tensor, const EncodeOptions& options, Encoding& out) = nullptr;
  /// False where an estimate says that the layout, being slow to try, is not worth it; null where
  /// it always is.
  bool (*may_win)(const Analysis& tensor) = nullptr;

  LayoutId id() const noexcept { return decoder.id; }
  std::string_view name() const noexcept { return decoder.name; }
};

/// All layouts, in the order in which they are tried.
std::span<const LayoutEncoder* const> layout_encoders() noexcept;

/// The layout of that id or name; null when there is none.
const LayoutEncoder* find_layout_encoder(LayoutId id) noexcept;
const LayoutEncoder* find_layout_encoder(std::string_view name) noexcept;

/// False for a layout that another one beats on this tensor as far as can be foreseen: ranks in a
/// small codebook repeat where the values do, in fewer bytes.
bool worth_trying(const LayoutEncoder& layout, const Analysis& tensor);

/// The layout's encoding, with its decoding time. False where it does not apply.
bool encode_layout(const LayoutEncoder& layout, const Analysis& tensor,
                   const EncodeOptions& options, Encoding& out);

/// The best encoding of the elements among the dense layouts, with a byte for the layout first. For
/// the values inside other layouts.
void encode_dense(const TensorView& tensor, const EncodeOptions& options, Encoding& out);

/// encode_dense() of the non-zero elements, done once for a tensor. All calls for it take the same
/// options but for the layout.
void encode_nonzeros(const Analysis& tensor, const EncodeOptions& options, Encoding& out);

}  // namespace qc
