// Layouts, decoding: integer streams -> a tensor. One row in the table and one file each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/decode/coded_stats.h"
#include "codecs/decode/decode_context.h"
#include "codecs/decode/stage.h"
#include "codecs/shared/element.h"
#include "codecs/shared/ids.h"
#include "core/bytes.h"

namespace qc {

/// Reads the elements of one tensor, front to back.
class ElementReader {
 public:
  /// Writes the next `count` elements; a multiple of kReadUnit but for the last call. Any input
  /// gives some elements, never a write beyond them.
  virtual void read(std::uint8_t* out, std::size_t count) noexcept = 0;
  /// As read(), with stores past the caches; at most kBlock elements of `width` bytes. `out` is
  /// aligned to 64 bytes, and `scratch` has room for the elements. Copies what read() gives, unless
  /// a layout can do better.
  virtual void stream(std::uint8_t* out, std::size_t count, unsigned width,
                      std::uint8_t* scratch) noexcept;
  /// After the last element: false when the input was damaged or had bytes left over.
  virtual bool finish() noexcept = 0;

 protected:
  ~ElementReader() = default;
};

/// One layout.
struct LayoutDecoder {
  LayoutId id;
  std::string_view name;  ///< on the command line and in reports
  bool is_dense;          ///< may hold the values that another layout stores
  /// A reader for `count` elements, in the context's memory; takes what it reads from `in`. Null,
  /// with the reason in the context, when the bytes are damaged. Allocates only from the context
  /// and never throws. Tells `stats`, unless it is null, what the tensor is made of.
  ElementReader* (*open)(ByteReader& in, Element element, std::uint64_t count,
                         DecodeContext& context, CodedStats* stats) noexcept;
};

/// The layout of that id; null when there is none.
const LayoutDecoder* find_layout_decoder(std::uint8_t id) noexcept;

/// Opens the values that a layout stores: a byte for their layout, which is dense, and what that
/// wrote.
ElementReader* open_dense(ByteReader& in, Element element, std::uint64_t count,
                          DecodeContext& context, CodedStats* stats) noexcept;

}  // namespace qc
