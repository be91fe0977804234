#include "formats/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "core/error.h"

// Protocol buffers by hand: qc.proto is the schema. A library that knows every message would take
// longer to load than a small container takes to decode.
namespace qc {
namespace {

// Keeps sums of any two numbers in range.
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

constexpr std::uint64_t kMaxFieldNumber = (std::uint64_t{1} << 29) - 1;

// The first columns of Slots have an entry for every slot; the others may be left out.
constexpr std::size_t kSlotColumnsAlways = 3;

[[noreturn]] void damaged() { throw Error(ErrorCode::kCorrupt, "the manifest is damaged"); }

[[noreturn]] void too_many(std::uint64_t most) {
  throw Error(
      ErrorCode::kLimit,
      fmt::format("its manifest lists more than the {} slots, units or files for which there "
                  "is memory; if you trust it, allow more with --max-memory",
                  most));
}

std::uint64_t checked(std::uint64_t number) {
  if (number > kMaxNumber) damaged();
  return number;
}

// The ways of protocol buffers to store a field.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

using Numbers = std::vector<std::uint64_t>;

// A field of a message: `bytes` are those of a length-delimited one, `value` is a varint's.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t type = kVarint;
  std::uint64_t value = 0;
  ByteView bytes;

  bool is(std::uint64_t wanted, WireType wire) const noexcept {
    return number == wanted && type == wire;
  }
  std::string text() const { return std::string(as_text(bytes)); }
};

// Calls take(field) for every field of a message, of a kind that is known or not.
template <typename Take>
void for_each_field(ByteView message, Take&& take) {
  ByteReader in(message);
  while (!in.at_end()) {
    const std::uint64_t tag = in.varint();
    Field field{tag >> 3, tag & 7, 0, {}};
    switch (field.type) {
      case kVarint:
        field.value = in.varint();
        break;
      case kFixed64:
        field.bytes = in.take(8);
        break;
      case kLengthDelimited:
        field.bytes = in.take(in.varint());
        break;
      case kFixed32:
        field.bytes = in.take(4);
        break;
      default:
        damaged();
    }
    if (!in.ok() || field.number == 0 || field.number > kMaxFieldNumber) damaged();
    take(field);
  }
}

// The columns of the messages Slots and Units, in the order of their fields, each with a limit.
struct Columns {
  std::uint64_t most = 0;
  std::array<Numbers, 7> slots;
  std::array<Numbers, 3> units;

  void add(std::uint64_t number, Numbers& list) const {
    if (list.size() >= most) too_many(most);
    list.push_back(number);
  }
};

// Takes the entries of a list of varints, should the field be part of it.
void take_varints(const Field& field, std::uint64_t number, const Columns& columns, Numbers& list) {
  if (field.is(number, kVarint)) columns.add(field.value, list);
  if (!field.is(number, kLengthDelimited)) return;
  ByteReader in(field.bytes);
  while (!in.at_end()) {
    columns.add(in.varint(), list);
    if (!in.ok()) damaged();
  }
}

void take_fixed32(const Field& field, std::uint64_t number, const Columns& columns, Numbers& list) {
  const bool is_list = field.is(number, kLengthDelimited);
  if (!is_list && !field.is(number, kFixed32)) return;
  if (field.bytes.size() % sizeof(std::uint32_t) != 0) damaged();
  for (ByteReader in(field.bytes); !in.at_end();) columns.add(in.le<std::uint32_t>(), list);
}

void take_slots(ByteView message, Columns& columns) {
  for_each_field(message, [&](const Field& field) {
    for (std::size_t i = 0; i < columns.slots.size(); ++i) {
      take_varints(field, i + 1, columns, columns.slots[i]);
    }
  });
}

void take_units(ByteView message, Columns& columns) {
  for_each_field(message, [&](const Field& field) {
    take_varints(field, 1, columns, columns.units[0]);
    take_varints(field, 2, columns, columns.units[1]);
    take_fixed32(field, 3, columns, columns.units[2]);
  });
}

ManifestFile parse_file(ByteView message) {
  ManifestFile file;
  ByteView digest;
  for_each_field(message, [&](const Field& field) {
    if (field.is(1, kLengthDelimited)) file.path = field.text();
    if (field.is(2, kVarint)) file.size = checked(field.value);
    if (field.is(3, kLengthDelimited)) digest = field.bytes;
    if (field.is(4, kVarint)) file.slots = checked(field.value);
  });
  if (digest.size() != file.digest.size()) damaged();
  std::copy(digest.begin(), digest.end(), file.digest.begin());
  return file;
}

std::pair<std::string, std::string> parse_metadata(ByteView message) {
  std::pair<std::string, std::string> entry;
  for_each_field(message, [&](const Field& field) {
    if (field.is(1, kLengthDelimited)) entry.first = field.text();
    if (field.is(2, kLengthDelimited)) entry.second = field.text();
  });
  return entry;
}

std::uint64_t entry(const Numbers& list, std::size_t index) {
  return list.empty() ? 0 : checked(list[index]);
}

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

Bytes serialize_slots(std::span<const ManifestSlot> slots) {
  Columns columns;
  for (const ManifestSlot& slot : slots) {
    const Transposition transposed = slot.transposed.value_or(Transposition{});
    const std::array<std::uint64_t, 7> row = {slot.literal_before,
                                              slot.size,
                                              slot.repeat_of ? 0 : slot.unit,
                                              slot.repeat_of ? *slot.repeat_of + 1 : 0,
                                              transposed.rows,
                                              transposed.columns,
                                              transposed.width};
    for (std::size_t i = 0; i < row.size(); ++i) columns.slots[i].push_back(row[i]);
  }
  Bytes out;
  for (std::size_t i = 0; i < columns.slots.size(); ++i) {
    append_list(out, i + 1, columns.slots[i], i < kSlotColumnsAlways);
  }
  return out;
}

Bytes serialize_units(std::span<const ManifestUnit> units) {
  Numbers sizes;
  Numbers stored_sizes;
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
    Bytes message;
    if (!file.path.empty()) append_field(message, 1, as_bytes(file.path));
    append_field(message, 2, file.size);
    append_field(message, 3, ByteView(file.digest));
    append_field(message, 4, file.slots);
    append_field(out, 2, message);
  }
  if (!manifest.slots.empty()) append_field(out, 3, serialize_slots(manifest.slots));
  if (!manifest.units.empty()) append_field(out, 4, serialize_units(manifest.units));
  for (const auto& [key, value] : manifest.metadata) {
    Bytes message;
    append_field(message, 1, as_bytes(key));
    append_field(message, 2, as_bytes(value));
    append_field(out, 5, message);
  }
  return out;
}

Manifest parse_manifest(ByteView bytes, std::uint64_t most) {
  Manifest manifest;
  Columns columns;
  columns.most = most;
  for_each_field(bytes, [&](const Field& field) {
    if (field.is(1, kLengthDelimited)) manifest.writer = field.text();
    if (field.is(2, kLengthDelimited)) {
      if (manifest.files.size() >= most) too_many(most);
      manifest.files.push_back(parse_file(field.bytes));
    }
    if (field.is(3, kLengthDelimited)) take_slots(field.bytes, columns);
    if (field.is(4, kLengthDelimited)) take_units(field.bytes, columns);
    if (field.is(5, kLengthDelimited)) {
      if (manifest.metadata.size() >= most) too_many(most);
      auto [key, value] = parse_metadata(field.bytes);
      manifest.metadata.insert_or_assign(std::move(key), std::move(value));
    }
  });
  const auto& slots = columns.slots;
  const std::size_t slot_count = slots[1].size();
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const bool left_out = i >= kSlotColumnsAlways && slots[i].empty();
    if (slots[i].size() != slot_count && !left_out) damaged();
  }
  manifest.slots.reserve(slot_count);
  for (std::size_t i = 0; i < slot_count; ++i) {
    ManifestSlot slot;
    slot.literal_before = entry(slots[0], i);
    slot.size = entry(slots[1], i);
    slot.unit = entry(slots[2], i);
    if (const std::uint64_t repeat = entry(slots[3], i); repeat > 0) slot.repeat_of = repeat - 1;
    const Transposition transposed{entry(slots[4], i), entry(slots[5], i), entry(slots[6], i)};
    if (transposed.rows != 0) slot.transposed = transposed;
    // What a field says nothing about must be zero: else readers could take it differently.
    const bool is_repeat = slot.repeat_of.has_value();
    if (is_repeat ? slot.unit != 0 : slot.transposed.has_value()) damaged();
    if (!slot.transposed && (transposed.columns != 0 || transposed.width != 0)) damaged();
    manifest.slots.push_back(slot);
  }
  const auto& units = columns.units;
  if (units[1].size() != units[0].size() || units[2].size() != units[0].size()) damaged();
  manifest.units.reserve(units[0].size());
  for (std::size_t i = 0; i < units[0].size(); ++i) {
    manifest.units.push_back(
        {entry(units[0], i), entry(units[1], i), static_cast<std::uint32_t>(units[2][i])});
  }
  return manifest;
}

}  // namespace qc
