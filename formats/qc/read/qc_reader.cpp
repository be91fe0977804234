#include "formats/qc/read/qc_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "codecs/decode/zstd_bytes.h"
#include "core/error.h"
#include "core/memory_size.h"
#include "formats/qc/read/checksum.h"
#include "formats/qc/read/container_path.h"
#include "formats/qc/read/context_pool.h"
#include "formats/qc/read/graph_dictionary.h"
#include "system/byte_size.h"
#include "system/parallel.h"

namespace qc {
namespace {

// The most that zstd can shrink: a block of 128 KiB in 4 bytes.
constexpr std::uint64_t kMaxZstdRatio = std::uint64_t{1} << 15;

// The index may take this part of the memory, with what its manifest becomes.
constexpr std::uint64_t kIndexPart = 2;
// What a slot takes, more or less: an entry of each column, while these grow, a ManifestSlot and a
// QcSlot. Files and units take less.
constexpr std::uint64_t kEntryBytes = 512;

[[noreturn]] void corrupt(const std::string& what) { throw Error(ErrorCode::kCorrupt, what); }

}  // namespace

QcReader QcReader::open(const std::filesystem::path& path, const ReadLimits& limits) {
  QcReader reader;
  reader.mapping_ = MappedFile(path);
  reader.limits_ = limits.for_container(reader.mapping_.bytes().size());
  try {
    reader.parse(reader.mapping_.bytes());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
  }
  return reader;
}

QcReader QcReader::from_bytes(ByteView bytes, const ReadLimits& limits) {
  QcReader reader;
  reader.limits_ = limits.for_container(bytes.size());
  reader.parse(bytes);
  return reader;
}

void QcReader::parse(ByteView bytes) {
  bytes_ = bytes;
  check_qc_header(bytes);
  if (bytes.size() < kQcHeaderSize + kQcFooterSize) corrupt("the file was cut short");
  const QcFooter footer = parse_footer(bytes.last(kQcFooterSize));
  const std::uint64_t body = bytes.size() - kQcHeaderSize - kQcFooterSize;
  if (footer.index_stored_size > body) corrupt("the index is larger than the file");
  const std::uint64_t index_start = bytes.size() - kQcFooterSize - footer.index_stored_size;
  const ByteView stored = bytes.subspan(index_start, footer.index_stored_size);
  if (!checksum_matches(xxh3_64(stored), footer.index_checksum)) {
    corrupt("the index is damaged (checksum)");
  }
  if (footer.dictionary > 1) corrupt("the index names an unknown dictionary");
  if (footer.manifest_size > footer.index_size ||
      footer.index_size / kMaxZstdRatio > footer.index_stored_size ||
      zstd_content_size(stored) != footer.index_size) {
    corrupt("the index is damaged (sizes)");
  }
  const std::uint64_t room = limits_.memory / kIndexPart;
  if (footer.index_size > room) {
    throw Error(
        ErrorCode::kLimit,
        fmt::format("its index says that it takes {}, {} times the {} it is stored in; if you "
                    "trust the container, allow --max-memory {}",
                    byte_size_text(footer.index_size), footer.index_size / footer.index_stored_size,
                    byte_size_text(footer.index_stored_size),
                    byte_size_text(kIndexPart * std::uint64_t{footer.index_size})));
  }
  index_.resize(footer.index_size);
  const ByteView dictionary = footer.dictionary == 1 ? graph_dictionary() : ByteView();
  DecodeContext context;
  if (context.zstd() == nullptr) throw std::bad_alloc();
  if (!zstd_decompress(stored, index_, dictionary, context)) corrupt("the index is damaged");
  manifest_ = parse_manifest(ByteView(index_).last(footer.manifest_size),
                             (room - footer.index_size) / kEntryBytes);
  overhead_.index = footer.index_stored_size;
  overhead_.manifest_raw = footer.manifest_size;
  overhead_.literal_raw = footer.index_size - footer.manifest_size;
  place_units(index_start);
  place_slots();
}

void QcReader::place_units(std::uint64_t units_end) {
  std::uint64_t end = kQcHeaderSize;
  std::uint64_t stored = 0;
  units_.reserve(manifest_.units.size());
  for (const ManifestUnit& unit : manifest_.units) {
    if (unit.size == 0) corrupt("a unit is empty");
    if (unit.size > kQcMaxUnit) throw Error(ErrorCode::kLimit, "a unit is larger than 64 MiB");
    const std::uint64_t start = unit_start(end, unit.stored_size);
    if (start > units_end || unit.stored_size > units_end - start) {
      corrupt("a unit runs into the index");
    }
    const ByteView padding = bytes_.subspan(end, start - end);
    if (std::any_of(padding.begin(), padding.end(), [](std::uint8_t byte) { return byte != 0; })) {
      corrupt("the padding between units is damaged");
    }
    units_.push_back({bytes_.subspan(start, unit.stored_size), unit.size, unit.checksum, 0, 0});
    end = start + unit.stored_size;
    stored += unit.stored_size;
  }
  if (end != units_end) corrupt("there are bytes that belong to no unit");
  overhead_.framing = bytes_.size() - stored - overhead_.index;
}

void QcReader::place_slots() {
  std::vector<std::string> paths;
  for (const ManifestFile& file : manifest_.files) paths.push_back(file.path);
  if (const auto refused = find_refused_path(paths)) {
    corrupt(fmt::format("it holds a file with the path {:?}", paths[*refused]));
  }
  ByteView literals = ByteView(index_).first(overhead_.literal_raw);
  std::vector<std::uint64_t> filled(units_.size(), 0);
  slots_.reserve(manifest_.slots.size());
  std::size_t next = 0;
  for (std::size_t file = 0; file < manifest_.files.size(); ++file) {
    const ManifestFile& entry = manifest_.files[file];
    if (entry.slots > manifest_.slots.size() - next) corrupt("the slots of a file are missing");
    std::uint64_t at = 0;
    std::uint64_t literal_size = entry.size;
    for (std::uint64_t i = 0; i < entry.slots; ++i, ++next) {
      const ManifestSlot& in = manifest_.slots[next];
      if (in.literal_before > entry.size - at || in.size > entry.size - at - in.literal_before ||
          in.size == 0) {
        corrupt("a slot runs past the end of its file");
      }
      QcSlot slot;
      slot.file = file;
      slot.offset = at + in.literal_before;
      slot.size = in.size;
      slot.repeat_of = in.repeat_of;
      at = slot.offset + slot.size;
      literal_size -= slot.size;
      if (slot.repeat_of) {
        if (*slot.repeat_of >= next || slots_[*slot.repeat_of].repeat_of ||
            slots_[*slot.repeat_of].size != slot.size) {
          corrupt("a slot repeats one that it cannot");
        }
        slot.transposed = in.transposed;
        if (slot.transposed && (!slot.transposed->fits(slot.size) || slot.size > kQcMaxUnit)) {
          corrupt("a slot transposes one that it cannot");
        }
      } else {
        slot.unit = in.unit;
        std::uint64_t left = slot.size;
        for (std::size_t unit = in.unit; left > 0; ++unit) {
          if (unit >= units_.size()) corrupt("a slot is in a unit that is not there");
          if (unit == in.unit) {
            slot.unit_offset = filled[unit];
          } else if (filled[unit] != 0) {
            corrupt("two slots share the bytes of a unit");
          }
          const std::uint64_t some = std::min(left, units_[unit].size - filled[unit]);
          if (some == 0) corrupt("two slots share the bytes of a unit");
          if (units_[unit].slot_count++ == 0) units_[unit].first_slot = next;
          filled[unit] += some;
          left -= some;
        }
      }
      slots_.push_back(slot);
    }
    if (literal_size > literals.size()) corrupt("literal bytes are missing");
    literals_.push_back(literals.first(literal_size));
    literals = literals.subspan(literal_size);
  }
  if (manifest_.files.empty() || next != manifest_.slots.size() || !literals.empty()) {
    corrupt("there are bytes that belong to no file");
  }
  for (std::size_t unit = 0; unit < units_.size(); ++unit) {
    if (filled[unit] != units_[unit].size) corrupt("a unit is not used up");
  }
}

std::uint64_t QcReader::model_size() const noexcept {
  std::uint64_t size = 0;
  for (const ManifestFile& file : manifest_.files) {
    size = std::min(size, UINT64_MAX - file.size) + file.size;
  }
  return size;
}

void QcReader::require_model_size() const {
  const std::uint64_t size = model_size();
  if (size <= limits_.model) return;
  throw Error(
      ErrorCode::kLimit,
      fmt::format("it says that it holds {}, {} times its own {}; if you trust it and there is "
                  "room, allow --max-size {}",
                  byte_size_text(size), size / bytes_.size(), byte_size_text(bytes_.size()),
                  byte_size_text(size)));
}

ByteView QcReader::manifest_bytes() const noexcept {
  return ByteView(index_).last(overhead_.manifest_raw);
}

ByteView QcReader::literal(std::size_t file) const { return literals_[file]; }

void QcReader::decode_unit(std::size_t unit, MutableBytes out, DecodeContext& context,
                           StoreMode mode) const {
  const QcUnit& source = units_[unit];
  if (!checksum_matches(static_cast<std::uint32_t>(xxh3_64(source.stored)), source.checksum)) {
    corrupt(fmt::format("unit {} is damaged (checksum)", unit));
  }
  if (const DecodeFailure failure = decode_tensor(source.stored, out, context, mode)) {
    if (context.wanted_more()) {
      throw Error(
          ErrorCode::kLimit,
          fmt::format("unit {} takes more memory to decode than is allowed; if you trust the "
                      "container, allow more with --max-memory",
                      unit));
    }
    corrupt(fmt::format("unit {} is damaged: {}", unit, failure));
  }
}

std::vector<UnitPart> QcReader::unit_parts(const QcSlot& slot) const {
  std::vector<UnitPart> parts;
  std::uint64_t begin = slot.unit_offset;
  std::uint64_t offset = 0;
  for (std::size_t unit = slot.unit; offset < slot.size; ++unit) {
    const std::uint64_t some = std::min(slot.size - offset, units_[unit].size - begin);
    parts.push_back({unit, begin, some, offset});
    offset += some;
    begin = 0;
  }
  return parts;
}

void QcReader::decode_part(const UnitPart& part, MutableBytes out, DecodeContext& context) const {
  const MutableBytes target = out.subspan(part.offset, part.size);
  if (part.size == units_[part.unit].size) {
    return decode_unit(part.unit, target, context, StoreMode::kStreaming);
  }
  Bytes whole(units_[part.unit].size);
  decode_unit(part.unit, whole, context);
  std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(part.begin), part.size, target.begin());
}

void QcReader::load_slot(std::size_t slot_index, MutableBytes out, unsigned threads) const {
  const QcSlot& slot = slots_[slots_[slot_index].repeat_of.value_or(slot_index)];
  const auto& transposed = slots_[slot_index].transposed;
  Bytes before_turn(transposed ? memory_size(slot.size) : 0);
  const MutableBytes target = transposed ? MutableBytes(before_turn) : out;
  const std::vector<UnitPart> parts = unit_parts(slot);
  ContextPool contexts(limits_.memory);
  parallel_for(parts.size(), thread_count(threads), [&](std::size_t i) {
    auto context = contexts.take();
    decode_part(parts[i], target, *context);
    contexts.give(std::move(context));
  });
  if (transposed) transpose(before_turn, *transposed, out);
}

Bytes QcReader::decode_slot(std::size_t slot_index, DecodeContext& context,
                            SharedUnits& shared) const {
  const QcSlot& slot = slots_[slots_[slot_index].repeat_of.value_or(slot_index)];
  Bytes out(memory_size(slot.size));
  for (const UnitPart& part : unit_parts(slot)) {
    const MutableBytes target = MutableBytes(out).subspan(part.offset, part.size);
    if (!units_[part.unit].is_shared()) {
      decode_unit(part.unit, target, context);
      continue;
    }
    const ByteView unit = shared.use(part.unit, context);
    std::copy_n(unit.data() + part.begin, part.size, target.data());
    shared.done(part.unit);
  }
  const auto& transposed = slots_[slot_index].transposed;
  if (!transposed) return out;
  Bytes turned(out.size());
  transpose(out, *transposed, turned);
  return turned;
}

Bytes QcReader::decode_slot(std::size_t slot_index, DecodeContext& context) const {
  SharedUnits shared(*this, limits_.memory);
  shared.expect(slot_index);
  return decode_slot(slot_index, context, shared);
}

}  // namespace qc
