#include "formats/packed/packed_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "formats/onnx/tensor_table.h"

namespace qc {

GappedBytes gapped_file(const QcReader& reader, std::size_t file) {
  std::vector<GappedBytes::Gap> gaps;
  const std::span<const QcSlot> slots = reader.slots();
  const auto first = std::ranges::lower_bound(slots, file, {}, &QcSlot::file);
  for (auto slot = first; slot != slots.end() && slot->file == file; ++slot) {
    gaps.push_back({slot->offset, slot->size});
  }
  return {reader.files()[file].literal, std::move(gaps)};
}

PackedGraph packed_graph(const QcReader& reader) {
  std::map<std::string_view, std::size_t> file_at;
  const std::span<const QcFile> files = reader.files();
  for (std::size_t i = 1; i < files.size(); ++i) file_at.emplace(files[i].path, i);
  OnnxFile model = read_onnx(gapped_file(reader, 0), reader.limits().memory);
  std::vector<TensorInfo> tensors = make_tensors(model, [&](const std::string& location) {
    const std::string path = std::filesystem::path(location).lexically_normal().generic_string();
    const auto found = file_at.find(path);
    if (found != file_at.end()) return ExternalFile{found->second, files[found->second].size};
    throw Error(ErrorCode::kCorrupt, fmt::format("the container holds no file {}", location));
  });
  Graph& graph = model.graph.main;
  return {std::move(tensors), std::move(graph.inputs), std::move(graph.outputs)};
}

SlotIndex::SlotIndex(const QcReader& reader) {
  for (std::size_t slot = 0; slot < reader.slots().size(); ++slot) {
    const QcSlot& place = reader.slots()[slot];
    slot_at_.emplace(std::pair(place.file, place.offset), slot);
  }
}

const std::size_t* SlotIndex::find(const TensorInfo& tensor) const {
  const auto found = slot_at_.find({tensor.file, tensor.offset});
  return found != slot_at_.end() ? &found->second : nullptr;
}

PackedElements::PackedElements(const QcReader& reader)
    : reader_(reader), slots_(reader), shared_(reader, reader.limits().memory) {}

void PackedElements::expect(const TensorInfo& tensor) {
  if (!tensor.elements) return;
  if (const std::size_t* slot = slots_.find(tensor)) {
    shared_.expect(*slot);
  } else if (!literal_.contains(tensor.file)) {
    literal_.emplace(tensor.file, gapped_file(reader_, tensor.file));
  }
}

Bytes PackedElements::of(const TensorInfo& tensor) {
  if (!tensor.elements) return {};
  if (const std::size_t* slot = slots_.find(tensor)) {
    DecodeContext context(reader_.limits().memory);
    return reader_.decode_slot(*slot, context, shared_);
  }
  const ByteView bytes = literal_.at(tensor.file).at(tensor.offset);
  if (bytes.size() < tensor.size) return {};
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(tensor.size)};
}

Bytes packed_elements(const QcReader& reader, const TensorInfo& tensor) {
  PackedElements packed(reader);
  packed.expect(tensor);
  return packed.of(tensor);
}

}  // namespace qc
