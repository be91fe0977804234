// Updates: containers whose slots are made of another model.
#include <algorithm>

#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/container.h"

namespace qc {
namespace {

constexpr const char* kNoRange = "a slot is made of what there is not";

}  // namespace

ContainerFailure Container::place_base_files(const ManifestTable& manifest) noexcept {
  const auto entries = manifest.base();
  if (!base_files_.create(entries.size())) {
    return no_memory(entries.size() * sizeof(QcFile), "its base has too many files");
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].slots != 0) return corrupt("a file of its base has slots");
    base_files_[i] = {entries[i].path, entries[i].size, entries[i].digest, 0, 0, {}};
  }
  return {};
}

// Takes the codebook of the slot, whose place is known, off the others'.
ContainerFailure Container::place_in_base(const BaseUse& use, ByteView& codebooks,
                                          QcSlot& slot) noexcept {
  // Both are below 2^62 in magnitude.
  const std::int64_t offset = static_cast<std::int64_t>(slot.offset) + use.shift;
  if (slot.file >= base_files_.size() || offset < 0 ||
      static_cast<std::uint64_t>(offset) > base_files_[slot.file].size ||
      slot.size > base_files_[slot.file].size - static_cast<std::uint64_t>(offset)) {
    return corrupt(kNoRange);
  }
  const std::uint64_t width = rank_width(use.method);
  const bool is_odd = width != 0 && (slot.size % width != 0 || slot.size > kQcMaxUnit);
  if (is_odd || use.values * width > codebooks.size()) return corrupt(kNoRange);
  const auto size = static_cast<std::size_t>(use.values * width);
  slot.base = QcBaseRange{use.method, static_cast<std::uint64_t>(offset), codebooks.first(size)};
  codebooks = codebooks.subspan(size);
  return {};
}

ContainerFailure Container::set_base(std::span<const ByteView> files) noexcept {
  if (base_files_.size() == 0) {
    return failure(ErrorCode::kUsage, {"it is no update, and has no base"});
  }
  bool is_it = files.size() == base_files_.size();
  for (std::size_t i = 0; is_it && i < files.size(); ++i) {
    is_it = files[i].size() == base_files_[i].size &&
            checksum_matches(xxh3_128(files[i]), base_files_[i].digest);
  }
  if (!is_it) {
    return failure(ErrorCode::kUsage, {"the base is not the model that it updates"});
  }
  base_.clear();
  if (!base_.create(files.size())) {
    return no_memory(files.size_bytes(), "its base has too many files");
  }
  std::copy(files.begin(), files.end(), base_.span().begin());
  return {};
}

ContainerFailure Container::restore(const QcSlot& slot, std::uint64_t offset, MutableBytes bytes,
                                    Allocator& memory) const noexcept {
  if (!slot.base) return {};
  if (base_.size() == 0) {
    return failure(ErrorCode::kUsage,
                   {"it is an update, and the model that it updates is not given"});
  }
  const ByteView base = base_[slot.file].subspan(static_cast<std::size_t>(slot.base->offset),
                                                 static_cast<std::size_t>(slot.size));
  const ByteView part = base.subspan(static_cast<std::size_t>(offset), bytes.size());
  switch (slot.base->method) {
    case BaseMethod::kCopy:
      std::copy(part.begin(), part.end(), bytes.begin());
      return {};
    case BaseMethod::kXor:
      restore_xor(part, bytes);
      return {};
    case BaseMethod::kRanks16:
    case BaseMethod::kRanks32:
      break;
  }
  return restore_ranks(slot.base->method, base, slot.base->codebook, bytes, memory);
}

}  // namespace qc
