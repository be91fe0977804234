#include "formats/packed/pack_model.h"

#include "formats/packed/slots.h"

namespace qc {

PackSource pack_source(const OnnxModel& model) {
  PackSource source;
  for (const ModelFile& file : model.files()) {
    source.files.push_back({file.relative.generic_string(), file.bytes});
  }
  source.slots = find_slots(model, kMinSlot);
  source.may_change = model.is_mapped();
  source.release = [&model](ByteView part) { model.release(part); };
  return source;
}

void pack_model(const OnnxModel& model, const PackOptions& options, ByteSink& out) {
  write_container(pack_source(model), options, out);
}

}  // namespace qc
