// What the commands say and which exit code they give when used wrongly or fed with bad input, and
// that nothing on disk changes then.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

namespace fs = std::filesystem;
using harness::RunOptions;
using harness::RunResult;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kUsage = 2;
constexpr int kFile = 3;
constexpr int kCorrupt = 4;
constexpr int kUnsupported = 5;

/// Where FORMAT.md puts the format version in the header of a .qc file, and the checksum of all
/// that comes before: the low half of its XXH3.
constexpr std::size_t kVersionOffset = 8;
constexpr std::size_t kChecksumOffset = 12;

using Args = std::vector<std::string>;

std::string command_line(const Args& args) {
  std::string text = "qcompress";
  for (const std::string& arg : args) text += " " + arg;
  return text;
}

/// A folder with a copy of the sample model, in which the commands run.
class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    fs::copy_file(harness::sample_model(), folder_ / "model.onnx");
    options_.cwd = folder_.path();
  }

  fs::path file(const std::string& name) const { return folder_ / name; }

  RunResult run(const Args& args) const { return harness::run(args, options_); }

  /// Runs a command that must succeed.
  RunResult run_well(const Args& args) const {
    RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << command_line(args) << "\n" << result.out << result.err;
    return result;
  }

  /// Expects a command to end with `exit_code` and a message on standard error that holds every one
  /// of `words`, and to leave every file as it was.
  void expect_refused(const Args& args, int exit_code,
                      const std::vector<std::string>& words) const {
    SCOPED_TRACE(command_line(args));
    const auto before = harness::snapshot(folder_.path());
    const RunResult result = run(args);
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    EXPECT_EQ(result.signal, 0);
    for (const std::string& word : words) EXPECT_THAT(result.err, HasSubstr(word));
    EXPECT_THAT(result.err, Not(IsEmpty()));
    EXPECT_THAT(result.err, Not(HasSubstr("terminate called")));
    EXPECT_TRUE(harness::snapshot(folder_.path()) == before) << "files changed";
  }

  /// Packs model.onnx into model.qc.
  void pack_model() const { run_well({"pack", "model.onnx", "-o", "model.qc"}); }

  harness::TempDir folder_;
  RunOptions options_;
};

const Args kCommands = {"prune", "share",  "finetune", "train",   "eval", "run",
                        "pack",  "unpack", "test",     "inspect", "diff", "tidy"};

class HelpTest : public CommandTest, public testing::WithParamInterface<std::string> {};

TEST_P(HelpTest, ExitsZeroAndShowsAnExample) {
  const RunResult result = run({GetParam(), "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, AnyOf(HasSubstr("Example"), HasSubstr("example")));
  EXPECT_THAT(result.out, HasSubstr("qcompress " + GetParam() + " "));
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_P(HelpTest, UnknownFlagIsNamed) {
  Args args = {GetParam(), "model.onnx", "--no-such-flag"};
  if (GetParam() == "diff") args.insert(args.begin() + 1, "model.onnx");
  expect_refused(args, kUsage, {"--no-such-flag"});
}

TEST_P(HelpTest, MissingArgumentIsAUsageError) { expect_refused({GetParam()}, kUsage, {}); }

INSTANTIATE_TEST_SUITE_P(EveryCommand, HelpTest, testing::ValuesIn(kCommands),
                         [](const auto& command) { return command.param; });

using UsageTest = CommandTest;

TEST_F(UsageTest, NoCommandShowsTheCommands) {
  const RunResult result = run({});
  EXPECT_EQ(result.exit_code, kUsage);
  for (const std::string& command : kCommands) {
    EXPECT_THAT(result.out + result.err, HasSubstr(command));
  }
}

TEST_F(UsageTest, HelpListsTheCommandsAndAnExample) {
  const RunResult result = run({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const std::string& command : kCommands) EXPECT_THAT(result.out, HasSubstr(command));
  EXPECT_THAT(result.out, HasSubstr("qcompress pack "));
}

TEST_F(UsageTest, VersionExitsZero) {
  const RunResult result = run({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("."));
}

TEST_F(UsageTest, VersionAsJsonNamesTheFormat) {
  const nlohmann::json document = nlohmann::json::parse(run_well({"--version", "--json"}).out);
  EXPECT_EQ(run_well({"--version"}).out,
            "qcompress " + document.at("version").get<std::string>() + "\n");
  EXPECT_EQ(document.at("format_version"), 1);
  EXPECT_EQ(document, nlohmann::json::parse(run_well({"--json", "--version"}).out));
}

TEST_F(UsageTest, UnknownCommandIsNamed) {
  expect_refused({"compress", "model.onnx"}, kUsage, {"compress"});
}

TEST_F(UsageTest, RateMustBeInRange) {
  for (const char* rate : {"1", "1.5", "-0.1", "nan", "inf", "many", ""}) {
    expect_refused({"prune", "model.onnx", std::string("--rate=") + rate}, kUsage, {"--rate"});
  }
}

TEST_F(UsageTest, LayerRateMustBeInRange) {
  for (const char* layer :
       {"conv1.weight=1", "conv1.weight=-0.5", "conv1.weight=", "conv1.weight"}) {
    expect_refused({"prune", "--layer", layer, "model.onnx"}, kUsage, {"--layer"});
  }
}

TEST_F(UsageTest, BitsMustBeInRange) {
  for (const char* bits : {"0", "-1", "99", "2.5", "five"}) {
    expect_refused({"share", std::string("--bits=") + bits, "model.onnx"}, kUsage, {"--bits"});
  }
}

TEST_F(UsageTest, UnknownChoiceNamesTheChoices) {
  expect_refused({"prune", "--rate", "0.5", "--scope", "everywhere", "model.onnx"}, kUsage,
                 {"--scope", "everywhere", "layer", "global"});
  expect_refused({"share", "--bits", "4", "--init", "guess", "model.onnx"}, kUsage,
                 {"--init", "guess", "linear", "density", "random", "optimal"});
}

TEST_F(UsageTest, UnknownTensorSuggestsNearNames) {
  expect_refused({"prune", "--rate", "0.5", "--include", "conv1.wieght", "model.onnx"}, kUsage,
                 {"conv1.wieght", "conv1.weight"});
  expect_refused({"prune", "--rate", "0.5", "--exclude", "fc1.wait", "model.onnx"}, kUsage,
                 {"fc1.wait", "fc1.weight"});
  expect_refused({"prune", "--layer", "fc2.weigth=0.5", "model.onnx"}, kUsage,
                 {"fc2.weigth", "fc2.weight"});
  expect_refused({"share", "--bits", "4", "--include", "conv2weight", "model.onnx"}, kUsage,
                 {"conv2weight", "conv2.weight"});
  expect_refused({"inspect", "--index", "--tensor", "fc1.bias", "model.onnx"}, kUsage, {"--index"});
  expect_refused({"pack", "--fast", "--max", "model.onnx"}, kUsage, {"--fast", "--max"});
  expect_refused({"inspect", "--tensor", "fc1.bais", "model.onnx"}, kUsage,
                 {"fc1.bais", "fc1.bias"});
}

TEST_F(UsageTest, PackedModelGivenToAPassHintsAtUnpack) {
  pack_model();
  expect_refused({"prune", "--rate", "0.5", "model.qc"}, kUsage, {"model.qc", "unpack"});
  expect_refused({"share", "--bits", "4", "model.qc"}, kUsage, {"model.qc", "unpack"});
  expect_refused({"pack", "model.qc", "-o", "twice.qc"}, kUsage, {"model.qc", "unpack"});
}

TEST_F(UsageTest, PlainModelGivenToUnpack) {
  expect_refused({"unpack", "model.onnx", "-o", "back.onnx"}, kCorrupt, {"model.onnx", ".qc"});
  expect_refused({"test", "model.onnx"}, kCorrupt, {"model.onnx", ".qc"});
}

/// Every command on one input file that it must refuse.
std::vector<Args> every_command_on(const std::string& input) {
  return {{"prune", "--rate", "0.5", input, "-o", "out.onnx"},
          {"share", "--bits", "4", input, "-o", "out.onnx"},
          {"pack", input, "-o", "out.qc"},
          {"unpack", input, "-o", "out.onnx"},
          {"test", input},
          {"inspect", input},
          {"diff", input, "model.onnx"},
          {"diff", "model.onnx", input}};
}

TEST_F(UsageTest, MissingFileIsNamed) {
  for (const Args& args : every_command_on("nowhere.onnx")) {
    expect_refused(args, kFile, {"nowhere.onnx"});
  }
}

TEST_F(UsageTest, FolderAsInput) {
  fs::create_directory(file("folder"));
  for (const Args& args : every_command_on("folder")) expect_refused(args, kFile, {"folder"});
}

TEST_F(UsageTest, EmptyFile) {
  harness::write_file(file("empty.onnx"), "");
  for (const Args& args : every_command_on("empty.onnx")) {
    expect_refused(args, kCorrupt, {"empty.onnx"});
  }
}

TEST_F(UsageTest, TextFile) {
  harness::write_file(file("notes.txt"), "These are notes, not a model.\nThey have two lines.\n");
  for (const Args& args : every_command_on("notes.txt")) {
    expect_refused(args, kCorrupt, {"notes.txt"});
  }
}

TEST_F(UsageTest, TruncatedModel) {
  const std::string whole = harness::read_file(file("model.onnx"));
  harness::write_file(file("half.onnx"), whole.substr(0, whole.size() / 2));
  expect_refused({"prune", "--rate", "0.5", "half.onnx"}, kCorrupt, {"half.onnx"});
  expect_refused({"share", "--bits", "4", "half.onnx"}, kCorrupt, {"half.onnx"});
  expect_refused({"inspect", "half.onnx"}, kCorrupt, {"half.onnx"});
}

TEST_F(UsageTest, DamagedContainer) {
  pack_model();
  const std::string whole = harness::read_file(file("model.qc"));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 1);
  harness::write_file(file("flipped.qc"), flipped);
  harness::write_file(file("short.qc"), whole.substr(0, whole.size() - 1));
  harness::write_file(file("long.qc"), whole + '\0');
  for (const char* name : {"flipped.qc", "short.qc", "long.qc"}) {
    expect_refused({"test", name}, kCorrupt, {name});
    expect_refused({"unpack", name, "-o", "back.onnx"}, kCorrupt, {name});
  }
}

TEST_F(UsageTest, FutureFormatVersion) {
  pack_model();
  std::string future = harness::read_file(file("model.qc"));
  ASSERT_GT(future.size(), kChecksumOffset + 4);
  future[kVersionOffset] = '\x7f';
  const std::uint64_t checksum = XXH3_64bits(future.data(), kChecksumOffset);
  for (unsigned i = 0; i < 4; ++i) {
    future[kChecksumOffset + i] = static_cast<char>((checksum >> (8 * i)) & 0xffU);
  }
  harness::write_file(file("future.qc"), future);
  expect_refused({"unpack", "future.qc", "-o", "back.onnx"}, kUnsupported,
                 {"future.qc", "version"});
  expect_refused({"test", "future.qc"}, kUnsupported, {"future.qc", "version"});
  expect_refused({"inspect", "future.qc"}, kUnsupported, {"future.qc", "version"});
}

TEST_F(UsageTest, ExistingOutputIsKeptWithoutForce) {
  pack_model();
  harness::write_file(file("taken"), "precious");
  const std::vector<Args> commands = {{"prune", "--rate", "0.5", "model.onnx", "-o", "taken"},
                                      {"share", "--bits", "4", "model.onnx", "-o", "taken"},
                                      {"pack", "model.onnx", "-o", "taken"},
                                      {"unpack", "model.qc", "-o", "taken"}};
  for (Args args : commands) {
    expect_refused(args, kFile, {"taken", "-f"});
    harness::write_file(file("taken"), "precious");
    args.emplace_back("-f");
    run_well(args);
    EXPECT_NE(harness::read_file(file("taken")), "precious") << command_line(args);
    harness::write_file(file("taken"), "precious");
  }
}

TEST_F(UsageTest, ExistingDefaultOutputIsKeptWithoutForce) {
  for (const char* name : {"model.pruned.onnx", "model.shared.onnx", "model.qc"}) {
    harness::write_file(file(name), "precious");
  }
  expect_refused({"prune", "--rate", "0.5", "model.onnx"}, kFile, {"model.pruned.onnx", "-f"});
  expect_refused({"share", "--bits", "4", "model.onnx"}, kFile, {"model.shared.onnx", "-f"});
  expect_refused({"pack", "model.onnx"}, kFile, {"model.qc", "-f"});
}

TEST_F(UsageTest, UnpackKeepsTheModelThatItWouldReplace) {
  pack_model();
  expect_refused({"unpack", "model.qc"}, kFile, {"model.onnx", "-f"});
}

TEST_F(UsageTest, InputIsNeverTheOutput) {
  pack_model();
  expect_refused({"prune", "--rate", "0.5", "model.onnx", "-o", "model.onnx", "-f"}, kUsage,
                 {"model.onnx"});
  expect_refused({"share", "--bits", "4", "model.onnx", "-o", "./model.onnx", "-f"}, kUsage,
                 {"model.onnx"});
  expect_refused({"pack", "model.onnx", "-o", "model.onnx", "-f"}, kUsage, {"model.onnx"});
  expect_refused({"unpack", "model.qc", "-o", "model.qc", "-f"}, kUsage, {"model.qc"});
}

TEST_F(UsageTest, OutputFolderMustExist) {
  pack_model();
  expect_refused({"prune", "--rate", "0.5", "model.onnx", "-o", "no/out.onnx"}, kFile,
                 {"no/out.onnx"});
  expect_refused({"pack", "model.onnx", "-o", "no/out.qc"}, kFile, {"no/out.qc"});
  expect_refused({"unpack", "model.qc", "-o", "no/out.onnx"}, kFile, {"no/out.onnx"});
}

TEST_F(UsageTest, OutputMayNotBeAFolder) {
  fs::create_directory(file("folder"));
  expect_refused({"pack", "model.onnx", "-o", "folder", "-f"}, kFile, {"folder"});
}

/// A model whose only tensor lies in another file.
std::string external_model(const std::string& location, const std::string& offset,
                           const std::string& length) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  onnx::TensorProto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name("w");
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  tensor.add_dims(4);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  const auto add = [&tensor](const std::string& key, const std::string& value) {
    onnx::StringStringEntryProto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  };
  add("location", location);
  add("offset", offset);
  add("length", length);
  return model.SerializeAsString();
}

TEST_F(UsageTest, MissingExternalDataIsNamed) {
  harness::write_file(file("split.onnx"), external_model("weights.bin", "0", "16"));
  expect_refused({"pack", "split.onnx"}, kFile, {"weights.bin"});
  expect_refused({"prune", "--rate", "0.5", "split.onnx"}, kFile, {"weights.bin"});
}

TEST_F(UsageTest, ExternalDataOutsideTheFolderIsRefused) {
  fs::create_directory(file("inner"));
  harness::write_file(file("weights.bin"), std::string(16, 'x'));
  const std::string absolute = file("weights.bin").string();
  for (const std::string& location : {std::string("../weights.bin"), absolute}) {
    harness::write_file(file("inner/split.onnx"), external_model(location, "0", "16"));
    expect_refused({"pack", "inner/split.onnx"}, kCorrupt, {"weights.bin"});
  }
}

TEST_F(UsageTest, ExternalDataPastTheEndIsRefused) {
  harness::write_file(file("weights.bin"), std::string(16, 'x'));
  for (const char* offset : {"4", "17", "18446744073709551600", "9223372036854775807"}) {
    harness::write_file(file("split.onnx"), external_model("weights.bin", offset, "16"));
    expect_refused({"pack", "split.onnx"}, kCorrupt, {"weights.bin"});
  }
}

TEST_F(UsageTest, QuietPrintsNothingOnSuccess) {
  const RunResult result = run_well({"pack", "model.onnx", "-q"});
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, IsEmpty());
}

TEST_F(UsageTest, OutputNameIsPrinted) {
  EXPECT_THAT(run_well({"prune", "--rate", "0.5", "model.onnx"}).out,
              HasSubstr("model.pruned.onnx"));
  EXPECT_THAT(run_well({"share", "--bits", "4", "model.pruned.onnx"}).out,
              HasSubstr("model.pruned.shared.onnx"));
  EXPECT_THAT(run_well({"pack", "model.pruned.shared.onnx"}).out,
              HasSubstr("model.pruned.shared.qc"));
  EXPECT_EQ(harness::list_files(folder_.path()),
            (Args{"model.onnx", "model.pruned.onnx", "model.pruned.shared.onnx",
                  "model.pruned.shared.qc"}));
}

TEST_F(UsageTest, InspectIndexTellsTheSameSizesWithoutDecoding) {
  pack_model();
  const auto whole = nlohmann::json::parse(run_well({"inspect", "--json", "model.qc"}).out);
  const auto index =
      nlohmann::json::parse(run_well({"inspect", "--index", "--json", "model.qc"}).out);
  EXPECT_EQ(index["totals"], whole["totals"]);
  ASSERT_EQ(index["tensors"].size(), whole["tensors"].size());
  for (std::size_t i = 0; i < index["tensors"].size(); ++i) {
    EXPECT_EQ(index["tensors"][i]["stored_bytes"], whole["tensors"][i]["stored_bytes"]);
    EXPECT_TRUE(index["tensors"][i]["nonzero"].is_null());
    EXPECT_FALSE(whole["tensors"][i]["nonzero"].is_null());
  }
}

TEST_F(UsageTest, NoEscapeSequencesWithoutATerminal) {
  const RunResult result = run_well({"inspect", "model.onnx"});
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace qc
