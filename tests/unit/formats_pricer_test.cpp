// The sizes that are told of containers against containers that are written.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "changed_model.h"
#include "codecs/encode/tensor_encoder.h"
#include "core/byte_sink.h"
#include "core/error.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/pricer.h"
#include "formats/qc/write/unit_coder.h"
#include "harness.h"
#include "model_builder.h"
#include "model_files.h"
#include "test_tensors.h"

namespace qc {
namespace {

using test::ChangedModel;

std::uint64_t packed_size(const PackSource& source, const PackOptions& options) {
  MemorySink sink;
  write_container(source, options, sink);
  return sink.bytes().size();
}

// Tensors from a few bytes up to several chunks, of several elements and sizes that occur again.
OnnxModel generated_model() {
  test::ModelBuilder builder;
  std::uint64_t seed = 0;
  const auto add = [&](const std::vector<std::int64_t>& dims) {
    const auto count = element_count(dims).value_or(0);
    builder.add_floats(fmt::format("w{}", seed), dims, test::bell_values(count, seed));
    ++seed;
  };
  for (const std::int64_t width : {4, 16, 33, 33, 64, 64, 64, 300, 300}) add({width});
  for (int i = 0; i < 2; ++i) {
    add({12, 20});
    add({20, 12});
    add({16, 8, 3, 3});
    add({100, 90});
  }
  for (const DataType type : {DataType::kFloat16, DataType::kDouble}) {
    for (const std::int64_t width : {40, 40, 500}) {
      builder.add_floats(fmt::format("t{}", seed), {width},
                         test::bell_values(static_cast<std::size_t>(width), seed), type);
      ++seed;
    }
  }
  builder.add_initializer("i", DataType::kInt64, {60}, test::noise(480, 5));
  return builder.open();
}

void expect_right_prices(const OnnxModel& model, const PackOptions& options, int changes) {
  ChangedModel changed(model, 3);
  Pricer pricer(options);
  ASSERT_EQ(pricer.price(changed.source()), packed_size(changed.source(), options));
  for (int i = 0; i < changes; ++i) {
    changed.change_in_any_way();
    const PackSource source = changed.source();
    ASSERT_EQ(pricer.price(source), packed_size(source, options)) << "after change " << i;
  }
}

struct OptionsCase {
  std::string name;
  PackOptions options;
};

class PricerOptions : public testing::TestWithParam<OptionsCase> {};

TEST_P(PricerOptions, TellsTheSizeAfterEveryChange) {
  expect_right_prices(generated_model(), GetParam().options, 200);
}

const std::vector<OptionsCase> kOptionsCases = {
    {"Default", {.encode = presets::kDefault}},
    {"FastOnOneThread", {.encode = presets::kFast, .threads = 1}},
    {"HuffmanOnly",
     {.encode = {.stages = StageChoice::kHuffman}, .metadata = {{"recipe", "prune"}}}},
    {"SmallChunks", {.encode = presets::kFast, .chunk_bytes = 5000}},
};

INSTANTIATE_TEST_SUITE_P(Pricer, PricerOptions, testing::ValuesIn(kOptionsCases),
                         [](const auto& tested) { return tested.param.name; });

// Models this small are always tried as a whole.
TEST(Pricer, TellsTheSizeOfTinyModels) {
  test::ModelBuilder builder;
  for (std::uint64_t i = 0; i < 8; ++i) {
    builder.add_floats(fmt::format("w{}", i), {5, 6}, test::bell_values(30, i));
  }
  PackOptions options;
  options.encode = presets::kMax;
  expect_right_prices(builder.open(), options, 30);
}

TEST(Pricer, TellsTheSizeOfModelsThatAreSmallerAsAWhole) {
  test::ModelBuilder builder;
  std::vector<float> values = test::bell_values(12'000, 1);
  for (std::size_t i = 0; i < 3; ++i) {
    values[1000 * i] = 1;
    builder.add_floats(fmt::format("w{}", i), {100, 120}, values);
  }
  builder.add_floats("b", {100}, test::bell_values(100, 2));
  const OnnxModel model = builder.open();
  PackOptions options;
  options.encode = presets::kDefault;
  EXPECT_TRUE(QcReader::from_bytes(test::pack(model, options)).units().empty());
  expect_right_prices(model, options, 10);
}

// Its files are mapped, and bytes of it released.
TEST(Pricer, TellsTheSizeOfAFile) {
  const OnnxModel model = OnnxModel::open(harness::sample_model());
  const PackSource source = pack_source(model);
  Pricer pricer({});
  const std::uint64_t size = packed_size(source, {});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(pricer.price(source), size);
}

TEST(Pricer, TellsTheSizeOfARealModel) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  const OnnxModel model =
      OnnxModel::open(*shared / "models/squeezenet_tensor_input/squeezenet_tensor_input.onnx");
  PackOptions options;
  options.encode = presets::kDefault;
  expect_right_prices(model, options, 4);
}

TEST(Pricer, TakesFilesInPieces) {
  const OnnxModel model = generated_model();
  ChangedModel changed(model, 1);
  for (int i = 0; i < 5; ++i) changed.change_in_any_way();
  const PackSource source = changed.source();
  Bytes flat;
  source.files[0].bytes.append_range(0, source.files[0].bytes.size(), flat);
  MemorySink sink;
  write_container(source, {}, sink);
  const test::Files unpacked = test::unpack(sink.bytes());
  ASSERT_EQ(unpacked.size(), 1U);
  EXPECT_EQ(unpacked[0].second, flat);
}

TEST(Pricer, RefusesWhatCannotBePacked) {
  PackSource source;
  source.files.push_back({"C:m.onnx", {}});
  EXPECT_THROW(Pricer({}).price(source), Error);
}

// The reference is a coder that remembers nothing.
TEST(UnitCoder, RemembersUnitsAsTheyAre) {
  const EncodeOptions options = presets::kDefault;
  DigestCache<UnitFacts> known(1 << 20);
  const UnitCoder remembering(options, &known);
  const UnitCoder plain(options);
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < test::kPatternCount; ++i) {
      const test::TestTensor tensor =
          test::make_tensor(static_cast<test::Pattern>(i), {4, true}, 600, 7, {12, 50, 0});
      const CodedUnit expected = plain.code(tensor.view());
      EXPECT_EQ(expected.bytes, encode_tensor(tensor.view(), options));
      std::optional<Digest> content;
      if (round > 1) content = xxh3_128(tensor.data);
      const CodedUnit unit = remembering.code(tensor.view(), content);
      EXPECT_EQ(unit.facts.entry, expected.facts.entry);
      EXPECT_EQ(unit.facts.layout, expected.facts.layout);
      EXPECT_TRUE(unit.bytes.empty());
    }
  }
}

// The same content in another shape is coded in another way.
TEST(UnitCoder, TellsShapesApart) {
  Bytes payload;
  const Bytes signs = test::noise(6400, 1);
  for (std::size_t i = 0; i < signs.size(); ++i) {
    const std::size_t channel = i / 100;
    const float alpha = 0.01F * static_cast<float>(1 + channel);
    append_le(payload, signs[i] % 2 == 0 ? alpha : -alpha);
  }
  const auto view = [&](ChannelMap channels, Element element = {4, true}) {
    return TensorView{payload, element, channels, {}};
  };
  DigestCache<UnitFacts> known(1 << 20);
  const UnitCoder remembering(presets::kDefault, &known);
  const UnitCoder plain(presets::kDefault);
  for (int round = 0; round < 2; ++round) {
    for (const TensorView& tensor : {view({}), view({64, 100, 0}), view({64, 100, 50}),
                                     view({}, {4, false}), view({}, {2, true})}) {
      EXPECT_EQ(remembering.code(tensor).facts.entry, plain.code(tensor).facts.entry);
    }
  }
  EXPECT_NE(plain.code(view({})).facts.entry, plain.code(view({64, 100, 0})).facts.entry);
}

Digest digest_of(std::uint8_t number) { return xxh3_128(Bytes{number}); }

TEST(DigestCache, DropsWhatWasNotUsedForTheLongestTime) {
  DigestCache<int> cache(2 * DigestCache<int>::kEntryBytes);
  cache.add(digest_of(1), 10);
  cache.add(digest_of(2), 20);
  EXPECT_EQ(cache.find(digest_of(1)), 10);
  cache.add(digest_of(3), 30);
  EXPECT_EQ(cache.find(digest_of(1)), 10);
  EXPECT_EQ(cache.find(digest_of(2)), std::nullopt);
  EXPECT_EQ(cache.find(digest_of(3)), 30);
  cache.add(digest_of(4), 40, DigestCache<int>::kEntryBytes);
  EXPECT_EQ(cache.find(digest_of(1)), std::nullopt);
  EXPECT_EQ(cache.find(digest_of(3)), std::nullopt);
  EXPECT_EQ(cache.find(digest_of(4)), 40);
  cache.add(digest_of(5), 50, 2 * DigestCache<int>::kEntryBytes);
  EXPECT_EQ(cache.find(digest_of(5)), std::nullopt);
}

}  // namespace
}  // namespace qc
