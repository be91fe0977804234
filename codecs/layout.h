// Layouts: a tensor <-> integer streams. One row in the table and one file each.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "codecs/analysis.h"
#include "codecs/decode_context.h"
#include "codecs/element.h"
#include "codecs/stage.h"

namespace qc {

/// Ids on disk; stable for ever.
enum class LayoutId : std::uint8_t {
  kRaw = 0,
  kPlanes = 1,
  kNarrow = 2,
  kConstant = 3,
  kPalette = 4,
  kChannelPalette = 5,
  kCsr = 6,
  kBitmap = 7,
  kLevels = 8,
  kContextPalette = 9,
  kContextFloats = 10,
  kRepeats = 11,
};

/// How the gaps of a relative index that do not fit their code are bridged.
enum class GapMode : std::uint8_t {
  kEscape = 0,  ///< a symbol of its own that skips positions and stores nothing
  kFiller = 1,  ///< a stored zero, as in Deep Compression
};

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

/// Reads the elements of one tensor, front to back.
class ElementReader {
 public:
  /// Writes the next `count` elements; a multiple of kReadUnit but for the last call. Any input
  /// gives some elements, never a write beyond them.
  virtual void read(std::uint8_t* out, std::size_t count) noexcept = 0;
  /// As read(), with stores past the caches; at most kBlock elements of at most 8 bytes. `out` is
  /// aligned to 64 bytes. Copies what read() gives, unless a layout can do better.
  virtual void stream(std::uint8_t* out, std::size_t count, unsigned width) noexcept;
  /// After the last element: false when the input was damaged or had bytes left over.
  virtual bool finish() noexcept = 0;

 protected:
  ~ElementReader() = default;
};

/// One layout.
struct Layout {
  LayoutId id;
  std::string_view name;  ///< on the command line and in reports
  std::string_view help;
  bool dense;  ///< may hold the non-zero values of a sparse layout
  bool plain;  ///< stores values by themselves: no match for a codebook where there is one
  bool slow;   ///< decoded bit by bit: tried only when asked for
  /// Decoding an element takes so many picoseconds beside its streams; see Stage::symbol_ps.
  std::uint32_t element_ps;
  /// Appends the encoded tensor; false, with nothing appended, where the layout does not apply.
  bool (*encode)(const Analysis& tensor, const EncodeOptions& options, Encoding& out);
  /// A reader for `count` elements, in the context's memory; takes what it reads from `in`. Null,
  /// with the reason in the context, when the bytes are damaged. Allocates only from the context
  /// and never throws.
  ElementReader* (*open)(ByteReader& in, Element element, std::uint64_t count,
                         DecodeContext& context) noexcept;
  /// False where an estimate says that the layout, being slow to try, is not worth it; null where
  /// it always is.
  bool (*may_win)(const Analysis& tensor) = nullptr;
};

/// All layouts, in the order in which they are tried.
std::span<const Layout* const> layout_table() noexcept;

/// The layout of that id or name; null when there is none.
const Layout* find_layout(std::uint8_t id) noexcept;
const Layout* find_layout(std::string_view name) noexcept;

/// False for a layout that another one beats on this tensor as far as can be foreseen: ranks in a
/// small codebook repeat where the values do, in fewer bytes.
bool worth_trying(const Layout& layout, const Analysis& tensor);

/// The layout's encoding, with its decoding time. False where it does not apply.
bool encode_layout(const Layout& layout, const Analysis& tensor, const EncodeOptions& options,
                   Encoding& out);

/// The best encoding of the elements among the dense layouts, with a byte for the layout first. For
/// the values inside other layouts.
void encode_dense(const TensorView& tensor, const EncodeOptions& options, Encoding& out);

/// encode_dense() of the non-zero elements, done once for a tensor. All calls for it take the same
/// options but for the layout.
void encode_nonzeros(const Analysis& tensor, const EncodeOptions& options, Encoding& out);

/// Opens what encode_dense wrote.
ElementReader* open_dense(ByteReader& in, Element element, std::uint64_t count,
                          DecodeContext& context) noexcept;

}  // namespace qc
