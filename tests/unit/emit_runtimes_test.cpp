// The table of runtimes, and models for compressors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "core/error.h"
#include "core/zeros.h"
#include "emit/compressible.h"
#include "emit/runtimes.h"
#include "model_builder.h"
#include "model_files.h"

namespace qc {
namespace {

using testing::Contains;
using testing::HasSubstr;

TEST(Runtimes, VersionsAreComparedByNumber) {
  EXPECT_TRUE(forms_for("onnxruntime")(kGapsForm));
  EXPECT_TRUE(forms_for("onnxruntime:1.20")(kGapsForm));
  EXPECT_TRUE(forms_for("onnxruntime:1.10.0")(kGapsForm));
  EXPECT_FALSE(forms_for("onnxruntime:1.9")(kGapsForm));
  EXPECT_TRUE(forms_for("onnxruntime:2")(kScaled4Form));
  EXPECT_FALSE(forms_for("onnxruntime:1.20")(kScaled4Form));
}

TEST(Runtimes, AnyIsWhatAllRun) {
  const auto any = forms_for("any");
  EXPECT_TRUE(any(kCodebookForm));
  EXPECT_FALSE(any(kGolombForm));
  EXPECT_THAT(runtime_names(), Contains("any"));
  for (const TensorForm& form : tensor_forms()) {
    bool all = true;
    for (const std::string& name : runtime_names()) all &= forms_for(name)(form);
    EXPECT_EQ(any(form), all) << form.name;
  }
}

// DequantizeLinear stays in its graphs, and gives other outputs there.
TEST(Runtimes, OnnxRuntimeGetsIntegersThatItFolds) {
  for (const char* target : {"onnxruntime", "onnxruntime-web", "any"}) {
    const auto allows = forms_for(target);
    EXPECT_TRUE(allows(kScaled8Form)) << target;
    for (const TensorForm* form : {&kInt2Form, &kInt4Form, &kInt8Form}) {
      EXPECT_FALSE(allows(*form)) << target << ' ' << form->name;
    }
  }
  EXPECT_TRUE(forms_for("openvino")(kInt8Form));
}

TEST(Runtimes, OthersAreRefused) {
  for (const char* target : {"", "onnx", "onnxruntime:", "onnxruntime:new", "onnxruntime:1.",
                             "any:1", "onnxruntime:-1", "onnxruntime:1.20:2"}) {
    EXPECT_THROW(forms_for(target), Error) << target;
  }
}

TEST(Compressible, SameValuesInFewerCompressedBytes) {
  test::ModelBuilder builder;
  // Random floats and few values take turns, some of them as numbers in fields of their own. Zeros
  // have random signs.
  std::vector<float> few = test::bell_values(3000, 1);
  for (float& value : few) value = value > 0.03F ? 0.25F : value < -0.02F ? -0.0F : 0.0F;
  for (const char* name : {"a", "b", "c"}) {
    builder.add_gemm(name, {50, 60}, few);
    builder.add_gemm(std::string(name) + "2", {60, 50}, test::bell_values(3000, 2));
  }
  onnx::GraphProto& graph = *builder.proto().mutable_graph();
  graph.add_output()->set_name(graph.node(5).output(0));
  onnx::TensorProto& tensor = *graph.mutable_initializer(0);
  tensor.clear_raw_data();
  for (const float value : few) tensor.add_float_data(value);
  const OnnxModel model = builder.open();
  const CompressibleModel made = make_compressible(model, 1);
  EXPECT_LT(made.after.brotli, made.before.brotli);
  EXPECT_EQ(made.after.brotli, compressed_sizes(made.model).brotli);
  EXPECT_EQ(made.before.zstd, compressed_sizes(model).zstd);
  ASSERT_EQ(made.model.tensors().size(), model.tensors().size());
  for (const TensorInfo& before : model.tensors()) {
    const TensorInfo after = test::find_tensor(made.model, before.name);
    EXPECT_EQ(after.storage, Storage::kRaw);
    const ByteView payload = model.payload(before);
    Bytes expected(payload.begin(), payload.end());
    make_zeros_positive(before.type, expected);
    const ByteView actual = made.model.payload(after);
    EXPECT_EQ(Bytes(actual.begin(), actual.end()), expected) << before.name;
  }
  EXPECT_THAT(made.notes, Contains(HasSubstr("negative zeros")));
}

}  // namespace
}  // namespace qc
