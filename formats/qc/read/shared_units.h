// Units that hold several slots, decoded once for all of these.
#pragma once

#include <cstdint>
#include <mutex>

#include "codecs/decode/decode_context.h"
#include "core/bytes.h"
#include "formats/qc/decode/limited_memory.h"
#include "formats/qc/decode/unit_cache.h"

namespace qc {

class QcReader;

/// A UnitCache for several threads.
class SharedUnits {
 public:
  /// Of a reader that outlives this, in at most `memory` bytes at a time.
  SharedUnits(const QcReader& reader, std::uint64_t memory);

  /// Announces that the bytes of a slot will be used once, those that it repeats if it is a repeat.
  void expect(std::size_t slot);

  /// The bytes of a unit of several slots, decoded at the first call; they stay until done() was
  /// called as often as the unit was announced. Throws Error: kCorrupt when it is damaged, kLimit
  /// when the units that are in use together take too much memory.
  ByteView use(std::size_t unit, DecodeContext& context);
  void done(std::size_t unit);

 private:
  const QcReader& reader_;
  std::mutex mutex_;
  LimitedMemory memory_;
  UnitCache cache_;
};

}  // namespace qc
