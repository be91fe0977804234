// prune --structured channels as a user sees it.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "training_fixture.h"

namespace qc::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// LeNet-300-100: 784 inputs, 300 and 100 hidden units, ten scores.
using ChannelsTest = ToolsTest;

TEST_F(ChannelsTest, TextAndJsonSayWhatIsLeft) {
  const Args prune = {"prune", "model.onnx", "--structured", "channels", "--rate", "0.5"};
  const std::string text = run_well(prune).out;
  EXPECT_THAT(text, HasSubstr("channels of"));
  EXPECT_THAT(text, HasSubstr("2 groups"));
  EXPECT_THAT(text, HasSubstr("parameters: 267k -> 126k (47.19%)"));
  EXPECT_THAT(text, HasSubstr("an output of the network"));
  EXPECT_THAT(text, HasSubstr("wrote model.pruned.onnx"));
  EXPECT_LT(std::filesystem::file_size(file("model.pruned.onnx")),
            std::filesystem::file_size(file("model.onnx")) / 2);
  Args again = prune;
  again.insert(again.end(), {"-o", "other.onnx", "-j", "1"});
  const json channels = run_json(again)["channels"];
  ASSERT_EQ(channels["groups"].size(), 2U);
  EXPECT_EQ(channels["groups"][0]["before"], 300);
  EXPECT_EQ(channels["groups"][0]["after"], 150);
  EXPECT_EQ(channels["multiplications_before"], 784 * 300 + 300 * 100 + 100 * 10);
  EXPECT_EQ(channels["multiplications_after"], 784 * 150 + 150 * 50 + 50 * 10);
  EXPECT_TRUE(content("other.onnx") == content("model.pruned.onnx"));
}

TEST_F(ChannelsTest, RefusesWhatDoesNotGoTogether) {
  const Args prune = {"prune", "model.onnx", "--structured", "channels"};
  const auto with = [&](const Args& more) {
    Args args = prune;
    args.insert(args.end(), more.begin(), more.end());
    return args;
  };
  expect_refused(prune, kUsage, {"how many channels are to go", "--rate"});
  expect_refused(with({"--rate", "0.5", "--std-factor", "1"}), kUsage, {"--std-factor"});
  expect_refused(with({"--rate", "0.5", "--criterion", "taylor"}), kUsage, {"taylor", "--data"});
  expect_refused(with({"--channels", "none*=3"}), kUsage, {"--channels", "none*"});
  expect_refused({"prune", "model.onnx", "--structured", "2:4", "--rate", "0.5"}, kUsage,
                 {"2:4", "--rate"});
  expect_refused({"prune", "model.onnx", "--rate", "0.5", "--round-to", "8"}, kUsage,
                 {"--round-to is for --structured channels"});
}

class TrainedChannelsTest : public TrainingTest {
 protected:
  void SetUp() override {
    TrainingTest::SetUp();
    if (!IsSkipped()) train();
  }

  json prune(Args more) const {
    Args args = {"prune", "trained.onnx", "--structured", "channels", "-f", "-o", "out.onnx"};
    args.insert(args.end(), more.begin(), more.end());
    return run_json(with_data(args));
  }

  static double accuracy(const json& document) { return document["test_after"]["value"]; }
};

// What samples show keeps more than what filters look like, and training brings it back.
TEST_F(TrainedChannelsTest, SamplesAndTrainingMakeUpForChannels) {
  const json plain = prune({"--rate", "0.9", "--epochs", "0"});
  const json fitted = prune({"--rate", "0.9", "--method", "obs", "--epochs", "0"});
  EXPECT_GT(accuracy(fitted), accuracy(plain) + 0.05);
  const json tuned = prune({"--rate", "0.9", "--method", "obs", "--steps", "3", "--epochs", "2"});
  EXPECT_GT(accuracy(tuned), accuracy(plain) + 0.05);
  ASSERT_EQ(tuned["steps"].size(), 3U);
  const json& group = tuned["channels"]["groups"][0];
  EXPECT_EQ(group["before"], 300);
  EXPECT_EQ(group["after"], 30);
  EXPECT_EQ(tuned["steps"][2]["weights"], 784 * 30 + 30 * 10 + 10 * 10);
  EXPECT_EQ(tuned["steps"][2]["nonzero"], tuned["steps"][2]["weights"]);
}

TEST_F(TrainedChannelsTest, GradientsChooseChannels) {
  const json document = prune({"--rate", "0.5", "--criterion", "taylor", "--epochs", "0"});
  EXPECT_GT(accuracy(document), document["test_before"]["value"].get<double>() - 0.1);
  EXPECT_THAT(document["notes"], testing::IsEmpty());
}

TEST_F(TrainedChannelsTest, SensitivityIsOfSingleWeights) {
  expect_refused(with_data({"prune", "trained.onnx", "--structured", "channels", "--sensitivity"}),
                 kUsage, {"--structured"});
}

// Whole channels go first, single weights after them.
TEST_F(TrainedChannelsTest, RecipesGoOnWithFewerChannels) {
  write("recipe.toml", R"(
[defaults]
epochs = 1
[[step]]
do = "prune"
structured = "channels"
method = "obs"
rate = 0.5
steps = 2
[[step]]
do = "prune"
rate = 0.8
[[step]]
do = "share"
bits = 4
)");
  const json document = run_json(with_data({"run", "recipe.toml", "trained.onnx", "-o", "out.qc"}));
  ASSERT_EQ(document["steps"].size(), 4U);
  EXPECT_EQ(document["steps"][3]["weights"], 784 * 150 + 150 * 50 + 50 * 10);
  EXPECT_LT(document["steps"][3]["nonzero"].get<double>(),
            0.21 * document["steps"][3]["weights"].get<double>());
  EXPECT_LT(document["packed_bytes"], 30'000);
}

}  // namespace
}  // namespace qc::test
