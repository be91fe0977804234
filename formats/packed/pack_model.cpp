#include "formats/packed/pack_model.h"

#include "formats/packed/slots.h"

namespace qc {

void pack_model(const OnnxModel& model, const PackOptions& options, ByteSink& out) {
  PackSource source;
  for (const ModelFile& file : model.files()) {
    source.files.push_back({file.relative.generic_string(), BytePieces(file.bytes)});
  }
  source.slots = find_slots(model, kMinSlot);
  source.may_change = model.is_mapped();
  source.release = [&](ByteView part) { model.release(part); };
  write_container(source, options, out);
}

}  // namespace qc
