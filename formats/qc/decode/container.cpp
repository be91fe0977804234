#include "formats/qc/decode/container.h"

#include <algorithm>

#include "codecs/decode/zstd_bytes.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/container_path.h"
#include "formats/qc/decode/graph_dictionary.h"

namespace qc {
namespace {

// The most that zstd can shrink: a block of 128 KiB in 4 bytes.
constexpr std::uint64_t kMaxZstdRatio = std::uint64_t{1} << 15;

constexpr const char* kTooManyEntries = "its manifest is too long";

bool is_padding(ByteView bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

// In ASCII that every terminal shows as it is.
ContainerFailure refused_path(std::string_view path) noexcept {
  std::array<char, 100> plain{};
  for (std::size_t i = 0; i < std::min(path.size(), plain.size() - 1); ++i) {
    plain[i] = path[i] >= ' ' && path[i] <= '~' ? path[i] : '?';
  }
  return failure(ErrorCode::kCorrupt, {"it holds a file with the path \"", plain.data(), "\""});
}

}  // namespace

ContainerFailure Container::open(ByteView bytes) noexcept {
  bytes_ = bytes;
  if (const auto failed = check_qc_header(bytes)) return failed;
  if (bytes.size() < kQcHeaderSize + kQcFooterSize) return corrupt("the file was cut short");
  QcFooter footer;
  if (const auto failed = parse_footer(bytes.last(kQcFooterSize), footer)) return failed;
  const std::uint64_t body = bytes.size() - kQcHeaderSize - kQcFooterSize;
  if (footer.index_stored_size > body) return corrupt("the index is larger than the file");
  const std::uint64_t index_start = bytes.size() - kQcFooterSize - footer.index_stored_size;
  const ByteView stored =
      bytes.subspan(static_cast<std::size_t>(index_start), footer.index_stored_size);
  if (const auto failed = read_index(footer, stored)) return failed;
  overhead_.index = footer.index_stored_size;
  overhead_.manifest_raw = footer.manifest_size;
  overhead_.literal_raw = footer.index_size - footer.manifest_size;
  ManifestTable manifest(*memory_);
  if (const auto failed = manifest.parse(manifest_bytes())) return failed;
  if (const auto failed = place_units(manifest, index_start)) return failed;
  if (const auto failed = check_paths(manifest.files())) return failed;
  if (const auto failed = check_paths(manifest.base())) return failed;
  if (const auto failed = place_base_files(manifest)) return failed;
  if (const auto failed = place_slots(manifest)) return failed;
  if (!notes_.create(manifest.notes().size())) {
    return no_memory(manifest.notes().size_bytes(), kTooManyEntries);
  }
  std::copy(manifest.notes().begin(), manifest.notes().end(), notes_.span().begin());
  writer_ = manifest.writer();
  return {};
}

ContainerFailure Container::read_index(const QcFooter& footer, ByteView stored) noexcept {
  if (!checksum_matches(xxh3_64(stored), footer.index_checksum)) {
    return corrupt("the index is damaged (checksum)");
  }
  if (footer.dictionary > 1) return corrupt("the index names an unknown dictionary");
  if (footer.manifest_size > footer.index_size ||
      footer.index_size / kMaxZstdRatio > footer.index_stored_size ||
      zstd_content_size(stored) != footer.index_size) {
    return corrupt("the index is damaged (sizes)");
  }
  DecodeContext context(UINT64_MAX, *memory_);
  if (!index_.create(footer.index_size) || context.zstd() == nullptr) {
    ContainerFailure failed = failure(
        ErrorCode::kLimit, {"its index says that it takes ", footer.index_size,
                            " bytes of memory, ", footer.index_size / footer.index_stored_size,
                            " times the ", footer.index_stored_size, " it is stored in"});
    failed.wanted = footer.index_size;
    return failed;
  }
  const ByteView dictionary = footer.dictionary == 1 ? graph_dictionary() : ByteView();
  if (!zstd_decompress(stored, index_.span(), dictionary, context)) {
    return corrupt("the index is damaged");
  }
  return {};
}

ContainerFailure Container::check_paths(std::span<const ManifestTable::File> files) const noexcept {
  FixedArray<std::string_view> paths(*memory_);
  FixedArray<std::size_t> order(*memory_);
  if (!paths.create(files.size()) || !order.create(files.size())) {
    return no_memory(files.size() * (sizeof(std::string_view) + sizeof(std::size_t)),
                     kTooManyEntries);
  }
  for (std::size_t i = 0; i < files.size(); ++i) paths[i] = files[i].path;
  if (const auto refused = find_refused_path(paths.span(), order.span())) {
    return refused_path(paths[*refused]);
  }
  return {};
}

ContainerFailure Container::place_units(const ManifestTable& manifest,
                                        std::uint64_t units_end) noexcept {
  if (!units_.create(manifest.units().size())) {
    return no_memory(manifest.units().size() * sizeof(QcUnit), kTooManyEntries);
  }
  std::uint64_t end = kQcHeaderSize;
  std::uint64_t stored = 0;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const ManifestUnit& unit = manifest.units()[i];
    if (unit.size == 0) return corrupt("a unit is empty");
    if (unit.size > kQcMaxUnit) {
      return failure(ErrorCode::kLimit, {"a unit is larger than 64 MiB"});
    }
    const std::uint64_t start = unit_start(end, unit.stored_size);
    if (start > units_end || unit.stored_size > units_end - start) {
      return corrupt("a unit runs into the index");
    }
    const auto range = [&](std::uint64_t from, std::uint64_t size) {
      return bytes_.subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(size));
    };
    if (!is_padding(range(end, start - end))) {
      return corrupt("the padding between units is damaged");
    }
    units_[i] = {range(start, unit.stored_size), unit.size, unit.checksum, 0, 0};
    end = start + unit.stored_size;
    stored += unit.stored_size;
  }
  if (end != units_end) return corrupt("there are bytes that belong to no unit");
  overhead_.framing = bytes_.size() - stored - overhead_.index;
  return {};
}

ContainerFailure Container::place_slots(const ManifestTable& manifest) noexcept {
  const auto entries = manifest.files();
  FixedArray<std::uint64_t> filled(*memory_);
  if (!filled.create(units_.size()) || !slots_.create(manifest.slot_count()) ||
      !files_.create(entries.size())) {
    return no_memory(units_.size() * sizeof(std::uint64_t) +
                         manifest.slot_count() * sizeof(QcSlot) + entries.size() * sizeof(QcFile),
                     kTooManyEntries);
  }
  ByteView literals =
      ByteView(index_.span()).first(static_cast<std::size_t>(overhead_.literal_raw));
  ByteView codebooks = manifest.codebooks();
  std::size_t next = 0;
  for (std::size_t file = 0; file < entries.size(); ++file) {
    const ManifestTable::File& entry = entries[file];
    if (entry.slots > slots_.size() - next) return corrupt("the slots of a file are missing");
    const std::size_t first = next;
    std::uint64_t at = 0;
    std::uint64_t literal_size = entry.size;
    for (std::uint64_t i = 0; i < entry.slots; ++i, ++next) {
      const ManifestSlot in = manifest.slot(next);
      if (in.literal_before > entry.size - at || in.size > entry.size - at - in.literal_before ||
          in.size == 0) {
        return corrupt("a slot runs past the end of its file");
      }
      slots_[next].file = file;
      slots_[next].offset = at + in.literal_before;
      slots_[next].size = in.size;
      slots_[next].literal_before = slots_[next].offset - (entry.size - literal_size);
      at = slots_[next].offset + in.size;
      literal_size -= in.size;
      if (in.base) {
        if (const auto failed = place_in_base(*in.base, codebooks, slots_[next])) return failed;
      }
      if (const auto failed = place_in_units(in, next, filled.span())) return failed;
    }
    if (literal_size > literals.size()) return corrupt("literal bytes are missing");
    const auto literal = static_cast<std::size_t>(literal_size);
    files_[file] = {entry.path, entry.size,   entry.digest,
                    first,      next - first, literals.first(literal)};
    literals = literals.subspan(literal);
  }
  if (entries.empty() || next != slots_.size() || !literals.empty() || !codebooks.empty()) {
    return corrupt("there are bytes that belong to no file");
  }
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    if (filled[unit] != units_[unit].size) return corrupt("a unit is not used up");
  }
  return {};
}

// Where the bytes of slot `index` are; `filled` says how much of each unit is taken.
ContainerFailure Container::place_in_units(const ManifestSlot& in, std::size_t index,
                                           std::span<std::uint64_t> filled) noexcept {
  QcSlot& slot = slots_[index];
  if (slot.is_base_copy()) return {};
  if (in.repeat_of) {
    const std::uint64_t source = *in.repeat_of;
    if (source >= index || slots_[static_cast<std::size_t>(source)].repeat_of ||
        slots_[static_cast<std::size_t>(source)].base ||
        slots_[static_cast<std::size_t>(source)].size != slot.size) {
      return corrupt("a slot repeats one that it cannot");
    }
    slot.repeat_of = static_cast<std::size_t>(source);
    slot.transposed = in.transposed;
    if (slot.transposed && (!slot.transposed->fits(slot.size) || slot.size > kQcMaxUnit)) {
      return corrupt("a slot transposes one that it cannot");
    }
    return {};
  }
  if (in.unit >= units_.size()) return corrupt("a slot is in a unit that is not there");
  slot.unit = static_cast<std::size_t>(in.unit);
  std::uint64_t left = slot.size;
  for (std::size_t unit = slot.unit; left > 0; ++unit) {
    if (unit >= units_.size()) return corrupt("a slot is in a unit that is not there");
    if (unit == slot.unit) {
      slot.unit_offset = filled[unit];
    } else if (filled[unit] != 0) {
      return corrupt("two slots share the bytes of a unit");
    }
    const std::uint64_t some = std::min(left, units_[unit].size - filled[unit]);
    if (some == 0) return corrupt("two slots share the bytes of a unit");
    if (units_[unit].slot_count++ == 0) units_[unit].first_slot = index;
    filled[unit] += some;
    left -= some;
  }
  return {};
}

ByteView Container::manifest_bytes() const noexcept {
  return ByteView(index_.span()).last(static_cast<std::size_t>(overhead_.manifest_raw));
}

std::uint64_t Container::model_size() const noexcept {
  std::uint64_t size = 0;
  for (const QcFile& file : files_.span())
    size = std::min(size, UINT64_MAX - file.size) + file.size;
  return size;
}

}  // namespace qc
