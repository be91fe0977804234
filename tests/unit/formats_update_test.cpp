// Containers that hold what has changed since another model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/error.h"
#include "formats/packed/update_source.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/manifest_writer.h"
#include "formats/qc/write/qc_writer.h"
#include "model_builder.h"
#include "model_files.h"
#include "qcompress/qcompress.h"
#include "spec_container.h"

namespace qc {
namespace {

using test::bell_values;
using test::Files;
using test::ModelBuilder;
using testing::HasSubstr;

// Values of a codebook, by pseudo-random ranks.
std::vector<float> shared_values(std::size_t count, std::span<const float> codebook,
                                 std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = codebook[random() % codebook.size()];
  return values;
}

// Two versions of a model: version 1 updates version 0.
OnnxModel version(int number, bool external = false) {
  const bool is_new = number == 1;
  std::vector<float> codebook = {-0.5F, -0.25F, -0.125F, 0.0F, 0.0625F, 0.25F, 0.375F, 0.75F};
  if (is_new) {
    for (float& value : codebook) value *= 1.0625F;
  }
  std::vector<float> nudged = bell_values(3000, 2);
  if (is_new) {
    for (float& value : nudged) value *= 1.0001F;
  }
  ModelBuilder builder;
  builder.add_gemm("equal", {50, 60}, bell_values(3000, 1));
  builder.add_gemm("nudged", {60, 50}, nudged);
  builder.add_gemm("shared", {50, 60}, shared_values(3000, codebook, 3));
  builder.add_gemm("halves", {60, 50}, shared_values(3000, codebook, 4), DataType::kFloat16);
  builder.add_gemm("other", {50, 60}, bell_values(3000, is_new ? 5 : 6));
  builder.add_gemm("larger", {60, is_new ? 70 : 50}, bell_values(is_new ? 4200 : 3000, 7));
  builder.add_gemm(is_new ? "after" : "before", {4, 5}, bell_values(20, 8));
  if (!external) return builder.open();
  Bytes data;
  for (onnx::TensorProto& tensor : *builder.proto().mutable_graph()->mutable_initializer()) {
    const std::string elements = tensor.raw_data();
    tensor.clear_raw_data();
    test::set_external(tensor, "m.data", data.size(), elements.size());
    append(data, as_bytes(elements));
  }
  return test::open_files({{"m.onnx", builder.bytes()}, {"m.data", data}});
}

Files files_of(const OnnxModel& model) {
  Files files;
  for (const ModelFile& file : model.files()) {
    files.emplace_back(file.relative, file.bytes.joined());
  }
  return files;
}

std::vector<ByteView> views_of(const Files& files) {
  std::vector<ByteView> views;
  for (const auto& [path, bytes] : files) views.emplace_back(bytes);
  return views;
}

Bytes pack_update(const OnnxModel& model, const OnnxModel& base, const PackOptions& options = {}) {
  MemorySink out;
  write_container(UpdateSource(model, base, options).source(), options, out);
  return out.take();
}

Bytes pack_whole(const OnnxModel& model) { return test::pack(model, {}); }

// Checks that an update and its base give the model, by each way of decoding it.
void expect_update(const Bytes& update, const OnnxModel& base, const OnnxModel& model) {
  const Files expected = files_of(model);
  const Files base_files = files_of(base);
  const std::vector<ByteView> views = views_of(base_files);
  QcReader reader = QcReader::from_bytes(update);
  reader.set_base(views);
  for (const unsigned threads : {1U, 3U}) EXPECT_EQ(reader.decode_to_memory(threads), expected);

  DecodeContext context;
  for (std::size_t i = 0; i < reader.slots().size(); ++i) {
    const QcSlot& slot = reader.slots()[i];
    const ByteView there = ByteView(expected[slot.file].second).subspan(slot.offset, slot.size);
    const Bytes bytes(there.begin(), there.end());
    EXPECT_EQ(reader.decode_slot(i, context), bytes) << i;
    Bytes loaded(slot.size);
    reader.load_slot(i, loaded, 2);
    EXPECT_EQ(loaded, bytes) << i;
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    Bytes out(expected[i].second.size());
    ASSERT_FALSE(reader.container().decode_file(i, out, context));
    EXPECT_EQ(out, expected[i].second);
  }
  EXPECT_FALSE(reader.container().verify(context));

  const std::vector<spec::File> by_format =
      spec::read_container(update, graph_dictionary(), {views.begin(), views.end()});
  ASSERT_EQ(by_format.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(by_format[i].bytes, expected[i].second);
  }
}

std::map<BaseMethod, int> methods_of(const Bytes& update) {
  std::map<BaseMethod, int> methods;
  const QcReader reader = QcReader::from_bytes(update);
  for (const QcSlot& slot : reader.slots()) {
    if (slot.base) ++methods[slot.base->method];
  }
  return methods;
}

TEST(Update, HoldsWhatChanged) {
  const OnnxModel base = version(0);
  const OnnxModel model = version(1);
  const Bytes update = pack_update(model, base);
  expect_update(update, base, model);
  const auto methods = methods_of(update);
  EXPECT_GE(methods.at(BaseMethod::kCopy), 1);
  EXPECT_EQ(methods.at(BaseMethod::kXor), 1);
  EXPECT_EQ(methods.at(BaseMethod::kRanks16), 1);
  EXPECT_EQ(methods.at(BaseMethod::kRanks32), 1);
  EXPECT_LT(update.size(), pack_whole(model).size() - 3000 * 4 / 2);
}

TEST(Update, IsMadeInChunksAndByEveryPreset) {
  const OnnxModel base = version(0);
  const OnnxModel model = version(1);
  for (const EncodeOptions& preset : {presets::kFast, presets::kDefault, presets::kMax}) {
    PackOptions options;
    options.encode = preset;
    options.chunk_bytes = 1000;
    expect_update(pack_update(model, base, options), base, model);
  }
}

TEST(Update, IsTheSameForAnyNumberOfThreads) {
  const OnnxModel base = version(0);
  const OnnxModel model = version(1);
  PackOptions one;
  one.threads = 1;
  PackOptions three;
  three.threads = 3;
  EXPECT_EQ(pack_update(model, base, one), pack_update(model, base, three));
}

TEST(Update, OfTheSameModelIsNextToNothing) {
  const OnnxModel model = version(0);
  const Bytes update = pack_update(model, model);
  expect_update(update, model, model);
  EXPECT_LT(update.size(), pack_whole(model).size() / 20);
}

TEST(Update, ReachesExternalFiles) {
  const OnnxModel base = version(0, true);
  const OnnxModel model = version(1, true);
  const Bytes update = pack_update(model, base);
  expect_update(update, base, model);
  EXPECT_GE(methods_of(update).at(BaseMethod::kCopy), 1);
}

TEST(Update, ChainsGiveTheLastModel) {
  const OnnxModel first = version(0);
  const OnnxModel second = version(1);
  const Bytes there = pack_update(second, first);
  const Bytes back = pack_update(first, second);
  const Files first_files = files_of(first);
  QcReader one = QcReader::from_bytes(there);
  one.set_base(views_of(first_files));
  const Files middle = one.decode_to_memory(1);
  QcReader two = QcReader::from_bytes(back);
  two.set_base(views_of(middle));
  EXPECT_EQ(two.decode_to_memory(1), first_files);
}

ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  return ErrorCode::kInternal;
}

TEST(Update, WantsItsBase) {
  const OnnxModel base = version(0);
  const OnnxModel model = version(1);
  const Bytes update = pack_update(model, base);
  QcReader reader = QcReader::from_bytes(update);
  EXPECT_EQ(code_of([&] { reader.decode_to_memory(1); }), ErrorCode::kUsage);
  const Files wrong = files_of(model);
  EXPECT_EQ(code_of([&] { reader.set_base(views_of(wrong)); }), ErrorCode::kUsage);
  EXPECT_EQ(code_of([&] { reader.set_base({}); }), ErrorCode::kUsage);
  Files damaged = files_of(base);
  damaged[0].second[damaged[0].second.size() / 2] ^= 1;
  EXPECT_EQ(code_of([&] { reader.set_base(views_of(damaged)); }), ErrorCode::kUsage);
  const Bytes whole = pack_whole(model);
  QcReader complete = QcReader::from_bytes(whole);
  EXPECT_EQ(code_of([&] { complete.set_base(views_of(wrong)); }), ErrorCode::kUsage);
}

// Through the C interface, which must not read outside of anything.
qcompress_status decode_all(ByteView update, const Files& base, Bytes* out) {
  qcompress_container* container = nullptr;
  qcompress_status status =
      qcompress_open_memory(update.data(), update.size(), nullptr, &container, nullptr);
  if (status != QCOMPRESS_OK) return status;
  std::vector<const void*> files;
  bool fits = qcompress_base_count(container) == base.size();
  for (std::size_t i = 0; fits && i < base.size(); ++i) {
    qcompress_file file;
    EXPECT_EQ(qcompress_get_base(container, i, &file), QCOMPRESS_OK);
    fits = file.size == base[i].second.size();
    files.push_back(base[i].second.data());
  }
  status = fits ? qcompress_set_base(container, files.data(), files.size(), nullptr)
                : QCOMPRESS_ERROR_USAGE;
  qcompress_file file;
  if (status == QCOMPRESS_OK) status = qcompress_get_file(container, 0, &file);
  if (status == QCOMPRESS_OK) {
    out->resize(file.size);
    status = qcompress_read_file(container, 0, out->data(), out->size(), nullptr);
  }
  if (status == QCOMPRESS_OK) status = qcompress_verify(container, nullptr);
  qcompress_close(container);
  return status;
}

TEST(Update, IsReadThroughTheCInterface) {
  const OnnxModel base = version(0);
  const OnnxModel model = version(1);
  const Files base_files = files_of(base);
  const Bytes update = pack_update(model, base);
  Bytes out;
  ASSERT_EQ(decode_all(update, base_files, &out), QCOMPRESS_OK);
  EXPECT_EQ(out, files_of(model)[0].second);
  EXPECT_EQ(decode_all(update, files_of(model), &out), QCOMPRESS_ERROR_USAGE);

  qcompress_container* container = nullptr;
  ASSERT_EQ(qcompress_open_memory(update.data(), update.size(), nullptr, &container, nullptr),
            QCOMPRESS_OK);
  qcompress_error error;
  EXPECT_EQ(qcompress_read_file(container, 0, out.data(), out.size(), &error),
            QCOMPRESS_ERROR_USAGE);
  EXPECT_THAT(error.text, HasSubstr("update"));
  const std::size_t equal = qcompress_find_tensor(container, "equal.weight");
  qcompress_tensor tensor;
  ASSERT_EQ(qcompress_get_tensor(container, equal, &tensor), QCOMPRESS_OK);
  EXPECT_STREQ(tensor.layout, "base");
  EXPECT_EQ(tensor.stored_size, 0U);
  qcompress_close(container);
}

TEST(Update, DamageIsFound) {
  const OnnxModel base = version(0);
  const Files base_files = files_of(base);
  const Bytes update = pack_update(version(1), base);
  Bytes out;
  for (std::size_t size = 0; size < update.size(); size += 1 + update.size() / 300) {
    EXPECT_NE(decode_all(ByteView(update).first(size), base_files, &out), QCOMPRESS_OK) << size;
  }
  Bytes damaged = update;
  for (std::size_t at = 0; at < update.size(); at += 1 + update.size() / 300) {
    damaged[at] ^= static_cast<std::uint8_t>(1U << at % 8);
    EXPECT_NE(decode_all(damaged, base_files, &out), QCOMPRESS_OK) << at;
    damaged[at] = update[at];
  }
}

// A manifest of one slot of 8 bytes that is made of the base.
Manifest manifest_of(const ManifestSlot& slot) {
  Manifest manifest;
  manifest.files = {{"m.onnx", 8, {}, 1}};
  manifest.base = {{"m.onnx", 8, {}, 0}};
  manifest.slots = {slot};
  return manifest;
}

TEST(Update, ManifestsThatContradictThemselvesAreRefused) {
  ManifestSlot fine;
  fine.size = 8;
  fine.base = BaseUse{BaseMethod::kCopy, -3, 0};
  EXPECT_EQ(parse_manifest(serialize_manifest(manifest_of(fine))), manifest_of(fine));

  const auto expect_refused = [](const ManifestSlot& slot, const char* why) {
    EXPECT_EQ(code_of([&] { parse_manifest(serialize_manifest(manifest_of(slot))); }),
              ErrorCode::kCorrupt)
        << why;
  };
  ManifestSlot slot = fine;
  slot.base->method = static_cast<BaseMethod>(5);
  expect_refused(slot, "an unknown method");
  slot = fine;
  slot.unit = 1;
  expect_refused(slot, "a copy in a unit");
  slot = fine;
  slot.base->values = 4;
  expect_refused(slot, "a copy with a codebook");
  slot = fine;
  slot.base->method = BaseMethod::kRanks32;
  expect_refused(slot, "ranks without a codebook");
  slot.base->values = kMaxBaseValues + 1;
  expect_refused(slot, "too many values");
  slot = fine;
  slot.repeat_of = 0;
  expect_refused(slot, "a repeat of the base");
}

}  // namespace
}  // namespace qc
