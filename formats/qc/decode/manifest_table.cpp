#include "formats/qc/decode/manifest_table.h"

#include <algorithm>

// The manifest is read twice: for the lengths of its lists, and once there is memory for them.
namespace qc {
namespace {

// Keeps sums of any two numbers in range.
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

// Fields of the message Manifest.
constexpr std::uint64_t kWriter = 1;
constexpr std::uint64_t kFiles = 2;
constexpr std::uint64_t kSlots = 3;
constexpr std::uint64_t kUnits = 4;
constexpr std::uint64_t kMetadata = 5;
constexpr std::uint64_t kBase = 6;
constexpr std::uint64_t kCodebooks = 7;

// Calls take(number) for what a field adds to a list of varints, which stand alone or one after the
// other; false where they are damaged.
template <typename Take>
bool each_varint(const WireField& field, Take&& take) noexcept {
  if (field.type == kVarint) take(field.value);
  if (field.type != kLengthDelimited) return true;
  for (ByteReader in(field.bytes); !in.at_end();) {
    const std::uint64_t number = in.varint();
    if (!in.ok()) return false;
    take(number);
  }
  return true;
}

// The same for numbers of four bytes.
template <typename Take>
bool each_fixed32(const WireField& field, Take&& take) noexcept {
  if (field.type != kLengthDelimited && field.type != kFixed32) return true;
  if (field.bytes.size() % sizeof(std::uint32_t) != 0) return false;
  for (ByteReader in(field.bytes); !in.at_end();) take(in.le<std::uint32_t>());
  return true;
}

// Calls take(list, number) for what a message of lists holds, with the number of the list from 0.
template <typename Take>
bool each_slot_number(ByteView message, std::size_t lists, Take&& take) noexcept {
  bool valid = true;
  const bool whole = for_each_field(message, [&](const WireField& field) {
    if (field.number > lists) return;
    const auto list = static_cast<std::size_t>(field.number - 1);
    valid &= each_varint(field, [&](std::uint64_t number) { take(list, number); });
  });
  return whole && valid;
}

template <typename Take>
bool each_unit_number(ByteView message, Take&& take) noexcept {
  bool valid = true;
  const bool whole = for_each_field(message, [&](const WireField& field) {
    if (field.number > 3) return;
    const auto list = static_cast<std::size_t>(field.number - 1);
    const auto take_one = [&](std::uint64_t number) { take(list, number); };
    valid &= list < 2 ? each_varint(field, take_one) : each_fixed32(field, take_one);
  });
  return whole && valid;
}

}  // namespace

bool ManifestTable::Lengths::agree() const noexcept {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const bool left_out = i >= kSlotColumnsAlways && slots[i] == 0;
    if (slots[i] != slots[1] && !left_out) return false;
  }
  return units[1] == units[0] && units[2] == units[0];
}

bool ManifestTable::measure(ByteView bytes, Lengths& lengths) noexcept {
  bool valid = true;
  const bool whole = for_each_field(bytes, [&](const WireField& field) {
    if (field.is(kFiles, kLengthDelimited)) ++lengths.files;
    if (field.is(kMetadata, kLengthDelimited)) ++lengths.notes;
    if (field.is(kBase, kLengthDelimited)) ++lengths.base;
    if (field.is(kSlots, kLengthDelimited)) {
      valid &= each_slot_number(field.bytes, kSlotColumns,
                                [&](std::size_t list, std::uint64_t) { ++lengths.slots[list]; });
    }
    if (field.is(kUnits, kLengthDelimited)) {
      valid &= each_unit_number(field.bytes,
                                [&](std::size_t list, std::uint64_t) { ++lengths.units[list]; });
    }
  });
  return whole && valid && lengths.agree();
}

bool ManifestTable::fill(ByteView bytes) noexcept {
  bool valid = true;
  std::size_t files = 0;
  std::size_t base = 0;
  std::size_t notes = 0;
  std::array<std::size_t, kSlotColumns> slots{};
  std::array<std::size_t, kUnitColumns> units{};
  for_each_field(bytes, [&](const WireField& field) {
    if (field.type != kLengthDelimited) return;
    if (field.number == kWriter) writer_ = field.text();
    if (field.number == kFiles) valid &= read_file(field.bytes, files_[files++]);
    if (field.number == kMetadata) valid &= read_note(field.bytes, notes_[notes++]);
    if (field.number == kBase) valid &= read_file(field.bytes, base_[base++]);
    if (field.number == kCodebooks) codebooks_ = field.bytes;
    if (field.number == kSlots) {
      each_slot_number(field.bytes, kSlotColumns, [&](std::size_t list, std::uint64_t number) {
        slots_[slots[list]++][list] = number;
      });
    }
    if (field.number == kUnits) {
      each_unit_number(field.bytes, [&](std::size_t list, std::uint64_t number) {
        ManifestUnit& unit = units_[units[list]++];
        if (list == 0) unit.size = number;
        if (list == 1) unit.stored_size = number;
        if (list == 2) unit.checksum = static_cast<std::uint32_t>(number);
      });
    }
  });
  return valid;
}

bool ManifestTable::read_file(ByteView message, File& file) noexcept {
  ByteView digest;
  const bool whole = for_each_field(message, [&](const WireField& field) {
    if (field.is(1, kLengthDelimited)) file.path = field.text();
    if (field.is(2, kVarint)) file.size = field.value;
    if (field.is(3, kLengthDelimited)) digest = field.bytes;
    if (field.is(4, kVarint)) file.slots = field.value;
  });
  if (!whole || digest.size() != file.digest.size()) return false;
  std::copy(digest.begin(), digest.end(), file.digest.begin());
  return file.size <= kMaxNumber && file.slots <= kMaxNumber;
}

bool ManifestTable::read_note(ByteView message, Note& note) noexcept {
  return for_each_field(message, [&](const WireField& field) {
    if (field.is(1, kLengthDelimited)) note.key = field.text();
    if (field.is(2, kLengthDelimited)) note.value = field.text();
  });
}

// What a field says nothing about must be zero: else readers could take it differently.
bool ManifestTable::is_valid(const SlotRow& row) noexcept {
  const bool is_repeat = row[3] != 0;
  const bool is_transposed = row[4] != 0;
  if (is_repeat ? row[2] != 0 : is_transposed) return false;
  if (!is_transposed && (row[5] != 0 || row[6] != 0)) return false;
  const auto method = static_cast<BaseMethod>(row[7]);
  if (row[7] > static_cast<std::uint64_t>(BaseMethod::kRanks32)) return false;
  if (row[7] == 0 ? row[8] != 0 || row[9] != 0 : is_repeat) return false;
  if (method == BaseMethod::kCopy && row[2] != 0) return false;
  if (row[7] != 0 && (row[9] != 0) != (rank_width(method) != 0)) return false;
  if (row[9] > kMaxBaseValues) return false;
  return std::all_of(row.begin(), row.end(),
                     [](std::uint64_t number) { return number <= kMaxNumber; });
}

ContainerFailure ManifestTable::parse(ByteView bytes) noexcept {
  constexpr const char* kDamaged = "the manifest is damaged";
  Lengths lengths;
  if (!measure(bytes, lengths)) return corrupt(kDamaged);
  if (!files_.create(lengths.files) || !base_.create(lengths.base) ||
      !notes_.create(lengths.notes) || !slots_.create(lengths.slots[1]) ||
      !units_.create(lengths.units[0])) {
    return no_memory((lengths.files + lengths.base) * sizeof(File) + lengths.notes * sizeof(Note) +
                         lengths.slots[1] * sizeof(SlotRow) +
                         lengths.units[0] * sizeof(ManifestUnit),
                     "its manifest is too long");
  }
  if (!fill(bytes)) return corrupt(kDamaged);
  for (const SlotRow& row : slots_.span()) {
    if (!is_valid(row)) return corrupt(kDamaged);
  }
  for (const ManifestUnit& unit : units_.span()) {
    if (unit.size > kMaxNumber || unit.stored_size > kMaxNumber) return corrupt(kDamaged);
  }
  return {};
}

ManifestSlot ManifestTable::slot(std::size_t index) const noexcept {
  const SlotRow& row = slots_[index];
  ManifestSlot slot{row[0], row[1], row[2], std::nullopt, std::nullopt, std::nullopt};
  if (row[3] != 0) slot.repeat_of = row[3] - 1;
  if (row[4] != 0) slot.transposed = Transposition{row[4], row[5], row[6]};
  if (row[7] != 0) {
    const auto half = static_cast<std::int64_t>(row[8] >> 1);
    slot.base =
        BaseUse{static_cast<BaseMethod>(row[7]), (row[8] & 1) != 0 ? -half - 1 : half, row[9]};
  }
  return slot;
}

}  // namespace qc
