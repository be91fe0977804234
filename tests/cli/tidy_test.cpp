// Negative zeros, masks and short biases as a user of the program meets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "harness.h"

namespace qc {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kSide = 128;

// A thinned matrix: one weight in eight is kept, in a pattern that does not repeat.
std::vector<float> weights() {
  std::vector<float> values(static_cast<std::size_t>(kSide * kSide));
  std::uint64_t state = 1;
  for (float& value : values) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    value = static_cast<float>(static_cast<std::int64_t>(state) >> 40);
  }
  return values;
}

bool is_kept(std::size_t i) { return (i * 2654435761U >> 16) % 8 == 0; }

onnx::TensorProto& add_tensor(onnx::GraphProto& graph, const std::string& name,
                              const std::vector<std::int64_t>& dims,
                              const std::vector<float>& values) {
  onnx::TensorProto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t dim : dims) tensor.add_dims(dim);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor;
}

void add_value(onnx::ValueInfoProto& value, const std::string& name) {
  value.set_name(name);
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  type.mutable_shape()->add_dim()->set_dim_value(1);
  type.mutable_shape()->add_dim()->set_dim_value(kSide);
}

void add_node(onnx::GraphProto& graph, const std::string& op,
              const std::vector<std::string>& inputs, const std::string& output) {
  onnx::NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  for (const std::string& input : inputs) node.add_input(input);
  node.add_output(output);
}

class TidyCommand : public testing::Test {
 protected:
  TidyCommand() {
    options_.cwd = folder_.path();
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(13);
    add_value(*graph().add_input(), "x");
    add_value(*graph().add_output(), "y");
  }

  onnx::GraphProto& graph() { return *model_.mutable_graph(); }

  // As prune.remove leaves it: weights times a mask.
  void write_pruned(const std::string& name) {
    std::vector<float> values = weights();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= is_kept(i) ? 1.0F : 0.0F;
    add_tensor(graph(), "w", {kSide, kSide}, values);
    const std::vector<float> some = weights();
    add_tensor(graph(), "b", {kSide}, {some.begin(), some.begin() + kSide});
    add_node(graph(), "Gemm", {"x", "w", "b"}, "y");
    write(name);
  }

  // As it is before: the mask is in the graph.
  void write_masked(const std::string& name) {
    std::vector<float> mask(static_cast<std::size_t>(kSide * kSide));
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = is_kept(i) ? 1.0F : 0.0F;
    add_tensor(graph(), "w_orig", {kSide, kSide}, weights());
    add_tensor(graph(), "w_mask", {kSide, kSide}, mask);
    add_node(graph(), "Mul", {"w_orig", "w_mask"}, "masked");
    add_node(graph(), "MatMul", {"x", "masked"}, "y");
    write(name);
  }

  void write(const std::string& name) {
    harness::write_file(folder_ / name, model_.SerializeAsString());
  }

  harness::RunResult run(const std::vector<std::string>& args) const {
    return harness::run(args, options_);
  }

  std::string run_well(const std::vector<std::string>& args) const {
    const harness::RunResult result = run(args);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
    return result.out;
  }

  json run_json(std::vector<std::string> args) const {
    args.emplace_back("--json");
    return json::parse(run_well(args));
  }

  harness::TempDir folder_;
  harness::RunOptions options_;
  onnx::ModelProto model_;
};

TEST_F(TidyCommand, SavesWhatPackSaysThatSignsCost) {
  write_pruned("m.onnx");
  const json before = run_json({"pack", "m.onnx"});
  const std::int64_t count = before["negative_zeros"]["count"];
  const std::int64_t estimate = before["negative_zeros"]["estimated_bytes"];
  EXPECT_EQ(before["negative_zeros"]["removable"], count);
  EXPECT_NEAR(static_cast<double>(count), kSide * kSide * 7 / 16.0, 300);
  EXPECT_THAT(run_well({"pack", "m.onnx", "-f"}),
              HasSubstr("zeros are negative (-0.0), as masks leave them"));
  const harness::RunResult shown = run({"inspect", "m.onnx"});
  EXPECT_THAT(shown.err, HasSubstr("zeros are negative (-0.0)"));
  EXPECT_THAT(shown.out, HasSubstr("12.46")) << "per cent kept: a zero is a zero";

  const json tidied = run_json({"tidy", "m.onnx"});
  EXPECT_EQ(tidied["output"], "m.tidy.onnx");
  ASSERT_EQ(tidied["taken_out"].size(), 1U);
  EXPECT_EQ(tidied["taken_out"][0]["count"], count);
  EXPECT_EQ(tidied["taken_out"][0]["estimated_packed_bytes"], estimate);
  const json after = run_json({"pack", "m.tidy.onnx"});
  EXPECT_EQ(after["negative_zeros"]["count"], 0);
  const std::int64_t saved =
      before["packed_bytes"].get<std::int64_t>() - after["packed_bytes"].get<std::int64_t>();
  EXPECT_GE(saved, estimate * 9 / 10);
  // Layouts that leave zeros out save more than the signs.
  EXPECT_LE(saved, estimate * 3);
  EXPECT_THAT(run_well({"pack", "m.tidy.onnx", "-f"}), Not(HasSubstr("negative")));
  EXPECT_THAT(run({"inspect", "m.tidy.onnx"}).err, Not(HasSubstr("negative")));
}

TEST_F(TidyCommand, OneTensorIsToldByValue) {
  write_pruned("m.onnx");
  const json shown = run_json({"inspect", "m.onnx", "--tensor", "w"});
  const std::int64_t kept = shown["tensors"][0]["nonzero"];
  const std::int64_t negative = shown["tensors"][0]["negative_zeros"];
  const std::string text = run_well({"inspect", "m.onnx", "--tensor", "w"});
  EXPECT_THAT(text, HasSubstr(std::to_string(kept) + " of 16384 elements are not zero"));
  EXPECT_THAT(text, HasSubstr(std::to_string(negative) + " of the zeros are negative"));
  // The histogram shows as many.
  std::int64_t shown_values = 0;
  const std::size_t begin = text.find("values other than zero");
  std::istringstream lines(text.substr(text.find('\n', begin)));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t last = line.find_last_of(' ');
    if (last != std::string::npos) shown_values += std::stoll(line.substr(last));
  }
  EXPECT_EQ(shown_values, kept);
}

TEST_F(TidyCommand, FoldsMasksThatOtherCommandsPointAt) {
  write_masked("m.onnx");
  EXPECT_THAT(run({"inspect", "m.onnx"}).err, HasSubstr("qcompress tidy multiplies them out"));
  const harness::RunResult refused = run({"prune", "--rate", "0.95", "m.onnx"});
  EXPECT_EQ(refused.exit_code, 5);
  EXPECT_THAT(refused.err, HasSubstr("products of two tensors (Mul); `qcompress tidy` folds them"));
  const std::string text = run_well({"tidy", "m.onnx", "-v"});
  EXPECT_THAT(text, HasSubstr("products of two tensors (Mul): w = w_orig * w_mask"));
  EXPECT_THAT(text, HasSubstr("negative zeros"));
  EXPECT_THAT(text, HasSubstr("131 kB -> 65.6 kB"));
  run_well({"prune", "--rate", "0.95", "m.tidy.onnx"});
  EXPECT_THAT(run_well({"tidy", "m.tidy.onnx", "-o", "again.onnx"}),
              HasSubstr("nothing to change"));
  EXPECT_EQ(harness::read_file(folder_ / "again.onnx"),
            harness::read_file(folder_ / "m.tidy.onnx"));
}

TEST_F(TidyCommand, IsAStepOfRecipes) {
  write_masked("m.onnx");
  harness::write_file(folder_ / "r.toml",
                      "[[step]]\ndo = \"tidy\"\nkeep = [\"docs\"]\n"
                      "[[step]]\ndo = \"prune\"\nrate = 0.95\n"
                      "[[step]]\ndo = \"share\"\nbits = 4\nbiases = 5\n");
  const json document = run_json({"run", "r.toml", "m.onnx", "-o", "m.qc"});
  ASSERT_EQ(document["steps"].size(), 3U);
  EXPECT_EQ(document["steps"][0]["step"], "tidy");
  EXPECT_EQ(document["steps"][0]["epochs"], 0);
  EXPECT_EQ(document["steps"][1]["nonzero"], 820);
  EXPECT_THAT(run({"tidy", "m.onnx", "--epochs", "3"}).err, HasSubstr("--epochs"));
  EXPECT_EQ(run({"tidy", "m.onnx", "--keep", "all"}).exit_code, 2);
}

TEST_F(TidyCommand, ShareTellsTheErrorOfBiases) {
  write_pruned("m.onnx");
  const json shared = run_json({"share", "m.onnx", "--biases", "4"});
  ASSERT_EQ(shared["changed"].size(), 1U);
  EXPECT_EQ(shared["changed"][0]["name"], "b");
  EXPECT_GT(shared["changed"][0]["rmse"], 0);
  EXPECT_THAT(run({"share", "m.onnx", "-f"}).err, HasSubstr("--biases"));
}

}  // namespace
}  // namespace qc
