#include "node_cases.h"

namespace qc::test {
namespace {

using Nodes = std::vector<NodeCase>;

const char* const kMicrosoft = "com.microsoft";

HostTensor image() { return floats({2, 4, 7, 6}); }
HostTensor quantized_scale() { return float_values({}, {0.05F}); }
HostTensor uint8_zero(std::uint8_t value) { return {DataType::kUint8, {}, {value}}; }
HostTensor booleans(const std::vector<std::uint8_t>& values) {
  return {DataType::kBool, {static_cast<std::int64_t>(values.size())}, values};
}
const HostTensor kNone;

Nodes activations() {
  const HostTensor x = floats({2, 3, 4});
  return {
      {"Mish", 18, {x}},
      {"Gelu", 20, {x}},
      {"Gelu", 20, {x}, {attribute("approximate", "tanh")}},
      {"Gelu", 1, {x}, {}, 1, kMicrosoft},
      {"QuickGelu", 1, {x}, {}, 1, kMicrosoft},
      {"FastGelu", 1, {x, floats({4})}, {}, 1, kMicrosoft},
      {"BiasGelu", 1, {x, floats({4})}, {}, 1, kMicrosoft},
      {"Softmax", 11, {x}, {attribute("axis", 2)}},
      {"Softmax", 11, {x}, {attribute("axis", 1)}},
      {"LogSoftmax", 12, {x}, {attribute("axis", -1)}},
      {"Hardmax", 11, {x}, {attribute("axis", 1)}},
      {"PRelu", 16, {x, floats({3, 1})}},
      {"Celu", 12, {x}, {attribute("alpha", 0.3F)}},
      {"ThresholdedRelu", 10, {x}, {attribute("alpha", 0.2F)}},
      {"Shrink", 9, {x}, {attribute("lambd", 0.2F), attribute("bias", 0.1F)}},
      {"HardSwish", 14, {x}},
      {"Clip", 6, {x}, {attribute("min", -0.2F)}},
      {"Clip", 13, {x, kNone, float_values({}, {0.4F})}},
  };
}

Nodes arithmetic() {
  const HostTensor numbers = int64s({4}, {-7, 7, -8, 5});
  return {
      {"Pow", 15, {floats({4}), int64s({4}, {2, 3, 0, -1})}},
      {"Pow", 15, {numbers, int64s({}, {3})}},
      {"Pow", 15, {numbers, float_values({}, {2})}},
      {"Mod", 13, {numbers, int64s({4}, {3, -3, 3, -3})}},
      {"Mod", 13, {numbers, int64s({4}, {3, -3, 3, -3})}, {attribute("fmod", 1)}},
      {"Div", 13, {numbers, int64s({4}, {3, -3, 3, -3})}},
      {"BitwiseAnd", 18, {numbers, int64s({}, {6})}},
      {"BitwiseXor", 18, {numbers, int64s({}, {6})}},
      {"BitwiseOr", 18, {numbers, int64s({}, {6})}},
      {"BitwiseNot", 18, {numbers}},
      {"Max", 13, {floats({3, 1}), floats({2}), floats({})}},
      {"Mean", 13, {floats({3, 1}), floats({2}), floats({})}},
      {"Round", 11, {float_values({6}, {-2.5F, -1.5F, -0.5F, 0.5F, 1.5F, 2.5F})}},
      {"Einsum", 12, {floats({2, 3}), floats({3, 4})}, {attribute("equation", "ij,jk->ki")}},
      {"Gemm",
       13,
       {floats({3, 2}), floats({4, 3}), floats({4})},
       {attribute("transA", 1), attribute("transB", 1), attribute("alpha", 0.5F),
        attribute("beta", 2.0F)}},
  };
}

Nodes reductions() {
  const HostTensor x = floats({2, 3, 4});
  const HostTensor axes = int64s({2}, {0, -1});
  const HostTensor ties = float_values({8}, {3, 1, 3, 2, 3, 1, 2, 2});
  return {
      {"ReduceMean", 18, {x, axes}},
      {"ReduceMax", 18, {x, axes}, {attribute("keepdims", 0)}},
      {"ReduceMin", 20, {x, axes}},
      {"ReduceProd", 18, {x, axes}, {attribute("keepdims", 0)}},
      {"ReduceLogSumExp", 18, {x, axes}},
      {"ReduceL1", 18, {x}},
      {"ReduceL2", 11, {x}, {int_list("axes", {1})}},
      {"ReduceSumSquare", 18, {x, axes}},
      {"ReduceSum", 13, {x, int64s({0}, {})}, {attribute("noop_with_empty_axes", 1)}},
      {"ReduceSum", 13, {int32s({2, 2}, {1, 2, 3, 4}), int64s({1}, {0})}},
      {"ArgMax", 13, {ties}, {attribute("select_last_index", 1)}},
      {"ArgMin", 13, {ties}, {attribute("keepdims", 0)}},
      {"TopK", 11, {ties, int64s({1}, {5})}, {}, 2},
      {"TopK", 11, {ties, int64s({1}, {5})}, {attribute("largest", 0)}, 2},
      {"CumSum", 14, {x, int64s({}, {1})}, {attribute("exclusive", 1), attribute("reverse", 1)}},
  };
}

Nodes shapes() {
  const HostTensor x = floats({2, 3, 5});
  const HostTensor pads = int64s({4}, {1, 2, 2, 1});
  const HostTensor axes = int64s({2}, {1, 2});
  return {
      {"Split", 18, {x}, {attribute("num_outputs", 2), attribute("axis", 2)}, 2},
      {"Split", 11, {x}, {int_list("split", {1, 4}), attribute("axis", 2)}, 2},
      {"Pad", 19, {x, pads, kNone, axes}, {attribute("mode", "wrap")}},
      {"Pad", 18, {x, pads, kNone, axes}, {attribute("mode", "reflect")}},
      {"Pad", 18, {x, pads, kNone, axes}, {attribute("mode", "edge")}},
      {"Pad", 18, {x, pads, float_values({}, {3}), axes}},
      {"Pad", 13, {x, int64s({6}, {0, -1, 2, 1, 0, -3})}},
      {"Pad", 2, {x}, {int_list("pads", {0, 1, 2, 0, 0, 1}), attribute("value", 2.0F)}},
      {"Slice",
       13,
       {x, int64s({2}, {-1, 100}), int64s({2}, {0, -100}), int64s({2}, {1, 2}),
        int64s({2}, {-1, -2})}},
      {"Slice",
       1,
       {x},
       {int_list("starts", {1, -3}), int_list("ends", {100, -1}), int_list("axes", {1, 2})}},
      {"Gather", 13, {x, int64s({2, 2}, {-1, 0, 1, -3})}, {attribute("axis", 1)}},
      {"GatherND", 13, {x, int64s({2, 1}, {-1, 0})}, {attribute("batch_dims", 1)}},
      {"GatherElements",
       13,
       {x, int64s({2, 1, 5}, {0, -1, 1, 2, 0, 1, 1, 0, -2, 2})},
       {attribute("axis", 1)}},
      {"ScatterElements",
       18,
       {floats({4}), int64s({3}, {1, -1, 1}), floats({3})},
       {attribute("reduction", "max")}},
      {"ScatterElements",
       18,
       {floats({4}), int64s({3}, {1, -1, 1}), floats({3})},
       {attribute("reduction", "mul")}},
      {"ScatterND",
       18,
       {x, int64s({2, 1}, {1, 1}), floats({2, 3, 5})},
       {attribute("reduction", "add")}},
      {"ScatterND",
       18,
       {x, int64s({2, 1}, {1, 1}), floats({2, 3, 5})},
       {attribute("reduction", "min")}},
      {"Trilu", 14, {x, int64s({}, {-1})}, {attribute("upper", 0)}},
      {"Unique", 11, {float_values({6}, {2, 1, 1, 3, 4, 3})}, {attribute("sorted", 0)}, 4},
      {"OneHot",
       11,
       {int64s({2, 2}, {0, -1, 7, 2}), int64s({}, {3}), floats({2})},
       {attribute("axis", 1)}},
      {"Range", 11, {float_values({}, {0.1F}), float_values({}, {1}), float_values({}, {0.3F})}},
      {"DepthToSpace",
       13,
       {floats({1, 8, 2, 3})},
       {attribute("blocksize", 2), attribute("mode", "CRD")}},
      {"ReverseSequence", 10, {floats({4, 3, 2}), int64s({3}, {4, 1, 2})}},
      {"Compress", 11, {x, booleans({1, 0, 1})}, {attribute("axis", 2)}},
      {"EyeLike", 9, {floats({3, 4})}, {attribute("k", -1)}},
      {"Flatten", 13, {x}, {attribute("axis", -1)}},
      {"Shape", 15, {x}, {attribute("start", -2)}},
  };
}

Nodes pooling() {
  const HostTensor x = image();
  const HostTensor line = floats({1, 3, 9});
  const HostTensor volume = floats({1, 2, 5, 6, 7});
  const auto kernel = int_list("kernel_shape", {3, 3});
  const auto strides = int_list("strides", {2, 2});
  const auto pads = int_list("pads", {0, 1, 1, 0});
  const auto ceil = attribute("ceil_mode", 1);
  return {
      {"MaxPool", 12, {x}, {kernel, strides, ceil}},
      {"MaxPool", 12, {x}, {kernel, strides, pads, int_list("dilations", {2, 1})}},
      {"MaxPool", 12, {x}, {kernel, strides, pads}, 2},
      {"MaxPool", 12, {x}, {kernel, strides, attribute("storage_order", 1)}, 2},
      {"MaxPool", 12, {x}, {kernel, strides, attribute("auto_pad", "SAME_LOWER")}},
      {"MaxPool", 12, {uint8s({1, 2, 5, 5})}, {kernel, strides}},
      {"MaxPool", 12, {line}, {int_list("kernel_shape", {4}), int_list("strides", {3}), ceil}, 2},
      {"MaxPool", 12, {volume}, {int_list("kernel_shape", {2, 3, 2}), ceil}, 2},
      {"AveragePool", 11, {x}, {kernel, strides, ceil}},
      {"AveragePool", 11, {x}, {kernel, strides, pads}},
      {"AveragePool", 11, {x}, {kernel, strides, pads, attribute("count_include_pad", 1)}},
      {"AveragePool", 11, {x}, {kernel, strides, attribute("auto_pad", "SAME_UPPER")}},
      {"AveragePool", 19, {x}, {kernel, pads, int_list("dilations", {2, 1})}},
      {"AveragePool", 11, {line}, {int_list("kernel_shape", {4}), int_list("pads", {1, 1})}},
      {"AveragePool", 11, {volume}, {int_list("kernel_shape", {2, 3, 2})}},
      {"LpPool", 11, {x}, {kernel, strides, attribute("p", 1)}},
      {"LpPool", 18, {x}, {kernel, strides, pads, attribute("p", 3)}},
      {"GlobalMaxPool", 1, {volume}},
      {"GlobalAveragePool", 1, {line}},
      {"GlobalLpPool", 2, {x}},
      {"MaxUnpool",
       11,
       {floats({1, 1, 2, 2}), int64s({1, 1, 2, 2}, {1, 3, 10, 12})},
       {int_list("kernel_shape", {2, 2}), strides}},
  };
}

Nodes convolutions() {
  const HostTensor x = image();
  const HostTensor w = floats({6, 2, 3, 3});
  const auto group = attribute("group", 2);
  const auto strides = int_list("strides", {2, 3});
  const HostTensor t = floats({4, 3, 3, 3});  // for ConvTranspose
  return {
      {"Conv", 11, {x, w, floats({6})}, {group, strides, int_list("pads", {0, 1, 2, 0})}},
      {"Conv", 11, {x, w}, {group, attribute("auto_pad", "SAME_LOWER"), strides}},
      {"Conv", 11, {x, w}, {group, attribute("auto_pad", "SAME_UPPER"), strides}},
      {"Conv", 11, {x, w}, {group, attribute("auto_pad", "VALID"), int_list("dilations", {2, 1})}},
      {"Conv", 11, {floats({1, 2, 9}), floats({3, 2, 4})}, {int_list("pads", {2, 1})}},
      {"Conv", 11, {floats({1, 2, 5, 6, 7}), floats({3, 2, 2, 3, 2})}},
      {"FusedConv", 1, {x, w}, {group, attribute("activation", "Relu")}, 1, kMicrosoft},
      {"ConvTranspose", 11, {x, t, floats({6})}, {group, strides, int_list("pads", {0, 1, 2, 1})}},
      {"ConvTranspose", 11, {x, t}, {group, strides, int_list("output_padding", {1, 2})}},
      {"ConvTranspose", 11, {x, t}, {strides, int_list("dilations", {2, 1})}},
      {"ConvTranspose", 11, {x, t}, {strides, attribute("auto_pad", "SAME_UPPER")}},
      {"ConvTranspose", 11, {x, t}, {strides, attribute("auto_pad", "SAME_LOWER")}},
      {"ConvTranspose", 11, {x, t}, {strides, int_list("output_shape", {14, 17})}},
      {"ConvTranspose", 11, {floats({1, 2, 5}), floats({2, 3, 4})}, {int_list("strides", {3})}},
      {"ConvTranspose",
       11,
       {floats({1, 2, 3, 4, 5}), floats({2, 3, 2, 3, 2})},
       {int_list("strides", {2, 1, 2})}},
  };
}

Nodes normalizations() {
  const HostTensor x = image();
  const HostTensor c = floats({4});
  const HostTensor variance = float_values({4}, {0.5F, 1, 2, 0.1F});
  const HostTensor rows = floats({2, 3, 8});
  return {
      {"LayerNormalization", 17, {rows, floats({8}), floats({8})}, {}},
      {"LayerNormalization", 17, {rows, floats({3, 8}), floats({3, 8})}, {attribute("axis", 1)}, 3},
      {"GroupNormalization", 21, {x, c, c}, {attribute("num_groups", 2)}},
      {"InstanceNormalization", 6, {x, c, c}},
      {"LpNormalization", 1, {x}, {attribute("p", 1), attribute("axis", 1)}},
      {"LpNormalization", 1, {x}},
      {"LRN", 13, {x}, {attribute("size", 3), attribute("alpha", 0.5F), attribute("bias", 2.0F)}},
      {"LRN", 13, {x}, {attribute("size", 5), attribute("beta", 0.5F)}},
      {"MeanVarianceNormalization", 13, {x}},
      {"BatchNormalization", 15, {x, c, c, c, variance}, {attribute("epsilon", 0.01F)}},
      {"BatchNormalization", 9, {floats({3, 4}), c, c, c, variance}},
      {"SkipLayerNormalization",
       1,
       {rows, floats({2, 3, 8}), floats({8}), floats({8}), floats({8})},
       {},
       1,
       kMicrosoft},
  };
}

Nodes recurrent() {
  const HostTensor x = floats({5, 3, 4});
  const HostTensor lengths = int32s({3}, {5, 2, 4});
  const HostTensor state = floats({2, 3, 6});
  const auto size = attribute("hidden_size", 6);
  const auto both = attribute("direction", "bidirectional");
  const HostTensor w4 = floats({2, 24, 4});
  const HostTensor r4 = floats({2, 24, 6});
  const HostTensor w3 = floats({2, 18, 4});
  const HostTensor r3 = floats({2, 18, 6});
  return {
      {"LSTM",
       7,
       {x, w4, r4, floats({2, 48}), lengths, state, state, floats({2, 18})},
       {size, both},
       3},
      {"LSTM", 14, {x, w4, r4}, {size, both}, 3},
      {"LSTM",
       7,
       {x, floats({1, 24, 4}), floats({1, 24, 6}), floats({1, 48}), lengths},
       {size, attribute("direction", "reverse")},
       3},
      {"LSTM",
       7,
       {x, floats({1, 24, 4}), floats({1, 24, 6})},
       {size, string_list("activations", {"Sigmoid", "Relu", "Tanh"})},
       3},
      {"GRU", 7, {x, w3, r3, floats({2, 36}), lengths, state}, {size, both}, 2},
      {"GRU",
       7,
       {x, w3, r3, floats({2, 36}), lengths, state},
       {size, both, attribute("linear_before_reset", 1)},
       2},
      {"RNN",
       7,
       {x, floats({2, 6, 4}), floats({2, 6, 6}), floats({2, 12}), lengths, state},
       {size, both, string_list("activations", {"Relu", "Tanh"})},
       2},
  };
}

Nodes quantization() {
  const HostTensor scale = quantized_scale();
  const HostTensor x = uint8s({1, 4, 5, 5});
  const HostTensor w = int8s({6, 4, 3, 3});
  const HostTensor scales = float_values({6}, {0.01F, 0.02F, 0.03F, 0.02F, 0.01F, 0.05F});
  const HostTensor int8_zeros{DataType::kInt8, {6}, Bytes(6)};
  const HostTensor int8_zero{DataType::kInt8, {}, Bytes(1)};
  const HostTensor bias = int32s({6}, {100, -200, 300, 0, 50, -70});
  const auto pads = int_list("pads", {1, 1, 0, 1});
  const HostTensor a = uint8s({3, 4});
  const HostTensor b = uint8s({4, 5});
  return {
      {"QuantizeLinear", 13, {floats({4, 6}), scales, int8_zeros}},
      {"QuantizeLinear",
       10,
       {float_values({4}, {0.025F, 0.075F, -0.025F, 100}), scale, uint8_zero(3)}},
      {"DequantizeLinear", 13, {int8s({6, 4}), scales, int8_zeros}, {attribute("axis", 0)}},
      {"DequantizeLinear", 13, {bias, scale}},
      {"DynamicQuantizeLinear", 11, {floats({3, 7})}, {}, 3},
      {"QLinearConv",
       10,
       {x, scale, uint8_zero(120), w, scales, int8_zeros, float_values({}, {0.9F}), uint8_zero(128),
        bias},
       {pads}},
      {"QLinearMatMul",
       10,
       {a, scale, uint8_zero(9), b, scale, uint8_zero(7), float_values({}, {2}), uint8_zero(2)}},
      {"ConvInteger", 10, {x, uint8s({3, 4, 2, 2}), uint8_zero(100), uint8_zero(5)}, {pads}},
      {"MatMulInteger", 10, {a, b, uint8_zero(10), uint8_zero(20)}},
      {"MatMulInteger", 10, {a, int8s({4, 5}), uint8_zero(10), int8_zero}},
      {"QLinearAdd",
       1,
       {a, scale, uint8_zero(10), uint8s({4}), float_values({}, {0.031F}), uint8_zero(5),
        float_values({}, {0.07F}), uint8_zero(30)},
       {},
       1,
       kMicrosoft},
      {"QLinearMul",
       1,
       {a, scale, uint8_zero(10), uint8s({4}), float_values({}, {0.031F}), uint8_zero(5),
        float_values({}, {0.7F}), uint8_zero(30)},
       {},
       1,
       kMicrosoft},
  };
}

Nodes resizing() {
  const HostTensor x = floats({1, 2, 4, 6});
  const HostTensor up = float_values({4}, {1, 1, 2, 1.5F});
  const HostTensor down = float_values({4}, {1, 1, 0.5F, 0.75F});
  const HostTensor sizes = int64s({4}, {1, 2, 7, 5});
  const auto linear = attribute("mode", "linear");
  const auto cubic = attribute("mode", "cubic");
  const auto transform = [](const char* name) {
    return attribute("coordinate_transformation_mode", name);
  };
  Nodes nodes = {
      {"Upsample", 9, {x, float_values({4}, {1, 1, 2, 3})}},
      {"Upsample", 9, {x, float_values({4}, {1, 1, 2, 3})}, {linear}},
      {"Upsample", 7, {x}, {linear, float_list("scales", {1, 1, 2, 2})}},
      {"Resize", 10, {x, float_values({4}, {1, 1, 2, 2})}, {linear}},
      {"Resize", 10, {x, float_values({4}, {1, 1, 2, 2})}},
      {"Resize", 18, {x, kNone, float_values({2}, {2, 2})}, {int_list("axes", {2, 3})}},
      {"Resize", 19, {x, kNone, up}, {linear, transform("half_pixel_symmetric")}},
      {"Resize", 13, {x, kNone, down}, {cubic, attribute("exclude_outside", 1)}},
      {"Resize", 13, {x, kNone, up}, {cubic, attribute("cubic_coeff_a", -0.5F)}},
      {"Resize",
       13,
       {x, float_values({8}, {0, 0, 0.2F, 0.3F, 1, 1, 0.7F, 1.3F}), kNone, sizes},
       {linear, transform("tf_crop_and_resize"), attribute("extrapolation_value", 9.0F)}},
  };
  for (const char* name : {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
    for (const char* mode : {"nearest", "linear", "cubic"}) {
      nodes.push_back(
          {"Resize", 13, {x, kNone, kNone, sizes}, {attribute("mode", mode), transform(name)}});
    }
    nodes.push_back({"Resize", 13, {x, kNone, up}, {linear, transform(name)}});
  }
  for (const char* nearest : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
    const auto rounding = attribute("nearest_mode", nearest);
    nodes.push_back({"Resize", 13, {x, kNone, up}, {rounding}});
    nodes.push_back({"Resize", 13, {x, kNone, down}, {rounding, transform("asymmetric")}});
  }
  return nodes;
}

Nodes others() {
  const HostTensor x = floats({2, 3, 5, 6});
  const HostTensor grid = floats({2, 4, 3, 2});
  const HostTensor regions = float_values({2, 4}, {0, 0, 4, 3, 1.5F, 0.5F, 3, 4.5F});
  const auto pooled =
      std::vector<onnx::AttributeProto>{attribute("output_height", 2), attribute("output_width", 3),
                                        attribute("spatial_scale", 0.9F)};
  Nodes nodes = {
      {"RoiAlign", 10, {x, regions, int64s({2}, {1, 0})}, pooled},
      {"RoiAlign", 16, {x, regions, int64s({2}, {1, 0})}, pooled},
      {"NonMaxSuppression",
       11,
       {float_values({1, 4, 4}, {0, 0, 1, 1, 0, 0.1F, 1, 1.1F, 1, 1, 0, 0, 0, 5, 1, 6}),
        float_values({1, 1, 4}, {0.9F, 0.8F, 0.9F, 0.3F}), int64s({1}, {3}),
        float_values({1}, {0.5F})}},
      {"DFT", 17, {floats({1, 8, 1})}, {attribute("onesided", 1)}},
      {"DFT", 17, {floats({1, 8, 2}), int64s({}, {6})}, {attribute("inverse", 1)}},
      {"STFT", 17, {floats({1, 20, 1}), int64s({}, {4}), floats({8})}},
      {"HannWindow", 17, {int64s({}, {9})}, {attribute("periodic", 0)}},
      {"BlackmanWindow", 17, {int64s({}, {9})}},
      {"ImageScaler",
       7,
       {floats({1, 3, 4, 4})},
       {attribute("scale", 0.5F), float_list("bias", {1, 2, 3})}},
      {"Crop", 7, {floats({1, 3, 6, 7})}, {int_list("border", {1, 2, 0, 3})}},
      {"ArrayFeatureExtractor", 1, {x, int64s({2}, {4, 0})}, {}, 1, "ai.onnx.ml"},
      {"ArrayFeatureExtractor", 1, {floats({6}), int64s({1, 2}, {4, 0})}, {}, 1, "ai.onnx.ml"},
      {"Affine", 7, {floats({3})}, {attribute("alpha", 2.0F), attribute("beta", 1.0F)}},
      {"Det", 11, {floats({2, 3, 3})}},
  };
  for (const char* padding : {"zeros", "border", "reflection"}) {
    for (const char* mode : {"bilinear", "nearest", "bicubic"}) {
      nodes.push_back({"GridSample",
                       16,
                       {x, grid},
                       {attribute("padding_mode", padding), attribute("mode", mode)}});
    }
    nodes.push_back({"GridSample",
                     20,
                     {x, grid},
                     {attribute("padding_mode", padding), attribute("mode", "linear"),
                      attribute("align_corners", 1)}});
  }
  return nodes;
}

}  // namespace

std::vector<NodeCase> node_cases() {
  Nodes all;
  for (const auto& make : {activations, arithmetic, reductions, shapes, pooling, convolutions,
                           normalizations, recurrent, quantization, resizing, others}) {
    for (NodeCase& node : make()) all.push_back(std::move(node));
  }
  for (NodeCase& node : microsoft_node_cases()) all.push_back(std::move(node));
  return all;
}

}  // namespace qc::test
