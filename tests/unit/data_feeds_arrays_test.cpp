// Samples that are arrays by name: .npz files and ONNX's test data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/float_types.h"
#include "data_feeds.h"
#include "data_files.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "heap_meter.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string floats(const std::string& shape, const std::vector<float>& values) {
  return npy_bytes("'<f4'", shape, raw(values));
}

const Graph kTwoInputs = graph_with({tensor_value("x", DataType::kFloat, {-1, 2}),
                                     tensor_value("state", DataType::kInt64, {1, 3})});

TEST(ArrayFeeds, AreStackedAlongTheFirstAxis) {
  const TempDir folder;
  const auto path = folder / "data.npz";
  write_zip(path,
            {{"x.npy", floats("(2, 2)", {1, 2, 3, 4})},
             {"state.npy", npy_bytes("'|i1'", "(2, 1, 3)", raw<std::int8_t>({1, 2, 3, -4, 5, 6}))},
             {"y.npy", npy_bytes("'<i8'", "(2,)", raw<std::int64_t>({7, 0}))}});
  for (const fs::path& place : {path, folder.path()}) {
    const auto feeds = open_checked(place, kTwoInputs);
    ASSERT_EQ(feeds->size(), 2U);
    EXPECT_EQ(feeds->classes(), 8);
    const Feed feed = feeds->load(1);
    EXPECT_EQ(feed.label, 0);
    EXPECT_THAT(feed.inputs[0].dims, ElementsAre(1, 2));
    EXPECT_THAT(values_of(feed.inputs[0]), ElementsAre(3, 4));
    EXPECT_THAT(values_of(feed.inputs[1]), ElementsAre(-4, 5, 6));
  }
}

TEST(ArrayFeeds, MayBeAFileForEachSample) {
  const TempDir folder;
  const auto labels = [](std::int32_t label) {
    return npy_bytes("'<i4'", "()", raw<std::int32_t>({label}));
  };
  write_zip(folder / "b.npz", {{"x.npy", floats("(2,)", {3, 4})}, {"labels.npy", labels(2)}});
  write_zip(folder / "a.npz", {{"x.npy", floats("(5, 2)", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})},
                               {"labels.npy", labels(1)}});
  const auto feeds = open_checked(folder.path(), kTwoInputs);
  ASSERT_EQ(feeds->size(), 2U);
  EXPECT_EQ(feeds->classes(), 3);
  EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(5, 2));
  EXPECT_THAT(feeds->load(1).inputs[0].dims, ElementsAre(1, 2));
  EXPECT_EQ(feeds->load(1).label, 2);
  EXPECT_THAT(values_of(feeds->load(1).inputs[1]), ElementsAre(0, 0, 0));
  EXPECT_THAT(feeds->notes(), ElementsAre(HasSubstr("'state' int64 [1,3]: zeros")));

  write_zip(folder / "c.npz", {{"z.npy", floats("(2,)", {3, 4})}, {"labels.npy", labels(0)}});
  EXPECT_THAT(error_of_feeds(folder.path(), kTwoInputs).second,
              HasSubstr("c.npz has no array \"x\" for input 'x', as"));
}

TEST(ArrayFeeds, EveryTypeThatNumpyAndOnnxShareIsTaken) {
  struct Case {
    std::string descr;
    DataType type;
    std::string element;
  };
  const std::vector<Case> cases = {
      {"'|b1'", DataType::kBool, std::string("\1")},
      {"'|u1'", DataType::kUint8, raw<std::uint8_t>({1})},
      {"'|i1'", DataType::kInt8, raw<std::int8_t>({1})},
      {"'<u2'", DataType::kUint16, raw<std::uint16_t>({1})},
      {"'<i2'", DataType::kInt16, raw<std::int16_t>({1})},
      {"'<u4'", DataType::kUint32, raw<std::uint32_t>({1})},
      {"'<i4'", DataType::kInt32, raw<std::int32_t>({1})},
      {"'<u8'", DataType::kUint64, raw<std::uint64_t>({1})},
      {"'<i8'", DataType::kInt64, raw<std::int64_t>({1})},
      {"'<f2'", DataType::kFloat16, raw<std::uint16_t>({float_to_half(1)})},
      {"'<f4'", DataType::kFloat, raw<float>({1})},
      {"'<f8'", DataType::kDouble, raw<double>({1})},
  };
  const TempDir folder;
  const auto is_float = [](DataType type) { return is_value_type(type); };
  for (const Case& from : cases) {
    write_zip(folder / "data.npz", {{"in.npy", npy_bytes(from.descr, "(1, 1)", from.element)}});
    for (const Case& to : cases) {
      SCOPED_TRACE(from.descr + " to " + to.descr);
      const Graph graph = graph_with({tensor_value("in", to.type, {1, 1})});
      const bool same = from.type == to.type;
      const bool is_bool = from.type == DataType::kBool || to.type == DataType::kBool;
      if (same || (!is_bool && is_float(from.type) == is_float(to.type))) {
        const HostTensor tensor = open_checked(folder / "data.npz", graph)->load(0).inputs[0];
        EXPECT_EQ(std::string(as_text(tensor.bytes)), to.element);
      } else {
        const auto [code, message] = error_of_feeds(folder / "data.npz", graph);
        EXPECT_EQ(code, ErrorCode::kUsage);
        EXPECT_THAT(message, AllOf(HasSubstr("input 'in' wants " + data_type_name(to.type)),
                                   HasSubstr("has " + data_type_name(from.type))));
      }
    }
  }
}

TEST(ArrayFeeds, ValuesOutOfRangeAreRefused) {
  const TempDir folder;
  const Graph graph = graph_with(
      {tensor_value("in", DataType::kUint8, {1, 2}), tensor_value("other", DataType::kFloat, {1})});
  write_zip(folder / "data.npz",
            {{"in.npy", npy_bytes("'<i8'", "(1, 2)", raw<std::int64_t>({255, -1}))}});
  const auto [code, message] = error_of_feeds(folder / "data.npz", graph);
  EXPECT_EQ(code, ErrorCode::kUsage);
  EXPECT_THAT(message,
              AllOf(HasSubstr("input 'in' wants uint8, in.npy in"), HasSubstr("has the value -1")));
}

TEST(ArrayFeeds, MistakesNameTheInput) {
  const TempDir folder;
  const auto path = folder / "data.npz";
  const auto message = [&](const std::vector<ZipMember>& members) {
    write_zip(path, members);
    const auto [code, text] = error_of_feeds(path, kTwoInputs);
    EXPECT_EQ(code, ErrorCode::kUsage) << text;
    return text;
  };
  const std::string state = npy_bytes("'<i8'", "(3, 4)", std::string(96, '\0'));
  EXPECT_THAT(message({{"state.npy", state}}),
              AllOf(HasSubstr("input 'state' wants int64 [1,3]"), HasSubstr("state.npy in "),
                    HasSubstr("has int64 [3,4]")));
  EXPECT_THAT(message({{"x.npy", npy_bytes("'<i8'", "(1, 2)", std::string(16, '\0'))}}),
              AllOf(HasSubstr("input 'x' wants float32 [?,2]"), HasSubstr("has int64 [1,2]")));
  EXPECT_THAT(message({{"x.npy", floats("(2, 2)", {1, 2, 3, 4})},
                       {"state.npy", npy_bytes("'<i8'", "(1, 3)", std::string(24, '\0'))}}),
              HasSubstr("has 1 samples, but x.npy in"));
  EXPECT_THAT(message({{"x.npy", floats("(0, 2)", {})}}), HasSubstr("holds no samples"));
  EXPECT_THAT(
      message({{"z.npy", floats("(1, 2)", {1, 2})}}),
      AllOf(HasSubstr("it has z.npy"), HasSubstr("the inputs are x, state"), HasSubstr("rename")));
  write_file(folder / "dataset.toml", "[inputs.x]\nrename = 'z'\n");
  write_zip(path, {{"z.npy", floats("(1, 2)", {1, 2})}});
  EXPECT_THAT(values_of(open_checked(path, kTwoInputs)->load(0).inputs[0]), ElementsAre(1, 2));
  EXPECT_THAT(message({{"x.npy", floats("(1, 2)", {1, 2})}}), HasSubstr("no array \"z\""));
  write_file(folder / "dataset.toml", "[inputs.y]\nrename = 'z'\n");
  EXPECT_THAT(message({{"x.npy", floats("(1, 2)", {1, 2})}}),
              HasSubstr("[inputs.y] names no input of the network"));
}

TEST(ArrayFeeds, PairsOfSamplesAndLabelsArePreprocessed) {
  const TempDir folder;
  write_zip(folder / "data.npz",
            {{"x.npy", npy_bytes("'|u1'", "(1, 2, 2)", raw<std::uint8_t>({0, 255, 51, 0}))},
             {"y.npy", npy_bytes("'|u1'", "(1,)", raw<std::uint8_t>({3}))}});
  const auto feeds = open_checked(folder / "data.npz",
                                  graph_with({tensor_value("x", DataType::kFloat, {1, 1, 2, 2})}));
  EXPECT_EQ(feeds->load(0).label, 3);
  EXPECT_FLOAT_EQ(static_cast<float>(values_of(feeds->load(0).inputs[0])[2]), 0.2F);
}

TEST(ArrayFeeds, HugeClaimsTakeNoMemory) {
  const TempDir folder;
  const Graph graph = graph_with({tensor_value("in", DataType::kFloat, {-1, -1})});
  const auto path = folder / "data.npz";
  for (const std::string shape : {"(4, 200000000)", "(4, 1000)", "(1, 4611686018427387904)"}) {
    write_zip(path, {{"in.npy", npy_bytes("'<f4'", shape, "few"), true}});
    const test::HeapMeter heap;
    const ErrorCode code = error_of_feeds(path, graph).first;
    EXPECT_TRUE(code == ErrorCode::kLimit || code == ErrorCode::kCorrupt) << shape;
    EXPECT_LT(heap.peak(), std::size_t{20} << 20);
  }
}

void write_set(const fs::path& set, const std::string& input, const std::string& output) {
  fs::create_directories(set);
  write_file(set / "input_0.pb", input);
  write_file(set / "output_0.pb", output);
}

const std::string kPair = raw<float>({1, 2});

TEST(TestSetFeeds, AreFoldersByNumber) {
  const TempDir folder;
  Graph graph = kTwoInputs;
  for (int i : {0, 2, 10}) {
    write_set(folder / ("test_data_set_" + std::to_string(i)),
              tensor_proto("", DataType::kFloat, {1, 2}, raw<float>({1, static_cast<float>(i)})),
              tensor_proto("out", DataType::kFloat, {2}, kPair));
  }
  write_file(folder / "model.onnx", "");
  const auto feeds = open_checked(folder.path(), graph);
  ASSERT_EQ(feeds->size(), 3U);
  EXPECT_EQ(feeds->classes(), 0);
  EXPECT_THAT(values_of(feeds->load(2).inputs[0]), ElementsAre(1, 10));
  EXPECT_THAT(values_of(feeds->load(0).inputs[1]), ElementsAre(0, 0, 0));
  ASSERT_EQ(feeds->load(0).expected.size(), 1U);
  EXPECT_EQ(feeds->load(0).expected[0].name, "output_0");
  EXPECT_THAT(values_of(feeds->load(0).expected[0].tensor), ElementsAre(1, 2));
  graph.outputs = {tensor_value("first", DataType::kFloat, {2})};
  EXPECT_EQ(open_checked(folder.path(), graph)->load(0).expected[0].name, "first");
  graph.outputs.push_back(tensor_value("out", DataType::kFloat, {2}));
  EXPECT_EQ(open_checked(folder.path(), graph)->load(0).expected[0].name, "out");
  EXPECT_EQ(open_checked(folder / "test_data_set_10", graph)->size(), 1U);
}

TEST(TestSetFeeds, NamesCountMoreThanNumbers) {
  const TempDir folder;
  const auto set = folder / "test_data_set_0";
  write_set(set, tensor_proto("state", DataType::kInt32, {3}, raw<std::int32_t>({1, 2, 3})),
            tensor_proto("", DataType::kFloat, {2}, kPair));
  write_file(set / "input_1.pb",
             tensor_proto("x", DataType::kFloat, {4, 2}, kPair + kPair + kPair + kPair));
  const Feed feed = open_checked(folder.path(), kTwoInputs)->load(0);
  EXPECT_THAT(feed.inputs[0].dims, ElementsAre(4, 2));
  EXPECT_THAT(values_of(feed.inputs[1]), ElementsAre(1, 2, 3));
  write_file(set / "input_1.pb",
             tensor_proto("state", DataType::kInt32, {3}, std::string(12, '\0')));
  EXPECT_THAT(error_of_feeds(folder.path(), kTwoInputs).second,
              HasSubstr("both for input 'state'"));
  write_file(set / "input_1.pb", tensor_proto("", DataType::kFloat, {1, 2}, kPair));
  EXPECT_THAT(error_of_feeds(folder.path(), kTwoInputs).second,
              HasSubstr("both for input 'state'"));
  fs::rename(set / "input_1.pb", set / "input_2.pb");
  EXPECT_THAT(error_of_feeds(folder.path(), kTwoInputs).second,
              HasSubstr("input_2.pb is for no input of the network, which has 2"));
}

TEST(TestSetFeeds, BrokenFilesAreRefused) {
  const TempDir folder;
  const auto set = folder / "test_data_set_0";
  const auto error = [&](const std::string& input) {
    write_set(set, input, tensor_proto("", DataType::kFloat, {2}, kPair));
    return error_of_feeds(folder.path(), kTwoInputs);
  };
  const std::string whole = tensor_proto("x", DataType::kFloat, {1, 2}, kPair);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto [code, message] = error(whole.substr(0, size));
    EXPECT_TRUE(code == ErrorCode::kCorrupt || code == ErrorCode::kUsage) << size;
    EXPECT_THAT(message, HasSubstr("input_0.pb"));
  }
  EXPECT_EQ(error(tensor_proto("x", DataType::kFloat, {1, 1 << 30}, kPair)).first,
            ErrorCode::kCorrupt);
  // Of complex128, with a number in int64_data.
  EXPECT_EQ(error("\x10\x0f:\x02\xf8\x02").first, ErrorCode::kCorrupt);
  EXPECT_THAT(error(tensor_proto("x", DataType::kFloat, {2}, kPair + kPair)).second,
              HasSubstr("tensor x: does not hold as many bytes"));
  EXPECT_THAT(
      error(tensor_proto("x", DataType::kInt64, {1, 2}, std::string(16, '\0'))).second,
      AllOf(HasSubstr("input 'x' wants float32 [?,2]"), HasSubstr("input_0.pb has int64 [1,2]")));
}

// Reads what is beside a model of ONNX's test data or of the shared folder.
void expect_test_sets(const fs::path& model) {
  SCOPED_TRACE(model.string());
  const OnnxModel opened = OnnxModel::open(model);
  const auto feeds = open_checked(model.parent_path(), opened.graph()->main);
  ASSERT_GE(feeds->size(), 1U);
  const Feed feed = feeds->load(0);
  EXPECT_EQ(feed.expected.size(), opened.graph()->main.outputs.size());
  for (std::size_t i = 0; i < feed.expected.size(); ++i) {
    EXPECT_EQ(feed.expected[i].name, opened.graph()->main.outputs[i].name);
  }
}

TEST(SharedFeeds, TestDataOfModels) {
  const auto shared = harness::shared_dir();
  if (!shared || !fs::exists(*shared / "models/mnist_8")) {
    GTEST_SKIP() << "no models/mnist_8 in QC_SHARED or ../shared";
  }
  expect_test_sets(*shared / "models/mnist_8/model.onnx");
  expect_test_sets(*shared / "models/maui_model/model.onnx");
  expect_test_sets(*shared / "models/shufflenet_v2_int8/shufflenet-v2-12-int8.onnx");
}

TEST(SharedFeeds, TestDataOfOnnx) {
  const fs::path folder = "/usr/share/libonnx-testdata/data/node";
  if (!fs::exists(folder)) GTEST_SKIP() << "no libonnx-testdata";
  for (const char* name : {"test_abs", "test_add_uint8", "test_and2d", "test_gather_0",
                           "test_cast_FLOAT_to_FLOAT16", "test_lstm_defaults"}) {
    if (fs::exists(folder / name)) expect_test_sets(folder / name / "model.onnx");
  }
}

}  // namespace
}  // namespace qc
