#include "formats/qc/write/manifest_writer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/qc/decode/wire_field.h"

namespace qc {
namespace {

using Column = std::vector<std::uint64_t>;

void append_tag(Bytes& out, std::uint64_t number, WireType type) {
  append_varint(out, number << 3 | type);
}

void append_field(Bytes& out, std::uint64_t number, ByteView bytes) {
  append_tag(out, number, kLengthDelimited);
  append_varint(out, bytes.size());
  append(out, bytes);
}

// As protocol buffers have it, a number that is 0 is left out.
void append_field(Bytes& out, std::uint64_t number, std::uint64_t value) {
  if (value == 0) return;
  append_tag(out, number, kVarint);
  append_varint(out, value);
}

// A list is left out when it is empty, or `when_zero` is false and it holds nothing but zeros.
void append_list(Bytes& out, std::uint64_t number, std::span<const std::uint64_t> list,
                 bool when_zero) {
  const bool zeros = std::all_of(list.begin(), list.end(), [](auto value) { return value == 0; });
  if (list.empty() || (zeros && !when_zero)) return;
  Bytes packed;
  for (const std::uint64_t value : list) append_varint(packed, value);
  append_field(out, number, packed);
}

// As protocol buffers have sint64.
std::uint64_t zigzag(std::int64_t number) {
  return static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63);
}

Bytes serialize_file(const ManifestFile& file) {
  Bytes message;
  if (!file.path.empty()) append_field(message, 1, as_bytes(file.path));
  append_field(message, 2, file.size);
  append_field(message, 3, ByteView(file.digest));
  append_field(message, 4, file.slots);
  return message;
}

Bytes serialize_slots(std::span<const ManifestSlot> slots) {
  constexpr std::size_t kColumns = 10;
  std::array<Column, kColumns> columns;
  for (const ManifestSlot& slot : slots) {
    const Transposition transposed = slot.transposed.value_or(Transposition{});
    const BaseUse base = slot.base.value_or(BaseUse{});
    const std::array<std::uint64_t, kColumns> row = {
        slot.literal_before,
        slot.size,
        slot.repeat_of ? 0 : slot.unit,
        slot.repeat_of ? *slot.repeat_of + 1 : 0,
        transposed.rows,
        transposed.columns,
        transposed.width,
        slot.base ? static_cast<std::uint64_t>(base.method) : 0,
        zigzag(base.shift),
        base.values};
    for (std::size_t i = 0; i < row.size(); ++i) columns[i].push_back(row[i]);
  }
  Bytes out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    append_list(out, i + 1, columns[i], i < kSlotColumnsAlways);
  }
  return out;
}

Bytes serialize_units(std::span<const ManifestUnit> units) {
  Column sizes;
  Column stored_sizes;
  Bytes checksums;
  for (const ManifestUnit& unit : units) {
    sizes.push_back(unit.size);
    stored_sizes.push_back(unit.stored_size);
    append_le(checksums, unit.checksum);
  }
  Bytes out;
  append_list(out, 1, sizes, true);
  append_list(out, 2, stored_sizes, true);
  append_field(out, 3, checksums);
  return out;
}

}  // namespace

const std::string kWriter = "qcompress " QC_VERSION;

Bytes serialize_manifest(const Manifest& manifest) {
  Bytes out;
  if (!manifest.writer.empty()) append_field(out, 1, as_bytes(manifest.writer));
  for (const ManifestFile& file : manifest.files) {
    append_field(out, 2, serialize_file(file));
  }
  if (!manifest.slots.empty()) append_field(out, 3, serialize_slots(manifest.slots));
  if (!manifest.units.empty()) append_field(out, 4, serialize_units(manifest.units));
  for (const auto& [key, value] : manifest.metadata) {
    Bytes message;
    append_field(message, 1, as_bytes(key));
    append_field(message, 2, as_bytes(value));
    append_field(out, 5, message);
  }
  for (const ManifestFile& file : manifest.base) append_field(out, 6, serialize_file(file));
  if (!manifest.codebooks.empty()) append_field(out, 7, manifest.codebooks);
  return out;
}

}  // namespace qc
