#include "formats/qc/read/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "formats/qc/read/wire_field.h"

namespace qc {
namespace {

// Keeps sums of any two numbers in range.
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

// A list of a message, with an entry for every slot or unit.
using Column = std::vector<std::uint64_t>;

[[noreturn]] void damaged() { throw Error(ErrorCode::kCorrupt, "the manifest is damaged"); }

std::uint64_t checked(std::uint64_t number) {
  if (number > kMaxNumber) damaged();
  return number;
}

std::uint64_t entry(const Column& column, std::size_t index) {
  return column.empty() ? 0 : checked(column[index]);
}

class ManifestParser {
 public:
  explicit ManifestParser(std::uint64_t most) : most_(most) {}

  Manifest run(ByteView bytes) {
    read(bytes, [&](const WireField& field) {
      if (field.is(1, kLengthDelimited)) manifest_.writer = field.text();
      if (field.is(2, kLengthDelimited)) take_file(field.bytes);
      if (field.is(3, kLengthDelimited)) take_slots(field.bytes);
      if (field.is(4, kLengthDelimited)) take_units(field.bytes);
      if (field.is(5, kLengthDelimited)) take_metadata(field.bytes);
    });
    join_slots();
    join_units();
    return std::move(manifest_);
  }

 private:
  template <typename Take>
  static void read(ByteView message, Take&& take) {
    if (!for_each_field(message, take)) damaged();
  }

  void require_room(std::size_t listed) const {
    if (listed < most_) return;
    throw Error(
        ErrorCode::kLimit,
        fmt::format("its manifest lists more than the {} slots, units or files for which there "
                    "is memory; if you trust it, allow more with --max-memory",
                    most_));
  }

  void add(std::uint64_t number, Column& column) const {
    require_room(column.size());
    column.push_back(number);
  }

  void take_file(ByteView message) {
    require_room(manifest_.files.size());
    ManifestFile file;
    ByteView digest;
    read(message, [&](const WireField& field) {
      if (field.is(1, kLengthDelimited)) file.path = field.text();
      if (field.is(2, kVarint)) file.size = checked(field.value);
      if (field.is(3, kLengthDelimited)) digest = field.bytes;
      if (field.is(4, kVarint)) file.slots = checked(field.value);
    });
    if (digest.size() != file.digest.size()) damaged();
    std::copy(digest.begin(), digest.end(), file.digest.begin());
    manifest_.files.push_back(std::move(file));
  }

  void take_metadata(ByteView message) {
    require_room(manifest_.metadata.size());
    std::string key;
    std::string value;
    read(message, [&](const WireField& field) {
      if (field.is(1, kLengthDelimited)) key = field.text();
      if (field.is(2, kLengthDelimited)) value = field.text();
    });
    manifest_.metadata.insert_or_assign(std::move(key), std::move(value));
  }

  // Numbers stand alone or, as a list, one after the other.
  void take_varints(const WireField& field, Column& column) const {
    if (field.type == kVarint) add(field.value, column);
    if (field.type != kLengthDelimited) return;
    for (ByteReader in(field.bytes); !in.at_end();) {
      add(in.varint(), column);
      if (!in.ok()) damaged();
    }
  }

  void take_fixed32(const WireField& field, Column& column) const {
    if (field.type != kLengthDelimited && field.type != kFixed32) return;
    if (field.bytes.size() % sizeof(std::uint32_t) != 0) damaged();
    for (ByteReader in(field.bytes); !in.at_end();) add(in.le<std::uint32_t>(), column);
  }

  void take_slots(ByteView message) {
    read(message, [&](const WireField& field) {
      if (field.number <= slots_.size()) take_varints(field, slots_[field.number - 1]);
    });
  }

  void take_units(ByteView message) {
    read(message, [&](const WireField& field) {
      if (field.number <= 2) take_varints(field, units_[field.number - 1]);
      if (field.number == 3) take_fixed32(field, units_[2]);
    });
  }

  void join_slots() {
    const std::size_t count = slots_[1].size();
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const bool left_out = i >= kSlotColumnsAlways && slots_[i].empty();
      if (slots_[i].size() != count && !left_out) damaged();
    }
    manifest_.slots.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      ManifestSlot slot;
      slot.literal_before = entry(slots_[0], i);
      slot.size = entry(slots_[1], i);
      slot.unit = entry(slots_[2], i);
      if (const std::uint64_t repeat = entry(slots_[3], i); repeat > 0) slot.repeat_of = repeat - 1;
      const Transposition how{entry(slots_[4], i), entry(slots_[5], i), entry(slots_[6], i)};
      if (how.rows != 0) slot.transposed = how;
      // What a field says nothing about must be zero: else readers could take it differently.
      const bool is_repeat = slot.repeat_of.has_value();
      if (is_repeat ? slot.unit != 0 : slot.transposed.has_value()) damaged();
      if (!slot.transposed && (how.columns != 0 || how.width != 0)) damaged();
      manifest_.slots.push_back(slot);
    }
  }

  void join_units() {
    const std::size_t count = units_[0].size();
    if (units_[1].size() != count || units_[2].size() != count) damaged();
    manifest_.units.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto checksum = static_cast<std::uint32_t>(units_[2][i]);
      manifest_.units.push_back({entry(units_[0], i), entry(units_[1], i), checksum});
    }
  }

  std::uint64_t most_;  // of files, of slots, of units and of metadata
  Manifest manifest_;
  // The lists of the messages Slots and Units, in the order of their fields.
  std::array<Column, 7> slots_;
  std::array<Column, 3> units_;
};

}  // namespace

Manifest parse_manifest(ByteView bytes, std::uint64_t most) {
  return ManifestParser(most).run(bytes);
}

}  // namespace qc
