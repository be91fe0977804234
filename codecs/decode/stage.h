// Entropy stages, decoding: coded bytes -> a stream of small integers. One row in the table and one
// file each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "codecs/decode/coded_stats.h"
#include "codecs/decode/decode_context.h"
#include "codecs/shared/ids.h"
#include "codecs/shared/symbol.h"
#include "core/bytes.h"

namespace qc {

/// Reads the symbols of one stream, front to back.
class SymbolReader {
 public:
  /// Fills `out`; every symbol is below the stream's alphabet, whatever the input. Reading more
  /// symbols than the stream has gives valid but meaningless ones.
  virtual void read(std::span<Symbol> out) noexcept = 0;
  /// The next `count` symbols where they lie in memory as bytes; an empty view, and nothing is
  /// read, where they do not or the stream has fewer: then read() gives them.
  virtual ByteView take_bytes(std::size_t /*count*/) noexcept { return {}; }
  /// After the last read: false when the input was damaged or had bytes left over.
  virtual bool finish() noexcept = 0;

 protected:
  ~SymbolReader() = default;
};

/// One entropy stage.
struct StageDecoder {
  StageId id;
  std::string_view name;
  /// A reader over `coded` for `count` symbols below `alphabet`, in the context's memory. Null,
  /// with the reason in the context, when the bytes are damaged. `table_bytes` is how many of them
  /// are code tables.
  SymbolReader* (*open)(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
                        DecodeContext& context, std::uint64_t& table_bytes) noexcept;
};

/// Opens the next stream of `in`. Null, with the reason in the context, when it is damaged. `stats`
/// as in LayoutDecoder::open.
SymbolReader* open_stream(ByteReader& in, std::uint64_t count, std::uint32_t alphabet,
                          StreamUse use, DecodeContext& context, CodedStats* stats) noexcept;

}  // namespace qc
