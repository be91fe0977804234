#include "formats/qc/read/shared_units.h"

#include <fmt/format.h>

#include <utility>

#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "system/byte_size.h"

namespace qc {

void SharedUnits::expect(std::size_t slot) {
  const std::size_t source = reader_.slots()[slot].repeat_of.value_or(slot);
  for (const UnitPart& part : reader_.unit_parts(reader_.slots()[source])) {
    if (reader_.units()[part.unit].is_shared()) ++units_[part.unit].uses;
  }
}

ByteView SharedUnits::use(std::size_t unit, DecodeContext& context) {
  const std::lock_guard lock(mutex_);
  Bytes& bytes = units_.at(unit).bytes;
  if (!bytes.empty()) return bytes;
  const std::uint64_t size = reader_.units()[unit].size;
  if (size > memory_ - taken_) {
    throw Error(ErrorCode::kLimit,
                fmt::format("units that slots share take more than {} of memory at a time; if you "
                            "trust the container, allow more with --max-memory",
                            byte_size_text(memory_)));
  }
  Bytes decoded(size);
  reader_.decode_unit(unit, decoded, context);
  taken_ += size;
  bytes = std::move(decoded);
  return bytes;
}

void SharedUnits::done(std::size_t unit) {
  const std::lock_guard lock(mutex_);
  const auto found = units_.find(unit);
  if (--found->second.uses > 0) return;
  taken_ -= found->second.bytes.size();
  units_.erase(found);
}

}  // namespace qc
