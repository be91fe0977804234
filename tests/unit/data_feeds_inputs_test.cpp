// Inputs that samples do not give, and samples that are made up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "data/dataset_config.h"
#include "data_feeds.h"
#include "data_files.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::TempDir;
using harness::write_file;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

// A network with a picture and another input, for a folder with one picture.
class OtherInput {
 public:
  explicit OtherInput(const GraphValue& input)
      : graph_(graph_with({tensor_value("image", DataType::kFloat, {1, 1, 1, 1}), input})) {
    write_file(folder_ / "a.png", png_bytes({1, 1, "x"}, PngKind::kGrey));
  }

  HostTensor value(const std::string& config = "") const {
    write_file(folder_ / "dataset.toml", config);
    return open_checked(folder_.path(), graph_)->load(0).inputs[1];
  }
  std::vector<std::string> notes() const { return open_checked(folder_.path(), graph_)->notes(); }
  std::string refusal(const std::string& config = "") const {
    write_file(folder_ / "dataset.toml", config);
    const auto [code, message] = error_of_feeds(folder_.path(), graph_);
    EXPECT_EQ(code, ErrorCode::kUsage) << message;
    return message;
  }

 private:
  TempDir folder_;
  Graph graph_;
};

TEST(FeedInputs, KnownShapesGetZeros) {
  const OtherInput state(tensor_value("state", DataType::kFloat, {1, 2, 3}));
  EXPECT_THAT(values_of(state.value()), ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(state.notes(), Contains("the data does not give 'state' float32 [1,2,3]: zeros"));
  const OtherInput batch(tensor_value("state", DataType::kInt64, {-1, 2}));
  EXPECT_THAT(batch.value().dims, ElementsAre(1, 2));
  const OtherInput scalar(tensor_value("state", DataType::kBool, {}));
  EXPECT_THAT(values_of(scalar.value()), ElementsAre(0));
}

TEST(FeedInputs, DefaultsComeFromTheConfiguration) {
  const OtherInput open(tensor_value("state", DataType::kInt32, {-1, -1}));
  EXPECT_THAT(open.refusal(),
              AllOf(HasSubstr("input 'state' wants int32 [?,?] and the data gives it nothing"),
                    HasSubstr("[inputs.\"state\"] with default = 0")));
  EXPECT_THAT(values_of(open.value("[inputs.state]\ndefault = 3\n")), ElementsAre(3));
  EXPECT_THAT(open.notes(), Contains(HasSubstr("input 'state' is 3 everywhere, int32 [1,1]")));
  EXPECT_THAT(values_of(open.value("[inputs.state]\ndefault = -1\nshape = [1, 2]\n")),
              ElementsAre(-1, -1));
  EXPECT_THAT(open.refusal("[inputs.state]\ndefault = 0.5\n"), HasSubstr("has the default 0.5"));
  EXPECT_THAT(open.refusal("[inputs.state]\nshape = [2]\n"), HasSubstr("has the shape [2]"));
  EXPECT_THAT(open.refusal("[inputs.stade]\ndefault = 1\n"), HasSubstr("did you mean state?"));
  const OtherInput flag(tensor_value("train", DataType::kBool, {}));
  EXPECT_THAT(values_of(flag.value("[inputs.train]\ndefault = true\n")), ElementsAre(1));
  const OtherInput half(tensor_value("s", DataType::kFloat16, {2}));
  EXPECT_THAT(values_of(half.value("[inputs.s]\ndefault = 0.5\n")), ElementsAre(0.5, 0.5));
  const OtherInput text(tensor_value("s", DataType::kString, {1}));
  EXPECT_THAT(text.refusal(),
              HasSubstr("input 's' wants string [1] and the data gives it nothing"));
  const OtherInput huge(tensor_value("s", DataType::kFloat, {1 << 30, 1 << 20}));
  EXPECT_EQ(error_of([&] { huge.value(); }).first, ErrorCode::kLimit);
}

TEST(FeedConfig, HasTables) {
  const DatasetConfig config = parse_dataset_config(R"(
scale = 2
[data]
input = "image"
[inputs."a.b"]
default = 1.5
shape = [1, 0]
rename = "c"
[audio]
rate = 16000
window = 512
hop = 256
[text]
encoding = "utf-8"
offset = -3
length = 7
pad = 1
)",
                                                    "dataset.toml");
  EXPECT_EQ(config.data_input, "image");
  const InputConfig& input = config.inputs.at("a.b");
  EXPECT_EQ(input.value, 1.5);
  EXPECT_THAT(*input.shape, ElementsAre(1, 0));
  EXPECT_EQ(input.rename, "c");
  EXPECT_EQ(config.audio.rate, 16000);
  EXPECT_EQ(config.audio.window, 512);
  EXPECT_EQ(config.audio.hop, 256);
  EXPECT_EQ(config.text.encoding, TextEncoding::kUtf8);
  EXPECT_EQ(config.text.offset, -3);
  EXPECT_EQ(config.text.length, 7);
  EXPECT_EQ(config.text.pad, 1);
}

TEST(FeedConfig, MistakesAreToldWithTheirLine) {
  struct Case {
    std::string text;
    std::string message;
  };
  const std::vector<Case> cases = {
      {"audio = 1", "dataset.toml:1: audio must be a table: [audio]"},
      {"[audio]\nbits = 1", "dataset.toml:2: bits is not a key of [audio]; known are rate, window"},
      {"[audio]\nrate = 0", "dataset.toml:2: rate must be a whole number from 1"},
      {"[audio]\nhop = 'a'", "dataset.toml:2: hop must be"},
      {"[text]\nencoding = 'latin'", "encoding must be one of \"bytes\", \"utf-8\""},
      {"[text]\nlength = 0", "length must be"},
      {"[data]\ninput = 1", "input must be the name of an input, in quotes"},
      {"[inputs]\nx = 1", "dataset.toml:2: inputs.x must be a table: [inputs.x]"},
      {"[inputs.x]\nvalue = 1", "dataset.toml:2: value is not a key of [inputs.x]; known are"},
      {"[inputs.x]\ndefault = 'a'", "default must be a number"},
      {"[inputs.x]\ndefault = inf", "default must be a number"},
      {"[inputs.x]\nshape = 1", "shape must be an array of whole numbers"},
      {"[inputs.x]\nshape = [-1]", "shape must be a whole number from 0"},
      {"[inputs.x]\nrename = ''", "rename must be the name of an array"},
  };
  for (const Case& each : cases) {
    const auto [code, message] = error_of([&] { parse_dataset_config(each.text, "dataset.toml"); });
    EXPECT_EQ(code, ErrorCode::kUsage) << each.text;
    EXPECT_THAT(message, HasSubstr(each.message));
  }
}

TEST(RandomFeeds, HaveTheShapesOfTheGraph) {
  const Graph graph = graph_with({tensor_value("image", DataType::kFloat, {-1, 3, -1, -1}),
                                  tensor_value("nhwc", DataType::kUint8, {1, -1, -1, 3}),
                                  tensor_value("tokens", DataType::kInt64, {-1, -1}),
                                  tensor_value("state", DataType::kFloat16, {2, -1, 8}),
                                  tensor_value("flag", DataType::kBool, {})});
  const auto feeds = open_checked("random:3", graph);
  ASSERT_EQ(feeds->size(), 3U);
  EXPECT_EQ(feeds->classes(), 0);
  EXPECT_THAT(feeds->notes(),
              Contains(AllOf(HasSubstr("stop-gap"), HasSubstr("'tokens' int64 [1,16]"))));
  const Feed feed = feeds->load(0);
  EXPECT_THAT(feed.inputs[0].dims, ElementsAre(1, 3, 224, 224));
  EXPECT_THAT(feed.inputs[1].dims, ElementsAre(1, 224, 224, 3));
  EXPECT_THAT(feed.inputs[3].dims, ElementsAre(2, 1, 8));
  EXPECT_NE(feed.inputs[0].bytes, feeds->load(1).inputs[0].bytes);
  const std::vector<double> values = values_of(feed.inputs[0]);
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(values.size());
  EXPECT_NEAR(sum / count, 0, 0.02);
  EXPECT_NEAR(squares / count, 1, 0.02);
  EXPECT_THAT(values_of(feed.inputs[2]), Each(AllOf(Ge(0), Le(1))));
  EXPECT_GT(std::ranges::max(values_of(feed.inputs[1])), 200);
}

TEST(RandomFeeds, FollowTheConfiguration) {
  const TempDir folder;
  const Graph graph = graph_with({tensor_value("x", DataType::kFloat, {-1, -1}),
                                  tensor_value("rate", DataType::kInt64, {}),
                                  shapeless_value("free", DataType::kFloat)});
  EXPECT_THAT(error_of_feeds("random", graph).second, HasSubstr("input 'free' wants"));
  write_file(folder / "dataset.toml",
             "[inputs.x]\nshape = [2, 5]\n[inputs.rate]\ndefault = 16000\n[inputs.free]\nshape = "
             "[4]\n");
  const auto feeds = open_checked("random", graph, Split::kTest, folder / "dataset.toml");
  EXPECT_EQ(feeds->size(), 32U);
  EXPECT_THAT(feeds->load(0).inputs[0].dims, ElementsAre(2, 5));
  EXPECT_THAT(values_of(feeds->load(0).inputs[1]), ElementsAre(16000));
  EXPECT_THAT(feeds->load(0).inputs[2].dims, ElementsAre(4));
  for (const char* path : {"random:", "random:0", "random:x", "random:2x", "random:99999999999"}) {
    EXPECT_EQ(error_of_feeds(path, graph).first, ErrorCode::kUsage) << path;
  }
}

TEST(SharedFeeds, EveryModelTakesRandomSamples) {
  const auto shared = harness::shared_dir();
  if (!shared || !fs::exists(*shared / "models")) {
    GTEST_SKIP() << "no models in QC_SHARED or ../shared";
  }
  for (const char* name : {"dtln/model_1.onnx", "ten_vad/ten-vad.onnx", "gtcrn/gtcrn_simple.onnx",
                           "byte_bilstm/model.onnx", "squeezenet_fp16/SqueezeNet_fp16.onnx",
                           "edge/bert_toy_optimized.onnx", "edge/tiny_gpt2_beamsearch.onnx"}) {
    SCOPED_TRACE(name);
    const OnnxModel model = OnnxModel::open(*shared / "models" / name);
    EXPECT_EQ(open_checked("random:2", model.graph()->main)->size(), 2U);
  }
}

}  // namespace
}  // namespace qc
