// The manifest, and the rules of FORMAT.md section 3.3.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>

#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/error.h"
#include "core/random.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/manifest.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/manifest_writer.h"
#include "model_files.h"
#include "raw_container.h"
#include "spec_container.h"

namespace qc {
namespace {

using test::bell_payload;

rc::Gen<std::uint64_t> number() {
  return rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, 300),
                        rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 62));
}

rc::Gen<ManifestSlot> slot() {
  return rc::gen::exec([] {
    ManifestSlot made;
    made.literal_before = *number();
    made.size = *number();
    if (*rc::gen::arbitrary<bool>()) {
      made.repeat_of = *rc::gen::inRange<std::uint64_t>(0, std::uint64_t{1} << 40);
      if (*rc::gen::arbitrary<bool>()) {
        made.transposed = Transposition{1 + *number() / 2, *number(), *number()};
      }
    } else {
      made.unit = *number();
    }
    return made;
  });
}

rc::Gen<Manifest> manifest() {
  return rc::gen::exec([] {
    Manifest made;
    made.writer = "a writer";
    for (int left = *rc::gen::inRange(0, 4); left > 0; --left) {
      ManifestFile file{*rc::gen::arbitrary<std::string>(), *number(), {}, *number()};
      for (std::uint8_t& byte : file.digest) byte = *rc::gen::arbitrary<std::uint8_t>();
      made.files.push_back(file);
    }
    made.slots = *rc::gen::container<std::vector<ManifestSlot>>(slot());
    for (int left = *rc::gen::inRange(0, 10); left > 0; --left) {
      made.units.push_back({*number(), *number(), *rc::gen::arbitrary<std::uint32_t>()});
    }
    for (int left = *rc::gen::inRange(0, 4); left > 0; --left) {
      made.metadata[std::string(static_cast<std::size_t>(left), 'k')] =
          *rc::gen::arbitrary<std::string>();
    }
    return made;
  });
}

RC_GTEST_PROP(ManifestProperty, ComesBack, ()) {
  const Manifest before = *manifest();
  const Bytes bytes = serialize_manifest(before);
  RC_ASSERT(serialize_manifest(before) == bytes);
  RC_ASSERT(parse_manifest(bytes) == before);
}

TEST(ManifestForm, IgnoresFieldsItDoesNotKnow) {
  Manifest manifest;
  manifest.writer = "a writer";
  Bytes bytes = serialize_manifest(manifest);
  append(bytes, as_bytes("\xfa\x01\x02hi"));  // field 31
  EXPECT_EQ(parse_manifest(bytes).writer, "a writer");
}

// A container of two files: f0 has the slots 0 to 3 and 3 literal bytes before each slot and at its
// end; f1 is literal. Unit 0 holds slot 0, unit 1 slots 1 and 2; slot 3 is slot 0 transposed.
class Parts {
 public:
  Parts() {
    first_ = bell_payload(40, 1);
    const Bytes pooled = bell_payload(30, 2);
    for (const Bytes& bytes : {first_, pooled}) {
      units_.push_back(encode_tensor({bytes, {4, true}, {}}, {}));
      manifest.units.push_back(test::unit_entry(units_.back(), bytes.size()));
    }
    manifest.slots = {{3, 160, 0, {}, {}, {}},
                      {3, 80, 1, {}, {}, {}},
                      {3, 40, 1, {}, {}, {}},
                      {3, 160, 0, 0, Transposition{5, 8, 4}, {}}};
    for (std::uint8_t i = 0; i < 25; ++i) literals.push_back(static_cast<std::uint8_t>('a' + i));
    Bytes turned(first_.size());
    transpose(first_, {5, 8, 4}, turned);
    const ByteView rest(literals);
    Bytes file;
    append(file, rest.first(3));
    append(file, first_);
    append(file, rest.subspan(3, 3));
    append(file, ByteView(pooled).first(80));
    append(file, rest.subspan(6, 3));
    append(file, ByteView(pooled).last(40));
    append(file, rest.subspan(9, 3));
    append(file, turned);
    append(file, rest.subspan(12, 3));
    const ByteView second = rest.subspan(15, 10);
    manifest.files = {{"f0", file.size(), xxh3_128(file), 4},
                      {"d/f1", second.size(), xxh3_128(second), 0}};
  }

  Bytes container() const {
    Bytes text = serialize_manifest(manifest);
    if (patch != nullptr) patch(text);
    return test::raw_container(units_, literals, text);
  }

  Manifest manifest;
  Bytes literals;
  void (*patch)(Bytes& manifest) = nullptr;  ///< for what a Manifest cannot say

 private:
  Bytes first_;
  std::vector<Bytes> units_;
};

TEST(ManifestRules, TheContainerIsFineUntouched) {
  const test::Files files = test::unpack(Parts().container());
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(as_text(files[1].second), "pqrstuvwxy");
  EXPECT_EQ(as_text(files[0].second).substr(0, 3), "abc");
}

struct Violation {
  const char* name;
  const char* message;
  void (*commit)(Parts&);
};

class ManifestRule : public testing::TestWithParam<Violation> {};

TEST_P(ManifestRule, IsChecked) {
  Parts parts;
  GetParam().commit(parts);
  const Bytes container = parts.container();
  try {
    QcReader::from_bytes(container);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == ErrorCode::kCorrupt || error.code() == ErrorCode::kLimit);
    EXPECT_THAT(error.what(), testing::HasSubstr(GetParam().message));
  }
  EXPECT_THROW(spec::read_container(container, graph_dictionary()), spec::Broken);
}

const std::vector<Violation> kViolations = {
    {"NumberTooLarge", "manifest is damaged",
     [](Parts& parts) { parts.manifest.files[0].size = (std::uint64_t{1} << 62) + 1; }},
    {"NoFile", "belong to no file",
     [](Parts& parts) {
       parts.manifest.files.clear();
       parts.manifest.slots.clear();
       parts.literals.clear();
     }},
    {"SamePathTwice", "the path", [](Parts& parts) { parts.manifest.files[1].path = "f0"; }},
    {"ModelInAFolder", "the path", [](Parts& parts) { parts.manifest.files[0].path = "d/f0"; }},
    {"ModelIsAFolder", "the path", [](Parts& parts) { parts.manifest.files[1].path = "f0/f1"; }},
    {"FileIsAFolder", "the path",
     [](Parts& parts) {
       // Between the two in the order of bytes is another.
       for (const char* path : {"d/f1.x", "d/f1/x"}) {
         parts.manifest.files.push_back({path, 0, xxh3_128({}), 0});
       }
     }},
    {"SlotsMissing", "slots of a file are missing",
     [](Parts& parts) { parts.manifest.files[1].slots = 1; }},
    {"SlotsLeftOver", "belong to no file",
     [](Parts& parts) {
       parts.manifest.files[0].slots = 3;
       parts.manifest.files[0].size -= 160;
     }},
    {"SlotPastTheEndOfItsFile", "past the end of its file",
     [](Parts& parts) { parts.manifest.slots[3].literal_before = 7; }},
    {"SlotLargerThanItsFile", "past the end of its file",
     [](Parts& parts) { parts.manifest.slots[0].size = 1000; }},
    {"EmptySlot", "past the end of its file",
     [](Parts& parts) {
       parts.manifest.slots.push_back({0, 0, 0, {}, {}, {}});
       parts.manifest.files[1].slots = 1;
     }},
    {"LiteralsMissing", "literal bytes are missing",
     [](Parts& parts) { parts.literals.pop_back(); }},
    {"LiteralsLeftOver", "belong to no file", [](Parts& parts) { parts.literals.push_back('z'); }},
    {"RepeatOfALaterSlot", "repeats one that it cannot",
     [](Parts& parts) { parts.manifest.slots[3].repeat_of = 4; }},
    {"RepeatOfItself", "repeats one that it cannot",
     [](Parts& parts) { parts.manifest.slots[3].repeat_of = 3; }},
    {"RepeatOfAnotherSize", "repeats one that it cannot",
     [](Parts& parts) { parts.manifest.slots[3].repeat_of = 1; }},
    {"RepeatOfARepeat", "repeats one that it cannot",
     [](Parts& parts) {
       parts.manifest.slots.push_back({0, 160, 0, 3, {}, {}});
       parts.manifest.files[1].slots = 1;
       parts.manifest.files[1].size += 160;
     }},
    {"TransposedWidth", "transposes one that it cannot",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed = Transposition{5, 8, 3};
     }},
    {"TransposedColumns", "transposes one that it cannot",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed = Transposition{5, 0, 4};
     }},
    {"TransposedRows", "manifest is damaged",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed = Transposition{0, 8, 4};
     }},
    {"TransposedWidthAlone", "manifest is damaged",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed = Transposition{0, 0, 4};
     }},
    {"TransposedButNoRepeat", "manifest is damaged",
     [](Parts& parts) {
       parts.manifest.slots[0].transposed = Transposition{5, 8, 4};
     }},
    {"UnitOfARepeat", "manifest is damaged",
     [](Parts& parts) {
       parts.patch = [](Bytes& manifest) {
         const Bytes units = {0x1a, 4, 0, 1, 1, 0};
         const auto found =
             std::search(manifest.begin(), manifest.end(), units.begin(), units.end());
         ASSERT_NE(found, manifest.end());
         *(found + 5) = 1;
       };
     }},
    {"TransposedPart", "transposes one that it cannot",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed = Transposition{3, 8, 4};
     }},
    {"TransposedOverflow", "transposes one that it cannot",
     [](Parts& parts) {
       parts.manifest.slots[3].transposed =
           Transposition{std::uint64_t{1} << 33, std::uint64_t{1} << 33, 4};
     }},
    {"EmptyUnit", "unit is empty", [](Parts& parts) { parts.manifest.units[1].size = 0; }},
    {"UnitTooLarge", "larger than 64 MiB",
     [](Parts& parts) { parts.manifest.units[1].size = (std::uint64_t{1} << 26) + 1; }},
    {"UnitRunsIntoTheIndex", "runs into the index",
     [](Parts& parts) { parts.manifest.units[1].stored_size += 1; }},
    {"BytesOfNoUnit", "belong to no unit",
     [](Parts& parts) { parts.manifest.units[1].stored_size -= 1; }},
    {"UnitMissing", "unit that is not there",
     [](Parts& parts) {
       parts.manifest.slots[1].unit = 2;
       parts.manifest.slots[2].unit = 2;
     }},
    {"UnitUsedTwice", "share the bytes of a unit",
     [](Parts& parts) { parts.manifest.slots[1].unit = 0; }},
    {"UnitEnteredInTheMiddle", "share the bytes of a unit",
     [](Parts& parts) {
       // Slot 0 would go on in unit 1 after slot 1 has taken some of it.
       std::swap(parts.manifest.slots[0], parts.manifest.slots[1]);
       parts.manifest.slots[1].size += 40;
       parts.manifest.slots[2].size -= 39;
     }},
    {"UnitNotUsedUp", "not used up",
     [](Parts& parts) {
       parts.manifest.slots[2].size -= 4;
       parts.manifest.files[0].size -= 4;
     }},
};

std::ostream& operator<<(std::ostream& out, const Violation& violation) {
  return out << violation.name;
}

INSTANTIATE_TEST_SUITE_P(Violations, ManifestRule, testing::ValuesIn(kViolations),
                         [](const auto& test) { return std::string(test.param.name); });

class RefusedPath : public testing::TestWithParam<std::string> {};

TEST_P(RefusedPath, IsCorruptInBothReaders) {
  for (const std::size_t file : {0U, 1U}) {
    Parts parts;
    parts.manifest.files[file].path = GetParam();
    const Bytes container = parts.container();
    try {
      QcReader::from_bytes(container);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error.what(), testing::HasSubstr("it holds a file with the path"));
    }
    EXPECT_THROW(spec::read_container(container, graph_dictionary()), spec::Broken);
  }
}

INSTANTIATE_TEST_SUITE_P(Paths, RefusedPath,
                         testing::Values("", ".", "..", "/", "/tmp/f1", "d/", "d//f1", "./f1",
                                         "d/./f1", "d/.", "../f1", "d/../f1", "d/..", "d\\f1",
                                         "\\\\host\\f1", "C:\\f1", "C:/f1", "c:f1",
                                         std::string("f1\0", 3), std::string("d\0/f1", 5)));

TEST(ManifestRules, UnusualPathsAreFine) {
  for (const char* path : {"...", "d/..f", ".f", "a b", "dd:f", "1:f", "f0.bin", "\xff"}) {
    Parts parts;
    parts.manifest.files[1].path = path;
    const Bytes container = parts.container();
    EXPECT_EQ(QcReader::from_bytes(container).files()[1].path, path);
    EXPECT_EQ(spec::read_container(container, graph_dictionary())[1].path, path);
  }
}

/// The files of a container by the code; nothing when it refuses.
std::optional<std::vector<spec::File>> files_by_code(ByteView container) {
  try {
    std::vector<spec::File> files;
    for (auto& [path, bytes] : QcReader::from_bytes(container).decode_to_memory(1)) {
      files.push_back({path.string(), std::move(bytes)});
    }
    return files;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The same by the document's reader.
std::optional<std::vector<spec::File>> files_by_spec(ByteView container) {
  try {
    return spec::read_container(container, graph_dictionary());
  } catch (const spec::Broken&) {
    return std::nullopt;
  }
}

/// Every number of a manifest; those that may be left out are put in as 0 first.
std::vector<std::uint64_t*> numbers_of(Manifest& manifest) {
  std::vector<std::uint64_t*> all;
  for (ManifestFile& file : manifest.files) all.insert(all.end(), {&file.size, &file.slots});
  for (ManifestSlot& slot : manifest.slots) {
    all.insert(all.end(), {&slot.literal_before, &slot.size, &slot.unit});
    if (slot.repeat_of) all.push_back(&*slot.repeat_of);
    if (!slot.transposed) slot.transposed = Transposition{};
    all.insert(all.end(),
               {&slot.transposed->rows, &slot.transposed->columns, &slot.transposed->width});
  }
  for (ManifestUnit& unit : manifest.units) all.insert(all.end(), {&unit.size, &unit.stored_size});
  return all;
}

TEST(ManifestRules, BothReadersTreatDamageAlike) {
  SplitMix64 random(1);
  std::size_t refused = 0;
  std::size_t accepted = 0;
  const Parts untouched;
  for (int round = 0; round < 2000; ++round) {
    Parts parts = untouched;
    const std::vector<std::uint64_t*> numbers = numbers_of(parts.manifest);
    const auto any = [&] { return numbers[random.next() % numbers.size()]; };
    for (std::uint64_t left = 1 + random.next() % 2; left > 0; --left) {
      std::uint64_t& number = *any();
      switch (random.next() % 4) {
        case 0:
          number = *any();
          break;
        case 1:
          number = random.next() % 10;
          break;
        case 2:
          number += 1;
          break;
        default:
          number -= number > 0 ? 1 : 0;
      }
    }
    const Bytes container = parts.container();
    const auto files = files_by_code(container);
    ASSERT_EQ(files, files_by_spec(container)) << "round " << round;
    ++(files ? accepted : refused);
  }
  EXPECT_GT(refused, 1000U);
  EXPECT_GT(accepted, 50U);
}

TEST(ManifestRules, DigestsAreCompared) {
  Parts parts;
  parts.manifest.files[1].digest[3] ^= 1;
  const Bytes container = parts.container();
  const QcReader reader = QcReader::from_bytes(container);
  EXPECT_THROW(reader.decode_to_memory(1), Error);
}

TEST(ManifestRules, UnitChecksumsAreCompared) {
  Parts parts;
  parts.manifest.units[1].checksum ^= 1;
  const Bytes container = parts.container();
  const QcReader reader = QcReader::from_bytes(container);
  DecodeContext context;
  Bytes out(reader.units()[1].size);
  EXPECT_THROW(reader.decode_unit(1, out, context), Error);
  EXPECT_NO_THROW(reader.decode_slot(0, context));
}

TEST(Header, OfAnotherVersionIsToldByItsNumber) {
  Bytes container = Parts().container();
  store_le<std::uint32_t>(container.data() + 8, 7);
  store_le(container.data() + 12,
           static_cast<std::uint32_t>(xxh3_64(ByteView(container).first(12))));
  try {
    QcReader::from_bytes(container);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), testing::HasSubstr("version 7"));
  }
}

}  // namespace
}  // namespace qc
