#include "formats/qc/decode/unit_cache.h"

namespace qc {

UnitCache::~UnitCache() {
  for (std::size_t unit = 0; unit < units_.size(); ++unit) release(unit);
}

void UnitCache::release(std::size_t unit) noexcept {
  memory_.release(units_[unit].bytes, container_.units()[unit].size);
  units_[unit].bytes = nullptr;
}

ContainerFailure UnitCache::create() noexcept {
  const std::size_t count = container_.units().size();
  if (units_.create(count)) return {};
  return no_memory(count * sizeof(Unit), "its units are too many");
}

void UnitCache::expect(const QcSlot& slot) noexcept {
  container_.each_part(container_.source_of(slot), [&](const UnitPart& part) {
    if (container_.units()[part.unit].is_shared()) ++units_[part.unit].uses;
    return true;
  });
}

ContainerFailure UnitCache::use(std::size_t unit, DecodeContext& context,
                                ByteView& bytes) noexcept {
  Unit& entry = units_[unit];
  const auto size = static_cast<std::size_t>(container_.units()[unit].size);
  if (entry.bytes == nullptr) {
    entry.bytes = memory_.allocate(size);
    if (entry.bytes == nullptr) return no_memory(size, "units that slots share are too large");
    if (const auto failed = container_.decode_unit(unit, {entry.bytes, size}, context)) {
      release(unit);
      return failed;
    }
  }
  bytes = {entry.bytes, size};
  return {};
}

void UnitCache::done(std::size_t unit) noexcept {
  if (--units_[unit].uses == 0) release(unit);
}

}  // namespace qc
