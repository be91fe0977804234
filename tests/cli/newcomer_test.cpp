// What somebody meets who knows the program from README and --help only: mistyped commands and
// flags, files of other frameworks, the columns of inspect, the files that README names.
#include <onnx/onnx_pb.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "training_fixture.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;
using harness::RunResult;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class NewcomerTest : public ToolsTest {};

TEST_F(NewcomerTest, MistypedCommandsAreSuggested) {
  expect_refused({"inspct", "model.onnx"}, kUsage, {"no command inspct", "did you mean inspect?"});
  expect_refused({"compress", "model.onnx"}, kUsage,
                 {"no command compress", "prune", "run", "pack"});
  for (const char* unknown : {"inspct", "compress"}) {
    EXPECT_THAT(run({unknown, "model.onnx"}).err, Not(HasSubstr("subcommand")));
  }
  EXPECT_THAT(run({}).err, HasSubstr("name a command"));
}

TEST_F(NewcomerTest, MistypedFlagsAreSuggested) {
  expect_refused({"prune", "--rat", "0.9", "model.onnx"}, kUsage,
                 {"qcompress prune", "no flag --rat", "did you mean --rate?"});
  expect_refused({"pack", "model.onnx", "--hufman"}, kUsage, {"did you mean --huffman?"});
  expect_refused({"prune", "model.onnx", "--rats=0.9"}, kUsage, {"no flag --rats;", "--rate?"});
  expect_refused({"--verison"}, kUsage, {"no flag --verison", "did you mean --version?"});
  // A flag that is there, but not before the command.
  expect_refused({"-q", "pack", "model.onnx"}, kUsage, {"-q", "qcompress pack -q"});
  expect_refused({"--rate", "0.5"}, kUsage, {"--rate", "name the command first"});
}

TEST_F(NewcomerTest, FilesOfOtherFrameworksAreNamedByEveryCommand) {
  write("net.pt", std::string("PK\x03\x04", 4) + std::string(26, '\0') + "archive/data.pkl");
  write("recipe.toml", "[[step]]\ndo = \"prune\"\nrate = 0.5\n");
  const std::vector<Args> commands = {{"prune", "--rate", "0.5", "net.pt"},
                                      {"share", "--bits", "4", "net.pt"},
                                      {"run", "recipe.toml", "net.pt"},
                                      {"pack", "net.pt"},
                                      {"unpack", "net.pt", "-o", "out.onnx"},
                                      {"test", "net.pt"},
                                      {"inspect", "net.pt"},
                                      {"inspect", "--hardware", "net.pt"},
                                      {"diff", "model.onnx", "net.pt"}};
  for (const Args& args : commands) {
    expect_refused(args, kUnsupported, {"net.pt: this is a PyTorch file", "torch.onnx.export"});
  }
}

class NewcomerTrainingTest : public TrainingTest {};

TEST_F(NewcomerTrainingTest, FilesOfOtherFrameworksAreNamedByCommandsWithData) {
  write("net.h5", std::string("\x89HDF\r\n\x1a\n", 8) + std::string(64, '\0'));
  for (const char* command : {"eval", "train", "finetune"}) {
    expect_refused(with_data({command, "net.h5"}), kUnsupported, {"net.h5: this is a Keras model"});
  }
}

// The same sparse weights in a layout with an index, in one with a map and in dense ones.
TEST_F(NewcomerTest, CodedBitsAreOfAKeptWeightInEveryLayout) {
  run_well({"prune", "--rate", "0.9", "model.onnx", "-o", "pruned.onnx"});
  run_well({"share", "--bits", "4", "pruned.onnx", "-o", "shared.onnx"});
  for (const std::string layout : {"csr", "bitmap", "palette", "raw"}) {
    SCOPED_TRACE(layout);
    run_well({"pack", "--layout", layout, "shared.onnx", "-o", layout + ".qc"});
    const json document = run_json({"inspect", layout + ".qc"});
    int seen = 0;
    for (const json& tensor : document["tensors"]) {
      if (tensor["placement"] != "own" || tensor["role"] != "weight") continue;
      EXPECT_THAT(tensor["layout"].get<std::string>(), testing::StartsWith(layout));
      ++seen;
      const double kept = tensor["nonzero"];
      const double elements = tensor["bytes"].get<double>() / 4;
      EXPECT_NEAR(tensor["weight_bits_coded"].get<double>() * kept / 8, tensor["weight_bytes"],
                  0.5);
      EXPECT_NEAR(tensor["index_bits_coded"].get<double>() * kept / 8, tensor["index_bytes"], 0.5);
      EXPECT_NEAR(tensor["bits_per_element"].get<double>() * elements / 8, tensor["stored_bytes"],
                  0.5);
      // Four bits a value and less than nine a position, however they are laid out; raw has 320.
      const double all =
          tensor["weight_bits_coded"].get<double>() + tensor["index_bits_coded"].get<double>();
      if (layout == "raw") continue;
      EXPECT_LT(all, 13);
      EXPECT_GT(all, 6);
    }
    EXPECT_GT(seen, 1);
  }
}

TEST_F(NewcomerTest, BeatenFloorsAreExplained) {
  run_well({"prune", "--rate", "0.9", "model.onnx", "-o", "pruned.onnx"});
  run_well({"share", "--bits", "2", "pruned.onnx", "-o", "shared.onnx"});
  run_well({"pack", "shared.onnx", "-o", "plain.qc"});
  EXPECT_THAT(run_well({"inspect", "plain.qc"}).out, HasSubstr("floor: zeroth-order entropy"));
  EXPECT_THAT(run_well({"inspect", "model.onnx"}).out, Not(HasSubstr("floor: ")));
}

// A convolution whose input has open sizes, and a layer behind it.
std::string open_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::GraphProto& graph = *model.mutable_graph();
  const auto add_value = [](onnx::ValueInfoProto& value, const char* name,
                            const std::vector<int>& dims) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const int dim : dims) {
      auto& added = *type.mutable_shape()->add_dim();
      if (dim > 0) added.set_dim_value(dim);
    }
  };
  add_value(*graph.add_input(), "image", {1, 2, 0, 0});
  add_value(*graph.add_output(), "y", {});
  graph.mutable_output(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  onnx::TensorProto& weight = *graph.add_initializer();
  weight.set_name("conv.weight");
  weight.set_data_type(onnx::TensorProto::FLOAT);
  for (const int dim : {16, 2, 3, 3}) weight.add_dims(dim);
  for (int i = 0; i < 288; ++i) weight.add_float_data(std::sin(static_cast<float>(i)));
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("Conv");
  node.add_input("image");
  node.add_input("conv.weight");
  node.add_output("y");
  return model.SerializeAsString();
}

TEST_F(NewcomerTest, PartialTotalsSaySoAndWhy) {
  write("open.onnx", open_model());
  const std::string text = run_well({"inspect", "--hardware", "open.onnx"}).out;
  EXPECT_THAT(text, HasSubstr("input 'image' float32 [1,2,?,?]\noutput 'y' float32 of any shape"));
  EXPECT_THAT(text, HasSubstr("0 of 1 layers"));
  EXPECT_THAT(text, HasSubstr("partial. Not counted: conv.weight"));
  EXPECT_THAT(text, HasSubstr("input image open: 1x2x?x?"));
  EXPECT_THAT(text, HasSubstr("--input-shape 1x2xNxN"));
  const std::string whole =
      run_well({"inspect", "--hardware", "--input-shape", "1x2x8x8", "open.onnx"}).out;
  EXPECT_THAT(whole, Not(HasSubstr("partial")));
  EXPECT_THAT(whole, HasSubstr("\nall "));
}

/// Everything of a text that the pattern's first group matches.
std::set<std::string> matches(const std::string& text, const std::string& pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at) {
    found.insert((*at)[1]);
  }
  return found;
}

TEST(Readme, EveryFileThatItNamesExists) {
  const fs::path root = harness::source_dir();
  const std::string text = harness::read_file(root / "README.md");
  std::set<std::string> files = matches(text, R"(\]\(([^)#:]+)\))");
  files.merge(
      matches(text, R"((?:^|[^\w/])((?:samples|scripts|cli|data|formats|tests)/[\w./-]*[\w/]))"));
  EXPECT_GT(files.size(), 15U);
  for (const std::string& file : files) EXPECT_TRUE(fs::exists(root / file)) << file;
  // A recipe that is named without its folder is nowhere to be found.
  for (const std::string& recipe : matches(text, R"(([\w./-]+\.toml))")) {
    if (recipe == "dataset.toml") continue;
    EXPECT_TRUE(fs::exists(root / recipe)) << recipe;
  }
}

TEST(Readme, EveryCommandThatItPrintsIsThere) {
  const std::string text = harness::read_file(harness::source_dir() / "README.md");
  const std::set<std::string> commands = matches(text, R"(\n    qcompress ([a-z]+))");
  EXPECT_GT(commands.size(), 5U);
  for (const std::string& command : commands) {
    EXPECT_EQ(harness::run({command, "--help"}).exit_code, 0) << command;
  }
}

// Every recipe is one, and says how to run it.
TEST(Recipes, OfTheRepositoryResolve) {
  const fs::path folder = harness::source_dir() / "samples" / "recipes";
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    ++count;
    const RunResult result = harness::run({"run", "--resolve", entry.path().string()});
    EXPECT_EQ(result.exit_code, 0) << entry.path() << result.err;
  }
  EXPECT_GT(count, 5);
}

TEST_F(NewcomerTrainingTest, ModelsOfMnistAreAsGoodAsReadmeSays) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "../shared is not here";
  const fs::path models = harness::source_dir() / "samples" / "models";
  const std::string text = harness::read_file(harness::source_dir() / "README.md");
  for (const char* name : {"lenet-5-mnist.onnx", "lenet-300-100-mnist.onnx"}) {
    const json score = run_json(
        {"eval", (models / name).string(), "--data", (*shared / "data" / "mnist").string()});
    // The last column of its row; rounding differs from machine to machine.
    const std::regex row(std::string(name) + R"(`\s*\|[^|]*\|\s*([0-9.]+) ?%)");
    std::smatch found;
    ASSERT_TRUE(std::regex_search(text, found, row)) << name;
    EXPECT_NEAR(100 * (1 - score["value"].get<double>()), std::stod(found[1]), 0.05) << name;
  }
}

}  // namespace
}  // namespace qc::test
