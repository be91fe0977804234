// The manifest beside protobuf's own reading and writing of qc.proto.
#include <gmock/gmock.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "core/error.h"
#include "core/random.h"
#include "formats/qc/read/manifest.h"
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
  for (const std::uint64_t number : {0U, 300U, 7U}) {
    slots.add_literal_before(number);
    slots.add_size(number << 40);
    slots.add_unit(number == 7 ? 0 : number);
    slots.add_repeat_of(number == 7 ? 1 : 0);
    slots.add_transposed_rows(number == 7 ? 5 : 0);
    slots.add_transposed_columns(number == 7 ? 6 : 0);
    slots.add_transposed_width(number == 7 ? 4 : 0);
    slots.add_base_method(number == 300 ? 4 : 0);
    slots.add_base_shift(number == 300 ? -70 : 0);
    slots.add_base_values(number == 300 ? 16 : 0);
  }
  *message.add_base() = message.files(1);
  message.set_codebooks("codebooks");
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

// The rules of FORMAT.md for a message that protobuf has read; nothing when it breaks one.
std::optional<Manifest> manifest_of(const format::Manifest& message) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  Manifest manifest;
  bool fine = true;
  const auto number = [&](std::uint64_t value) {
    fine &= value <= kMost;
    return value;
  };
  manifest.writer = message.writer();
  const auto add_files = [&](const auto& files, std::vector<ManifestFile>& to) {
    for (const format::File& file : files) {
      ManifestFile made{file.path(), number(file.size()), {}, number(file.slots())};
      fine &= file.xxh3_128().size() == made.digest.size();
      std::copy_n(file.xxh3_128().begin(), std::min(file.xxh3_128().size(), made.digest.size()),
                  made.digest.begin());
      to.push_back(made);
    }
  };
  add_files(message.files(), manifest.files);
  add_files(message.base(), manifest.base);
  manifest.codebooks.assign(message.codebooks().begin(), message.codebooks().end());
  const format::Slots& slots = message.slots();
  const int count = slots.size_size();
  if (slots.literal_before_size() != count || slots.unit_size() != count) return std::nullopt;
  for (const auto* list :
       {&slots.repeat_of(), &slots.transposed_rows(), &slots.transposed_columns(),
        &slots.transposed_width(), &slots.base_method(), &slots.base_values()}) {
    if (!list->empty() && list->size() != count) return std::nullopt;
  }
  const auto& shifts = slots.base_shift();
  if (!shifts.empty() && shifts.size() != count) return std::nullopt;
  for (int i = 0; i < count; ++i) {
    const auto of = [&](const auto& list) { return list.empty() ? 0 : number(list.Get(i)); };
    ManifestSlot made{of(slots.literal_before()), of(slots.size()), of(slots.unit()), {}, {}, {}};
    const std::uint64_t repeat = of(slots.repeat_of());
    const Transposition how{of(slots.transposed_rows()), of(slots.transposed_columns()),
                            of(slots.transposed_width())};
    if (repeat > 0) made.repeat_of = repeat - 1;
    if (how.rows > 0) made.transposed = how;
    fine &= repeat == 0 ? how.rows == 0 : made.unit == 0;
    fine &= how.rows > 0 || how == Transposition{};
    const std::uint64_t method = of(slots.base_method());
    const std::int64_t shift = shifts.empty() ? 0 : shifts.Get(i);
    const std::uint64_t values = of(slots.base_values());
    // As it is stored.
    number(static_cast<std::uint64_t>(shift) << 1 ^ static_cast<std::uint64_t>(shift >> 63));
    fine &= method <= 4 && values <= 4096 && (method >= 3) == (values > 0);
    fine &= method == 0 ? shift == 0 : repeat == 0;
    fine &= method != 1 || made.unit == 0;
    if (method > 0) made.base = BaseUse{static_cast<BaseMethod>(method), shift, values};
    manifest.slots.push_back(made);
  }
  const format::Units& units = message.units();
  if (units.size_size() != units.stored_size_size() || units.size_size() != units.checksum_size()) {
    return std::nullopt;
  }
  for (int i = 0; i < units.size_size(); ++i) {
    manifest.units.push_back(
        {number(units.size(i)), number(units.stored_size(i)), units.checksum(i)});
  }
  for (const auto& [key, value] : message.metadata()) manifest.metadata[key] = value;
  return fine ? std::optional(manifest) : std::nullopt;
}

// Any message that stands for a manifest. Lists that may be left out are there at times, for
// nothing but zeros, too.
class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t limit) { return random_.next() % limit; }

  format::Manifest next() {
    format::Manifest message;
    if (below(4) > 0) message.set_writer(std::string(below(200), 'w'));
    for (std::uint64_t left = below(4); left > 0; --left) {
      format::File& file = *message.add_files();
      file.set_path(bytes(below(20)));
      file.set_size(number());
      file.set_xxh3_128(bytes(16));
      file.set_slots(number());
    }
    if (below(4) > 0) add_slots(*message.mutable_slots());
    if (below(4) > 0) {
      format::Units& units = *message.mutable_units();
      for (std::uint64_t left = below(8); left > 0; --left) {
        units.add_size(number());
        units.add_stored_size(number());
        units.add_checksum(static_cast<std::uint32_t>(random_.next()));
      }
    }
    for (std::uint64_t left = below(4); left > 0; --left) {
      (*message.mutable_metadata())[std::string(below(4), 'k')] = bytes(below(30));
    }
    for (std::uint64_t left = below(3); left > 0; --left) {
      format::File& file = *message.add_base();
      file.set_size(number());
      file.set_xxh3_128(bytes(16));
    }
    if (below(2) == 0) message.set_codebooks(bytes(below(20)));
    return message;
  }

  // The bytes with a few of them changed, left out, repeated or put in.
  std::string damaged(std::string text) {
    for (std::uint64_t left = 1 + below(3); left > 0 && !text.empty(); --left) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
        case 1:
          text[at] = static_cast<char>(random_.next());
          break;
        case 2:
          text.erase(at, 1 + below(4));
          break;
        case 3:
          text.insert(at, bytes(1 + below(4)));
          break;
        default:
          text.insert(below(text.size()), text.substr(at, 1 + below(20)));
      }
    }
    return text;
  }

 private:
  std::string bytes(std::size_t size) {
    std::string made(size, '\0');
    for (char& byte : made) byte = static_cast<char>(random_.next());
    return made;
  }

  // Of any length as a varint.
  std::uint64_t number() { return (random_.next() >> 2) >> below(62); }

  void add_slots(format::Slots& slots) {
    const bool some_repeat = below(2) == 0;
    const bool some_turned = below(2) == 0;
    const bool some_based = below(2) == 0;
    for (std::uint64_t left = below(8); left > 0; --left) {
      const bool repeats = some_repeat && below(2) == 0;
      const bool turned = some_turned && repeats && below(2) == 0;
      const std::uint64_t method = some_based && !repeats ? below(5) : 0;
      slots.add_literal_before(number());
      slots.add_size(number());
      slots.add_unit(repeats || method == 1 ? 0 : number());
      if (some_repeat) slots.add_repeat_of(repeats ? 1 + number() / 2 : 0);
      if (some_based) {
        const auto shift = static_cast<std::int64_t>(number() / 2);
        slots.add_base_method(method);
        slots.add_base_shift(method == 0 ? 0 : below(2) == 0 ? shift : -shift);
        slots.add_base_values(method >= 3 ? 1 + below(4096) : 0);
      }
      if (!some_turned) continue;
      slots.add_transposed_rows(turned ? 1 + number() / 2 : 0);
      slots.add_transposed_columns(turned ? number() : 0);
      slots.add_transposed_width(turned ? number() : 0);
    }
  }

  SplitMix64 random_;
};

std::optional<Manifest> parsed_by_hand(const std::string& bytes) {
  try {
    return parse_manifest(as_bytes(bytes));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
    return std::nullopt;
  }
}

std::optional<Manifest> parsed_by_protobuf(const std::string& bytes) {
  format::Manifest message;
  return message.ParseFromString(bytes) ? manifest_of(message) : std::nullopt;
}

// Protobuf refuses text that is not UTF-8; the parser leaves that to whoever shows it.
bool has_plain_text(const Manifest& manifest) {
  const auto plain = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
  };
  return plain(manifest.writer) &&
         std::all_of(manifest.metadata.begin(), manifest.metadata.end(),
                     [&](const auto& entry) { return plain(entry.first); });
}

TEST(ManifestProto, WhatProtobufWritesIsReadAndWrittenAlike) {
  RandomMessages random(1);
  for (int round = 0; round < 5000; ++round) {
    const format::Manifest message = random.next();
    const std::string bytes = bytes_of(message);
    const std::optional<Manifest> expected = manifest_of(message);
    ASSERT_TRUE(expected);
    ASSERT_EQ(parsed_by_hand(bytes), expected) << "round " << round;
    const Bytes written = serialize_manifest(*expected);
    ASSERT_EQ(parsed_by_protobuf(std::string(as_text(written))), expected) << "round " << round;
    ASSERT_LE(written.size(), bytes.size());
  }
}

TEST(ManifestProto, EveryTruncatedPrefixIsReadAlike) {
  RandomMessages random(2);
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = bytes_of(random.next());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const std::string part = bytes.substr(0, size);
      ASSERT_EQ(parsed_by_hand(part), parsed_by_protobuf(part)) << "round " << round;
    }
  }
}

TEST(ManifestProto, NothingIsAcceptedThatProtobufRefuses) {
  RandomMessages random(3);
  int accepted = 0;
  int refused = 0;
  for (int round = 0; round < 50000; ++round) {
    const std::string bytes = random.damaged(bytes_of(random.next()));
    const std::optional<Manifest> found = parsed_by_hand(bytes);
    ++(found ? accepted : refused);
    if (!found || !has_plain_text(*found)) continue;
    ASSERT_EQ(found, parsed_by_protobuf(bytes)) << "round " << round;
  }
  EXPECT_GT(accepted, 5000);
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace qc
