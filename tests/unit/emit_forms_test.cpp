// Every form of every kind of tensor is decoded to the bits that it was made from.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "emit/digits.h"
#include "emit/export_model.h"
#include "model_builder.h"
#include "model_files.h"
#include "small_runtime.h"
#include "test_tensors.h"

namespace qc {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// A model that multiplies with a tensor "w", whatever its shape.
OnnxModel model_of(DataType type, const std::vector<std::int64_t>& dims, ByteView elements,
                   std::int64_t opset = 25) {
  test::ModelBuilder builder;
  builder.add_initializer("w", type, dims, elements);
  const char* op = dims.size() == 4 ? "Conv" : dims.size() == 2 ? "Gemm" : "Mul";
  builder.add_node(op, {"w"});
  builder.set_opset(opset);
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  graph.add_output()->set_name(graph.node(0).output(0));
  return builder.open();
}

ExportedModel exported_as(const OnnxModel& model, const TensorForm& form) {
  return export_model(model, {.family = form.families.front(), .allows = [&](const auto& other) {
                                return other.name == form.name;
                              }});
}

Bytes decoded(const OnnxModel& model) { return test::run_constants(model).at("w").bytes; }

std::uint64_t bytes_of(const std::vector<ExportedTensor>& tensors,
                       std::uint64_t ExportedTensor::*which) {
  std::uint64_t sum = 0;
  for (const ExportedTensor& tensor : tensors) sum += tensor.*which;
  return sum;
}

TEST(EmitForms, EveryFormGivesTheSameBits) {
  const std::vector<std::vector<std::int64_t>> shapes = {
      {2}, {1000}, {33, 31}, {40, 50}, {7, 9, 11}, {16, 8, 3, 3}, {5, 3, 2, 4, 7}};
  std::map<std::string_view, int> uses;
  for (const DataType type :
       {DataType::kFloat, DataType::kFloat16, DataType::kBfloat16, DataType::kDouble}) {
    for (std::size_t pattern = 0; pattern < test::kPatternCount; ++pattern) {
      for (const auto& dims : shapes) {
        const test::TestTensor tensor = test::make_tensor(
            static_cast<test::Pattern>(pattern), element_of(type), element_count(dims).value_or(0),
            pattern + dims.size(), channel_map(dims, dims.size() == 2 ? 1 : 0));
        const OnnxModel model = model_of(type, dims, tensor.data);
        for (const TensorForm& form : tensor_forms()) {
          SCOPED_TRACE(fmt::format("{} {} pattern {} as {}", data_type_name(type), shape_text(dims),
                                   pattern, form.name));
          const ExportedModel exported = exported_as(model, form);
          if (exported.tensors.at(0).form == kPlainForm) continue;
          ++uses[form.name];
          EXPECT_EQ(decoded(exported.model), tensor.data);
          // But for the length of the graph, which may take a byte or two less.
          const auto saved = model.total_size() - exported.model.total_size();
          EXPECT_GE(saved, bytes_of(exported.tensors, &ExportedTensor::bytes_before) -
                               bytes_of(exported.tensors, &ExportedTensor::bytes));
          EXPECT_LE(saved, 2 + bytes_of(exported.tensors, &ExportedTensor::bytes_before) -
                               bytes_of(exported.tensors, &ExportedTensor::bytes));
        }
      }
    }
  }
  for (const TensorForm& form : tensor_forms()) EXPECT_GT(uses[form.name], 0) << form.name;
}

TEST(EmitForms, DigitsComeBackFromEveryPacking) {
  for (const std::uint32_t radix : {2U, 3U, 5U, 16U, 17U, 33U, 243U, 257U, 65536U}) {
    for (const Packing& packing : packings(radix)) {
      for (const std::size_t count : {1U, 2U, 34U, 35U, 36U, 240U}) {
        Digits digits(count);
        for (std::size_t i = 0; i < count; ++i) {
          digits[i] = i % 3 == 0 ? radix - 1 : static_cast<std::uint32_t>(i * 7919 % radix);
        }
        const Bytes bytes = pack_digits(digits, packing);
        ASSERT_EQ(bytes.size(), packing.size(count));
        Digits back;
        for (std::size_t begin = 0; begin < bytes.size(); begin += packing.bytes) {
          std::uint64_t group = 0;
          for (unsigned i = 0; i < packing.bytes; ++i) group = group << 8 | bytes[begin + i];
          Digits reversed;
          for (unsigned i = 0; i < packing.digits; ++i, group /= radix) {
            reversed.push_back(static_cast<std::uint32_t>(group % radix));
          }
          back.insert(back.end(), reversed.rbegin(), reversed.rend());
        }
        back.resize(count);
        EXPECT_EQ(back, digits) << radix << ' ' << packing.bytes;
      }
    }
  }
}

// A pruned and shared tensor: one in eight not zero, of 31 values.
std::vector<float> shared_values(std::size_t count, std::uint64_t seed) {
  const std::vector<float> bell = test::bell_values(count, seed);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (std::abs(bell[i]) > 0.077F) values[i] = std::round(bell[i] * 160) / 200;
  }
  return values;
}

class ExportModel : public testing::Test {
 protected:
  ExportModel() {
    const std::vector<float> values = shared_values(40000, 1);
    builder_.add_gemm("a", {200, 200}, values);
    builder_.add_gemm("b", {200, 200}, shared_values(40000, 2));
    onnx::GraphProto& graph = *builder_.proto().mutable_graph();
    graph.add_output()->set_name(graph.node(1).output(0));
  }

  onnx::GraphProto& graph() { return *builder_.proto().mutable_graph(); }
  static const ExportedTensor& find(const ExportedModel& exported, const std::string& name) {
    return *std::ranges::find(exported.tensors, name, &ExportedTensor::name);
  }

  test::ModelBuilder builder_;
};

TEST_F(ExportModel, NamesStayAndNewOnesDiffer) {
  // The shortest names are taken by values of the model.
  graph().mutable_node(0)->set_output(0, "c");
  graph().mutable_node(1)->set_input(0, "c");
  const OnnxModel model = builder_.open();
  const ExportedModel exported = export_model(model, {});
  const onnx::ModelProto after = test::parse(exported.model);
  std::set<std::string> names;
  for (const auto& each : after.graph().initializer())
    EXPECT_TRUE(names.insert(each.name()).second);
  for (const auto& node : after.graph().node()) {
    for (const auto& output : node.output()) EXPECT_TRUE(names.insert(output).second) << output;
  }
  for (const char* name : {"a.weight", "a.bias", "b.weight", "b.bias", "c"}) {
    EXPECT_THAT(names, Contains(name));
  }
  EXPECT_EQ(after.graph().input(0).name(), "x");
  const auto constants = test::run_constants(exported.model);
  for (const TensorInfo& tensor : model.tensors()) {
    const ByteView payload = model.payload(tensor);
    EXPECT_EQ(constants.at(tensor.name).bytes, Bytes(payload.begin(), payload.end()));
  }
  EXPECT_LT(exported.model.total_size() * 8, model.total_size());
}

TEST_F(ExportModel, ConstantsAreThereOnce) {
  const OnnxModel exported = export_model(builder_.open(), {}).model;
  std::set<std::string> seen;
  const onnx::ModelProto after = test::parse(exported);
  for (const auto& each : after.graph().initializer()) {
    if (each.data_type() != onnx::TensorProto::INT64 &&
        each.data_type() != onnx::TensorProto::INT32)
      continue;
    std::string key = each.raw_data() + '/' + std::to_string(each.data_type());
    for (const auto dim : each.dims()) key += '/' + std::to_string(dim);
    EXPECT_TRUE(seen.insert(key).second) << each.name();
  }
  EXPECT_THAT(seen, Not(IsEmpty()));
}

TEST_F(ExportModel, InputsOfOldModelsAreNoInputsAnyMore) {
  onnx::ValueInfoProto& input = *graph().add_input();
  input.set_name("a.weight");
  onnx::ValueInfoProto& bias = *graph().add_input();
  bias.set_name("a.bias");
  builder_.proto().set_ir_version(3);
  const ExportedModel exported = export_model(builder_.open(), {});
  EXPECT_THAT(exported.notes, Contains(HasSubstr("1 weights are no inputs")));
  const OnnxModel& old = exported.model;
  EXPECT_EQ(old.graph()->main.inputs.size(), 1U);
  const onnx::ModelProto after = test::parse(old);
  std::set<std::string> inputs;
  for (const auto& each : after.graph().input()) inputs.insert(each.name());
  EXPECT_THAT(inputs, Not(Contains("a.weight")));
  // Whatever is an initializer still is an input, and nothing else is an initializer.
  EXPECT_THAT(inputs, Contains("a.bias"));
  for (const auto& each : after.graph().initializer()) {
    EXPECT_FALSE(each.name().size() < 3) << each.name();
  }

  builder_.proto().set_ir_version(7);
  const ExportedModel kept = export_model(builder_.open(), {});
  EXPECT_EQ(find(kept, "a.weight").form, kPlainForm);
  EXPECT_THAT(find(kept, "a.weight").reason, HasSubstr("an input"));
  EXPECT_NE(find(kept, "b.weight").form, kPlainForm);
}

TEST_F(ExportModel, OutputsAndUnusedTensorsStay) {
  graph().add_output()->set_name("a.weight");
  builder_.add_floats("unused", {200, 200}, shared_values(40000, 3));
  const ExportedModel exported = export_model(builder_.open(), {});
  EXPECT_EQ(find(exported, "a.weight").form, kPlainForm);
  EXPECT_EQ(find(exported, "unused").form, kPlainForm);
  EXPECT_NE(find(exported, "b.weight").form, kPlainForm);
}

TEST_F(ExportModel, SubgraphsDecodeTheirOwnTensors) {
  onnx::NodeProto& node = test::add_node(graph(), "If", {"condition"}, "chosen");
  for (const char* branch : {"then_branch", "else_branch"}) {
    onnx::GraphProto& inner =
        *test::add_attribute(node, branch, onnx::AttributeProto::GRAPH).mutable_g();
    inner.set_name(branch);
    const Bytes bytes = test::encode(DataType::kFloat, shared_values(4000, 5));
    test::set_raw(*inner.add_initializer(), std::string(branch) + ".w", onnx::TensorProto::FLOAT,
                  {40, 100}, bytes);
    test::add_node(inner, "Mul", {"x", std::string(branch) + ".w"}, "result");
    inner.add_output()->set_name("result");
  }
  graph().add_output()->set_name("chosen");
  const ExportedModel exported = export_model(builder_.open(), {});
  EXPECT_NE(find(exported, "then_branch.w").form, kPlainForm);
  const onnx::ModelProto after = test::parse(exported.model);
  const onnx::GraphProto& inner =
      after.graph().node(after.graph().node_size() - 1).attribute(0).g();
  std::set<std::string> made;
  for (const auto& each : inner.node()) made.insert(each.output(0));
  EXPECT_THAT(made, Contains("then_branch.w"));
}

TEST_F(ExportModel, OldVersionsAreRaisedWhereNothingChanges) {
  builder_.set_opset(9);
  const ExportedModel exported = export_model(builder_.open(), {});
  EXPECT_EQ(exported.model.graph()->opset(), 11);
  EXPECT_THAT(exported.notes, SizeIs(1));
  test::add_node(graph(), "Clip", {graph().output(0).name()}, "clipped");
  const ExportedModel kept = export_model(builder_.open(), {});
  EXPECT_EQ(kept.model.graph()->opset(), 9);
  EXPECT_THAT(kept.notes.at(0), HasSubstr("Clip 'clipped'"));
  EXPECT_EQ(find(kept, "a.weight").form, kCodebookForm.name);
  builder_.set_opset(6);
  EXPECT_THROW(export_model(builder_.open(), {}), Error);
}

}  // namespace
}  // namespace qc
