// qcompress compile as a user of the program meets it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

class CompileCommand : public testing::Test {
 protected:
  CompileCommand() {
    options_.cwd = folder_.path();
    std::filesystem::copy_file(harness::source_dir() / "samples" / "models" / "lenet-300-100.onnx",
                               folder_ / "m.onnx");
  }

  harness::RunResult run(const std::vector<std::string>& args) const {
    return harness::run(args, options_);
  }

  std::string run_well(const std::vector<std::string>& args) const {
    const harness::RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    return result.out;
  }

  harness::TempDir folder_;
  harness::RunOptions options_;
};

TEST_F(CompileCommand, WritesAProgramAndSaysWhatItTakes) {
  const std::string text = run_well({"compile", "m.onnx", "-o", "net"});
  EXPECT_THAT(text, HasSubstr("constants"));
  EXPECT_THAT(text, HasSubstr("no placement takes less"));
  EXPECT_THAT(harness::list_files(folder_ / "net"),
              ElementsAre("CMakeLists.txt", "main.c", "net.c", "net.h", "net_weights.c"));
  const json document =
      json::parse(run_well({"compile", "m.onnx", "--name", "digits", "-o", "other", "--json"}));
  EXPECT_EQ(document["schema"], "qcompress.compile/1");
  EXPECT_EQ(document["files"][0], "digits.h");
  EXPECT_EQ(document["layers"][0]["form"], "dense");
  EXPECT_GE(document["arena_bytes"], document["arena_lower_bound"]);
  // 266,610 weights and biases, of four bytes each.
  EXPECT_EQ(document["constant_bytes"], 1066440);
  EXPECT_TRUE(run_well({"compile", "m.onnx", "-q"}).empty());
  EXPECT_TRUE(std::filesystem::exists(folder_ / "m.c" / "net.c"));
}

TEST_F(CompileCommand, KeepsWeightsSmallAndReadsContainers) {
  run_well({"prune", "--rate", "0.9", "m.onnx", "-o", "p.onnx", "-q"});
  run_well({"share", "--bits", "4", "p.onnx", "-o", "s.onnx", "-q"});
  run_well({"pack", "s.onnx", "-q"});
  const json document = json::parse(run_well({"compile", "s.qc", "-o", "net", "--json"}));
  EXPECT_LT(document["constant_bytes"], 1066440 / 12);
  run_well({"compile", "s.onnx", "-o", "same", "-q"});
  EXPECT_EQ(harness::read_file(folder_ / "net" / "net_weights.c"),
            harness::read_file(folder_ / "same" / "net_weights.c"));
  const json dense =
      json::parse(run_well({"compile", "s.qc", "--form", "dense", "-o", "dense", "--json"}));
  EXPECT_EQ(dense["constant_bytes"], 1066440);
}

TEST_F(CompileCommand, ItsProgramBuildsAndRuns) {
  harness::RunOptions compiler;
  compiler.program = "cc";
  compiler.cwd = folder_ / "net";
  run_well({"compile", "m.onnx", "-o", "net", "-q"});
  const auto built = harness::run({"-std=c99", "-Wall", "-Wextra", "-Werror", "-O1", "net.c",
                                   "net_weights.c", "main.c", "-o", "net", "-lm"},
                                  compiler);
  ASSERT_EQ(built.exit_code, 0) << built.err;
  compiler.program = folder_ / "net" / "net";
  compiler.stdin_text = std::string(784 * sizeof(float), '\0');
  const auto ran = harness::run({}, compiler);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 10);
  compiler.stdin_text.pop_back();
  EXPECT_EQ(harness::run({}, compiler).exit_code, 1);
}

// What a sketch needs of the Arduino core.
constexpr const char* kArduinoCore = R"(
#include <cstddef>
#include <cstdio>
struct { void begin(long) {} void println(double value) { std::printf("%.9g\n", value); } } Serial;
void delay(unsigned long) {}
void setup();
void loop();
int main() { setup(); loop(); }
)";

TEST_F(CompileCommand, WritesALibraryForArduino) {
  run_well({"compile", "m.onnx", "--name", "digits", "--arduino", "-o", "digits", "-q"});
  const std::string properties = harness::read_file(folder_ / "digits" / "library.properties");
  EXPECT_THAT(properties, HasSubstr("name=digits\n"));
  EXPECT_EQ(json::parse(harness::read_file(folder_ / "digits" / "library.json"))["name"], "digits");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "digits" / "main.c"));
  harness::write_file(folder_ / "core.h", kArduinoCore);
  harness::RunOptions compiler;
  compiler.cwd = folder_.path();
  for (const char* source : {"digits.c", "digits_weights.c"}) {
    compiler.program = "cc";
    const auto built = harness::run({"-c", "-O1", std::string("digits/src/") + source}, compiler);
    ASSERT_EQ(built.exit_code, 0) << built.err;
  }
  compiler.program = "c++";
  const auto built = harness::run(
      {"-include", "core.h", "-Idigits/src", "-x", "c++", "digits/examples/digits/digits.ino", "-x",
       "none", "digits.o", "digits_weights.o", "-lm", "-o", "sketch"},
      compiler);
  ASSERT_EQ(built.exit_code, 0) << built.err;
  compiler.program = folder_ / "sketch";
  const auto ran = harness::run({}, compiler);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(std::count(ran.out.begin(), ran.out.end(), '\n'), 10);
}

TEST_F(CompileCommand, RefusesWhatIsTooLargeUnknownOrThere) {
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--max-flash", "1MB"}).exit_code, 7);
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--max-ram", "1kB"}).exit_code, 7);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--name", "a-b"}).exit_code, 2);
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--shape", "x"}).exit_code, 2);
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--shape", "x=1xx2"}).exit_code, 2);
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--form", "small"}).exit_code, 2);
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a", "--shape", "x=1", "--shape", "x=2"}).exit_code, 2);
  EXPECT_EQ(run({"compile", "none.onnx"}).exit_code, 3);
  run_well({"compile", "m.onnx", "-o", "a", "-q"});
  EXPECT_EQ(run({"compile", "m.onnx", "-o", "a"}).exit_code, 3);
  run_well({"compile", "m.onnx", "-o", "a", "-f"});
}

TEST_F(CompileCommand, NamesWhatItCannotWrite) {
  onnx::ModelProto model;
  ASSERT_TRUE(model.ParseFromString(harness::read_file(folder_ / "m.onnx")));
  model.mutable_graph()->mutable_node(0)->set_op_type("Mystery");
  model.mutable_graph()->mutable_node(0)->set_name("strange layer");
  harness::write_file(folder_ / "m.onnx", model.SerializeAsString());
  const harness::RunResult result = run({"compile", "m.onnx", "-o", "a"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.err, HasSubstr("Mystery strange layer"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
}

}  // namespace
}  // namespace qc
