// Units that hold several slots, decoded once for all of these.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codecs/decode/decode_context.h"
#include "core/bytes.h"
#include "formats/qc/decode/container.h"

namespace qc {

/// Keeps each such unit from the first time it is used to the last that was announced. For one
/// thread; nothing here throws.
class UnitCache {
 public:
  /// Of a container and allocators, for the bytes of units and for a table of them, that outlive
  /// this.
  UnitCache(const Container& container, Allocator& memory, Allocator& table) noexcept
      : container_(container), memory_(memory), units_(table) {}
  ~UnitCache();
  UnitCache(const UnitCache&) = delete;
  UnitCache& operator=(const UnitCache&) = delete;

  /// Before anything else. Fails with kLimit.
  ContainerFailure create() noexcept;

  /// Announces that the bytes of a slot will be used once, those that it repeats if it is a repeat.
  void expect(const QcSlot& slot) noexcept;

  /// The bytes of a unit of several slots, decoded at the first call; they stay until done() was
  /// called as often as the unit was announced. Fails with kCorrupt when it is damaged, with kLimit
  /// when the units that are in use together take too much memory.
  ContainerFailure use(std::size_t unit, DecodeContext& context, ByteView& bytes) noexcept;
  void done(std::size_t unit) noexcept;

 private:
  struct Unit {
    std::uint64_t uses = 0;         // left
    std::uint8_t* bytes = nullptr;  // null before the first
  };

  void release(std::size_t unit) noexcept;

  const Container& container_;
  Allocator& memory_;
  FixedArray<Unit> units_;
};

}  // namespace qc
