// Names and texts in files that hold escape sequences, other control characters or bytes that are
// no text: neither tables nor messages hand them to the terminal.
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "formats/packed/pack_model.h"
#include "training_fixture.h"

namespace qc::test {
namespace {

using harness::RunResult;
using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

/// Clears a screen, starts a line of its own, turns the direction around, and is no UTF-8.
constexpr const char* kName = "evil\x1b[2J\nqcompress: fine\xc2\x9b\xe2\x80\xae\xff";
/// The same as it is shown.
constexpr const char* kShown = R"(evil\x1b[2J\nqcompress: fine\u009b\u202e\xff)";

onnx::TensorProto& add_weight(onnx::ModelProto& model, const std::string& name, float first) {
  onnx::GraphProto& graph = *model.mutable_graph();
  onnx::TensorProto& weight = *graph.add_initializer();
  weight.set_name(name);
  weight.set_data_type(onnx::TensorProto::FLOAT);
  weight.add_dims(50);
  weight.add_dims(40);
  for (int i = 0; i < 2000; ++i) weight.add_float_data(first + static_cast<float>(i % 100));
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type("MatMul");
  node.set_name(name + " node");
  node.add_input(name + " in");
  node.add_input(name);
  node.add_output(name + " out");
  onnx::ValueInfoProto& input = *graph.add_input();
  input.set_name(name + " in");
  graph.add_output()->set_name(name + " out");
  return weight;
}

onnx::ModelProto make_model(const std::vector<std::string>& names) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  model.mutable_graph()->set_name("g");
  float first = 0.5F;
  for (const std::string& name : names) add_weight(model, name, first += 1);
  return model;
}

bool is_printable(std::string_view text) {
  for (const char* hidden : {"\xc2\x9b", "\xe2\x80\xae", "\xff"}) {
    if (text.find(hidden) != std::string_view::npos) return false;
  }
  return std::ranges::none_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f;
  });
}

class HostileNamesTest : public ToolsTest {
 protected:
  HostileNamesTest() {
    write("model.onnx", make_model({kName}).SerializeAsString());
    write("other.onnx", make_model({std::string(kName) + "2"}).SerializeAsString());
    run_well({"pack", "model.onnx"});
    run_well({"prune", "model.onnx", "--rate", "0.5"});
  }

  void expect_printable(const RunResult& result) const {
    EXPECT_TRUE(is_printable(result.out)) << result.out;
    EXPECT_TRUE(is_printable(result.err)) << result.err;
    for (const std::string& text : {result.out, result.err}) {
      EXPECT_EQ(text.find("\nqcompress: fine"), std::string::npos) << text;
    }
  }
};

TEST_F(HostileNamesTest, MetadataIsShownAsText) {
  PackOptions options;
  options.metadata = {{kName, std::string("first\n") + kName}};
  MemorySink container;
  pack_model(OnnxModel::open(file("model.onnx")), options, container);
  write("told.qc", std::string(as_text(container.bytes())));
  const RunResult result = run_well({"inspect", "-v", "told.qc"});
  expect_printable(result);
  EXPECT_THAT(result.out,
              HasSubstr(std::string(kShown) + ":\n  first\n  evil\\x1b[2J\n  qcompress"));
}

TEST_F(HostileNamesTest, NoOutputHandsThemToTheTerminal) {
  write("score", R"({"metric": "m\u001b[2J\nqcompress: fine", "value": 0.5, "unit": "\u001bx"})"
                 "\n");
  for (const Args& args :
       std::vector<Args>{{"inspect", "model.onnx"},
                         {"inspect", "--all", "-v", "model.qc"},
                         {"inspect", "--hardware", "model.qc"},
                         {"inspect", "--tensor", kName, "model.qc"},
                         {"diff", "model.onnx", "other.onnx"},
                         {"diff", "-v", "model.onnx", "model.qc"},
                         {"diff", "model.onnx", "model.pruned.onnx"},
                         {"prune", "-f", "-v", "model.onnx", "--rate", "0.5"},
                         {"prune", "-f", "-v", "model.onnx", "--rate", "0.5", "--layer", "x=0.5"},
                         {"share", "-f", "-v", "model.onnx", "--bits", "2"},
                         {"tidy", "-f", "-v", "model.onnx"},
                         {"binarize", "-f", "-v", "--first-last", "model.onnx", "--activations"},
                         {"prune", "-f", "model.onnx", "--rate", "0.5", "--eval-cmd", "cat score"},
                         {"prune", "-f", "model.onnx", "--sensitivity", "--eval-cmd", "cat score"},
                         {"eval", "model.onnx", "--eval-cmd", "cat score"},
                         {"inspect", kName},
                         {"inspect", "--tensor", "evil", "model.qc"},
                         {"pack", "-f", "model.onnx", "-o", kName},
                         {"unpack", "-f", kName, "-o", "back\x1b.onnx"},
                         {kName},
                         {"inspect", std::string("--") + kName, "model.qc"},
                         {"eval", "model.onnx", "-q", "--eval-cmd",
                          "printf 'a\\033b\\nqcompress: fine'; exit 1"}}) {
    SCOPED_TRACE(command_line(args));
    expect_printable(run(args));
  }
}

TEST_F(HostileNamesTest, TheyAreShownEscaped) {
  EXPECT_THAT(run_well({"inspect", "model.qc"}).out, HasSubstr(R"(evil\x1b..202e\xff )"));
  EXPECT_THAT(run_well({"diff", "model.onnx", "other.onnx"}).out,
              HasSubstr(std::string("only in model.onnx: ") + kShown));
  EXPECT_THAT(run({"inspect", kName}).err, HasSubstr(R"(evil\x1b[2J)"));
}

TEST_F(HostileNamesTest, RecipesAndDataSetsAreNoBetter) {
  write("recipe.toml", "\"k\\u001b[2J\\nqcompress: fine\" = 1\n[[step]]\ndo = \"tidy\"\n");
  expect_printable(run({"run", "recipe.toml", "model.onnx"}));
  write("recipe.toml", "name = \"\x1b\"\n");
  expect_printable(run({"run", "recipe.toml", "model.onnx"}));
  std::filesystem::create_directory(file("pictures"));
  write("pictures/labels.csv", "\x1b[2J.png,not a number\x1b\n\x1b.png,\x1b\n");
  expect_printable(run({"eval", "model.onnx", "--data", "pictures"}));
  write("pictures/labels.csv", "\x1b[2J.png,1\n");
  expect_printable(run({"eval", "model.onnx", "--data", "pictures"}));
  write("pictures/dataset.toml", "\"\\u001b\" = 1\n");
  expect_printable(run({"eval", "model.onnx", "--data", "pictures"}));
}

TEST_F(HostileNamesTest, JsonStaysJson) {
  for (const Args& args : std::vector<Args>{{"inspect", "model.qc"},
                                            {"inspect", "--hardware", "model.qc"},
                                            {"diff", "model.onnx", "other.onnx"},
                                            {"prune", "-f", "model.onnx", "--rate", "0.5"}}) {
    Args with_json = args;
    with_json.emplace_back("--json");
    const RunResult result = run_well(with_json);
    expect_printable(result);
    EXPECT_FALSE(json::parse(result.out, nullptr, false).is_discarded()) << result.out;
  }
  const json document = run_json({"inspect", "model.qc"});
  EXPECT_EQ(document["tensors"][0]["name"],
            "evil\x1b[2J\nqcompress: fine\xc2\x9b\xe2\x80\xae\xef\xbf\xbd");
}

TEST_F(HostileNamesTest, TablesCountColumns) {
  const std::string wide = "\xe9\x87\x8d\xe3\x81\xbf";  // two characters in four columns
  write("wide.onnx", make_model({"a123", wide,
                                 "f\xc3\xbc"
                                 "r1"})
                         .SerializeAsString());
  const std::string text = run_well({"inspect", "--all", "wide.onnx"}).out;
  std::vector<std::string> rows;
  for (const std::string& name : {std::string("a123"), wide,
                                  std::string("f\xc3\xbc"
                                              "r1")}) {
    const std::size_t begin = text.find("\n" + name + " ") + 1 + name.size();
    rows.push_back(text.substr(begin, text.find("2.00k", begin) - begin));
  }
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_EQ(rows[0], rows[2]);
}

TEST_F(HostileNamesTest, LongNamesAreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 60; ++i) name += "\xe9\x87\x8d";
  write("wide.onnx", make_model({name}).SerializeAsString());
  const RunResult result = run_well({"inspect", "wide.onnx"});
  EXPECT_EQ(result.out.find("\\x"), std::string::npos) << result.out;
  EXPECT_THAT(result.out, HasSubstr("\xe9\x87\x8d..\xe9\x87\x8d"));
}

}  // namespace
}  // namespace qc::test
