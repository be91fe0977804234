// The manifest beside protobuf's own reading and writing of qc.proto.
#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/error.h"
#include "formats/qc/write/manifest_writer.h"
#include "qc.pb.h"

namespace qc {
namespace {

std::string bytes_of(const format::Manifest& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  return bytes;
}

// Slots of every kind, numbers of one byte and of nine, and keys that are not in order.
format::Manifest example() {
  format::Manifest message;
  message.set_writer("a writer");
  for (const char* path : {"model.onnx", "data/weights"}) {
    format::File& file = *message.add_files();
    file.set_path(path);
    file.set_size(std::uint64_t{1} << 61);
    file.set_xxh3_128("0123456789abcdef");
  }
  message.mutable_files(0)->set_slots(3);
  format::Slots& slots = *message.mutable_slots();
  for (const std::uint64_t number : {0, 300, 7}) {
    slots.add_literal_before(number);
    slots.add_size(number << 40);
    slots.add_unit(number == 7 ? 0 : number);
    slots.add_repeat_of(number == 7 ? 1 : 0);
    slots.add_transposed_rows(number == 7 ? 5 : 0);
    slots.add_transposed_columns(number == 7 ? 6 : 0);
    slots.add_transposed_width(number == 7 ? 4 : 0);
  }
  format::Units& units = *message.mutable_units();
  for (const std::uint32_t number : {0U, 1U, 0xffffffffU}) {
    units.add_size(number);
    units.add_stored_size(0);
    units.add_checksum(number);
  }
  (*message.mutable_metadata())["z"] = std::string("\0\xff", 2);
  (*message.mutable_metadata())["a"] = "";
  return message;
}

// What parse_manifest reads, as protobuf's message; nothing when it refuses.
std::optional<std::string> read_by_hand(const std::string& bytes) {
  try {
    const Bytes again = serialize_manifest(parse_manifest(as_bytes(bytes)));
    return std::string(as_text(again));
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(ManifestProto, WritesWhatProtobufWrites) {
  EXPECT_EQ(read_by_hand(bytes_of(example())), bytes_of(example()));
  EXPECT_EQ(read_by_hand(""), "");
}

TEST(ManifestProto, CutShortAnywhereItIsReadAlike) {
  const std::string bytes = bytes_of(example());
  std::size_t whole = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string part = bytes.substr(0, size);
    format::Manifest message;
    // Both refuse, or both take the fields that are there. Lists of unequal length cannot occur:
    // the messages that hold them are cut off as a whole.
    if (!message.ParseFromString(part)) {
      EXPECT_EQ(read_by_hand(part), std::nullopt) << size;
      continue;
    }
    EXPECT_EQ(read_by_hand(part), bytes_of(message)) << size;
    ++whole;
  }
  EXPECT_GE(whole, 6U);  // before each field
}

TEST(ManifestProto, MessagesInPartsAreJoined) {
  format::Manifest second = example();
  second.set_writer("another");
  (*second.mutable_metadata())["a"] = "replaced";
  const std::string both = bytes_of(example()) + bytes_of(second);
  format::Manifest message;
  ASSERT_TRUE(message.ParseFromString(both));
  EXPECT_EQ(read_by_hand(both), bytes_of(message));
}

TEST(ManifestProto, NumbersMayStandAlone) {
  // Field 4 (Units) with size 300, stored_size 5 and a checksum, none of them in a list.
  const std::string bytes("\x22\x0a\x08\xac\x02\x10\x05\x1d\x01\x02\x03\x04", 12);
  format::Manifest message;
  ASSERT_TRUE(message.ParseFromString(bytes));
  ASSERT_EQ(message.units().size(0), 300U);
  EXPECT_EQ(read_by_hand(bytes), bytes_of(message));
}

TEST(ManifestProto, UnknownFieldsOfEveryKindAreIgnored) {
  const std::string known = bytes_of(example());
  for (const std::string& field :
       {std::string("\xf8\x01\xff\x01", 4), std::string("\xf9\x01", 2) + "12345678",
        std::string("\xfa\x01\x02hi", 5), std::string("\xfd\x01", 2) + "1234",
        std::string("\x08\x05", 2) /* the writer as a number */}) {
    EXPECT_EQ(read_by_hand(known + field), known);
    EXPECT_EQ(read_by_hand(field + known), known);
  }
}

}  // namespace
}  // namespace qc
