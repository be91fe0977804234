#include "formats/qc/read/shared_units.h"

#include "formats/qc/read/container_error.h"
#include "formats/qc/read/qc_reader.h"

namespace qc {

SharedUnits::SharedUnits(const QcReader& reader, std::uint64_t memory)
    : reader_(reader), memory_(memory), cache_(reader.container(), memory_, heap()) {
  if (const auto failed = cache_.create()) throw_failure(failed);
}

void SharedUnits::expect(std::size_t slot) { cache_.expect(reader_.slots()[slot]); }

ByteView SharedUnits::use(std::size_t unit, DecodeContext& context) {
  const std::lock_guard lock(mutex_);
  ByteView bytes;
  if (const auto failed = cache_.use(unit, context, bytes)) throw_failure(failed);
  return bytes;
}

void SharedUnits::done(std::size_t unit) {
  const std::lock_guard lock(mutex_);
  cache_.done(unit);
}

}  // namespace qc
