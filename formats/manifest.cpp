#include "formats/manifest.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "formats/qc.pb.h"

namespace qc {
namespace {

// Keeps sums of any two numbers in range.
constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 62;

[[noreturn]] void damaged() { throw Error(ErrorCode::kCorrupt, "the manifest is damaged"); }

std::uint64_t checked(std::uint64_t number) {
  if (number > kMaxNumber) damaged();
  return number;
}

// A list of zeros is left out.
template <typename List>
void drop_zeros(List& list) {
  if (std::all_of(list.begin(), list.end(), [](auto value) { return value == 0; })) list.Clear();
}

template <typename List>
std::uint64_t entry(const List& list, int index) {
  return list.empty() ? 0 : checked(list.Get(index));
}

template <typename List>
void check_length(const List& list, int length) {
  if (!list.empty() && list.size() != length) damaged();
}

}  // namespace

const std::string kWriter = "qcompress " QC_VERSION;

Bytes serialize_manifest(const Manifest& manifest) {
  format::Manifest proto;
  proto.set_writer(manifest.writer);
  for (const ManifestFile& file : manifest.files) {
    format::File& out = *proto.add_files();
    out.set_path(file.path);
    out.set_size(file.size);
    out.set_xxh3_128(file.digest.data(), file.digest.size());
    out.set_slots(file.slots);
  }
  for (const ManifestSlot& slot : manifest.slots) {
    format::Slots& out = *proto.mutable_slots();
    out.add_literal_before(slot.literal_before);
    out.add_size(slot.size);
    out.add_unit(slot.repeat_of ? 0 : slot.unit);
    out.add_repeat_of(slot.repeat_of ? *slot.repeat_of + 1 : 0);
    const Transposition transposed = slot.transposed.value_or(Transposition{});
    out.add_transposed_rows(transposed.rows);
    out.add_transposed_columns(transposed.columns);
    out.add_transposed_width(transposed.width);
  }
  if (proto.has_slots()) {
    drop_zeros(*proto.mutable_slots()->mutable_repeat_of());
    drop_zeros(*proto.mutable_slots()->mutable_transposed_rows());
    drop_zeros(*proto.mutable_slots()->mutable_transposed_columns());
    drop_zeros(*proto.mutable_slots()->mutable_transposed_width());
  }
  for (const ManifestUnit& unit : manifest.units) {
    format::Units& out = *proto.mutable_units();
    out.add_size(unit.size);
    out.add_stored_size(unit.stored_size);
    out.add_checksum(unit.checksum);
  }
  for (const auto& [key, value] : manifest.metadata) (*proto.mutable_metadata())[key] = value;
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    proto.SerializeToCodedStream(&coded);
  }
  return {bytes.begin(), bytes.end()};
}

Manifest parse_manifest(ByteView bytes) {
  format::Manifest proto;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    damaged();
  }
  Manifest manifest;
  manifest.writer = proto.writer();
  for (const format::File& in : proto.files()) {
    ManifestFile file{in.path(), checked(in.size()), {}, checked(in.slots())};
    if (in.xxh3_128().size() != file.digest.size()) damaged();
    std::copy(in.xxh3_128().begin(), in.xxh3_128().end(), file.digest.begin());
    manifest.files.push_back(std::move(file));
  }
  const format::Slots& slots = proto.slots();
  const int slot_count = slots.size_size();
  if (slots.literal_before_size() != slot_count || slots.unit_size() != slot_count) damaged();
  check_length(slots.repeat_of(), slot_count);
  check_length(slots.transposed_rows(), slot_count);
  check_length(slots.transposed_columns(), slot_count);
  check_length(slots.transposed_width(), slot_count);
  for (int i = 0; i < slot_count; ++i) {
    ManifestSlot slot;
    slot.literal_before = checked(slots.literal_before(i));
    slot.size = checked(slots.size(i));
    slot.unit = checked(slots.unit(i));
    if (const std::uint64_t repeat = entry(slots.repeat_of(), i); repeat > 0) {
      slot.repeat_of = repeat - 1;
    }
    const Transposition transposed{entry(slots.transposed_rows(), i),
                                   entry(slots.transposed_columns(), i),
                                   entry(slots.transposed_width(), i)};
    if (transposed.rows != 0) slot.transposed = transposed;
    // What a field says nothing about must be zero: else readers could take it differently.
    const bool is_repeat = slot.repeat_of.has_value();
    if (is_repeat ? slot.unit != 0 : slot.transposed.has_value()) damaged();
    if (!slot.transposed && (transposed.columns != 0 || transposed.width != 0)) damaged();
    manifest.slots.push_back(slot);
  }
  const format::Units& units = proto.units();
  if (units.stored_size_size() != units.size_size() || units.checksum_size() != units.size_size()) {
    damaged();
  }
  for (int i = 0; i < units.size_size(); ++i) {
    manifest.units.push_back(
        {checked(units.size(i)), checked(units.stored_size(i)), units.checksum(i)});
  }
  for (const auto& [key, value] : proto.metadata()) manifest.metadata[key] = value;
  return manifest;
}

}  // namespace qc
