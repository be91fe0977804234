#include "formats/packed/slots.h"

#include <algorithm>

namespace qc {

std::vector<Slot> find_slots(const OnnxModel& model, std::uint64_t min_size) {
  std::vector<Slot> all;
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.storage == Storage::kNone || tensor.size < min_size) continue;
    Slot slot;
    slot.file = tensor.file;
    slot.offset = tensor.offset;
    slot.view.data = model.payload(tensor);
    if (tensor.elements && tensor.size % element_of(tensor.type).width == 0) {
      slot.view.element = element_of(tensor.type);
      slot.dims = tensor.dims;
      // A map over anything but elements of the tensor would be wrong: complex numbers are pairs.
      if (slot.view.count() == tensor.count()) {
        slot.view.grid = tensor_grid(tensor.dims);
        if (tensor.role == Role::kWeight) {
          slot.view.channels = channel_map(tensor.dims, tensor.channel_axis);
        }
      }
    }
    all.push_back(slot);
  }
  std::stable_sort(all.begin(), all.end(), [](const Slot& a, const Slot& b) {
    return std::pair(a.file, a.offset) < std::pair(b.file, b.offset);
  });
  std::vector<Slot> apart;
  for (const Slot& slot : all) {
    const bool overlaps = !apart.empty() && apart.back().file == slot.file &&
                          slot.offset < apart.back().offset + apart.back().view.data.size();
    if (!overlaps) apart.push_back(slot);
  }
  return apart;
}

}  // namespace qc
