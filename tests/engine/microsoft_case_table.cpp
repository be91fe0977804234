// Operators of com.microsoft, which exporters and optimisers write.
#include "node_cases.h"

namespace qc::test {
namespace {

using Nodes = std::vector<NodeCase>;
using Attributes = std::vector<onnx::AttributeProto>;

const char* const kMicrosoft = "com.microsoft";
const HostTensor kNone;

HostTensor byte(std::uint8_t value) { return {DataType::kUint8, {}, {value}}; }
HostTensor number(float value) { return float_values({}, {value}); }

NodeCase fused(const char* op, std::vector<HostTensor> inputs, Attributes attributes = {},
               int outputs = 1) {
  return {op, 1, std::move(inputs), std::move(attributes), outputs, kMicrosoft};
}

Nodes products() {
  const auto a = attribute("transA", 1);
  const auto b = attribute("transB", 1);
  const HostTensor c = floats({4});
  return {
      fused("FusedMatMul", {floats({2, 3, 5}), floats({2, 5, 4})}, {attribute("alpha", 0.5F)}),
      fused("FusedMatMul", {floats({2, 5, 3}), floats({4, 5})}, {a, b}),
      fused("FusedMatMul", {floats({5}), floats({4, 5})}, {b}),
      fused("FusedMatMul", {floats({3, 2, 5}), floats({2, 5, 4})}, {attribute("transBatchA", 1)}),
      fused("FusedMatMul", {floats({2, 3, 5}), floats({4, 2, 5})},
            {b, attribute("transBatchB", 1)}),
      fused("TransposeMatMul", {floats({2, 5, 3}), floats({2, 5, 4})}, {a}),
      fused("FusedGemm", {floats({3, 5}), floats({5, 4}), c}, {attribute("activation", "Relu")}),
      fused("FusedGemm", {floats({5, 3}), floats({4, 5}), c},
            {a, b, attribute("alpha", 0.5F), attribute("activation", "LeakyRelu"),
             attribute("activation_alpha", 0.3F)}),
      fused("FusedGemm", {floats({3, 5}), floats({5, 4})}, {attribute("activation", "Tanh")}),
      fused("FusedGemm", {floats({3, 5}), floats({5, 4})}, {attribute("activation", "Sigmoid")}),
  };
}

Nodes normalizations() {
  const HostTensor x = floats({2, 3, 8});
  const HostTensor scale = floats({8});
  const HostTensor ids = int32s({2, 3}, {0, 4, 1, 2, 2, 3});
  const HostTensor segments = int32s({2, 3}, {0, 0, 1, 1, 0, 1});
  const HostTensor words = floats({5, 8});
  const HostTensor places = floats({4, 8});
  const HostTensor kinds = floats({2, 8});
  return {
      {"LayerNormalization", 11, {x, scale, scale}, {attribute("epsilon", 1e-3F)}},
      {"SimplifiedLayerNormalization", 11, {x, scale}},
      {"SimplifiedLayerNormalization", 17, {x, floats({3, 8})}, {attribute("axis", 1)}},
      fused("SkipSimplifiedLayerNormalization", {x, floats({2, 3, 8}), scale}),
      fused("SkipSimplifiedLayerNormalization", {x, floats({2, 3, 8}), scale, scale},
            {attribute("epsilon", 1e-3F)}),
      fused("SkipLayerNormalization", {x, floats({1, 3, 8}), scale, scale}),
      fused("SkipLayerNormalization", {x, floats({3, 8}), scale}),
      fused("EmbedLayerNormalization", {ids, kNone, words, places, kNone, scale, scale}, {}, 2),
      fused("EmbedLayerNormalization",
            {ids, segments, words, places, kinds, scale, scale, int32s({2, 3}, {1, 1, 0, 1, 0, 0})},
            {attribute("epsilon", 1e-3F)}, 3),
      fused("EmbedLayerNormalization",
            {ids, segments, words, places, kinds, scale, scale, kNone, int32s({1, 3}, {3, 0, 1})},
            {}, 2),
  };
}

Nodes attentions() {
  const HostTensor x = floats({2, 3, 8});
  const HostTensor w = floats({8, 24});
  const HostTensor b = floats({24});
  const HostTensor past = floats({2, 2, 2, 4, 4});
  const auto heads = attribute("num_heads", 2);
  const auto causal = attribute("unidirectional", 1);
  const HostTensor rows = int32s({2, 3}, {1, 1, 0, 1, 1, 1});
  const HostTensor long_rows = int32s({2, 7}, {1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1});
  const HostTensor pairs =
      int32s({2, 3, 3}, {1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1});
  const HostTensor keys = floats({2, 5, 8});
  return {
      fused("Attention", {x, w, b}, {heads}),
      fused("Attention", {x, w, b}, {heads, causal, attribute("scale", 0.3F)}),
      fused("Attention", {x, w, b, rows}, {heads}),
      fused("Attention", {x, w, b, pairs}, {heads, attribute("mask_filter_value", -3.0F)}),
      fused("Attention", {x, w, b, int32s({2}, {2, 3})}, {heads}),
      fused("Attention", {x, w, b, int32s({4}, {2, 3, 1, 0})}, {heads}),
      fused("Attention", {x, w, b, long_rows, past}, {heads, causal}, 2),
      fused("Attention", {x, w, b, kNone, kNone, floats({2, 2, 3, 3})}, {heads}),
      fused("Attention", {x, floats({8, 20}), floats({20})},
            {heads, int_list("qkv_hidden_sizes", {8, 8, 4})}),
      fused("MultiHeadAttention", {x, keys, keys}, {heads}),
      fused("MultiHeadAttention", {x, keys, floats({2, 5, 4}), floats({20})}, {heads}),
      fused("MultiHeadAttention", {x, keys, keys, b, kNone, floats({1, 2, 3, 5})},
            {heads, attribute("scale", 0.4F)}),
      fused("MultiHeadAttention",
            {x, x, x, kNone, kNone, kNone, floats({2, 2, 4, 4}), floats({2, 2, 4, 4})},
            {heads, causal}, 3),
  };
}

Nodes quantized_layers() {
  const HostTensor scale = number(0.05F);
  const HostTensor out = number(0.031F);
  const HostTensor x = uint8s({1, 3, 6, 5});
  const HostTensor signs = int8s({3, 8});
  const HostTensor int8_zero{DataType::kInt8, {}, {3}};
  const HostTensor a = uint8s({3, 4});
  const HostTensor b = uint8s({4, 5});
  const HostTensor scales = float_values({5}, {0.01F, 0.02F, 0.03F, 0.02F, 0.01F});
  const HostTensor zeros{DataType::kUint8, {5}, {1, 2, 3, 4, 200}};
  return {
      fused("QuantizeLinear", {floats({3, 5}), scales, zeros}, {attribute("axis", 1)}),
      fused("DequantizeLinear", {uint8s({3, 5}), scales, zeros}, {attribute("axis", 1)}),
      fused("QLinearLeakyRelu", {x, scale, byte(100), out, byte(90)}, {attribute("alpha", 0.2F)}),
      fused("QLinearLeakyRelu", {signs, scale, int8_zero, out, int8_zero}),
      fused("QLinearSigmoid", {x, scale, byte(100), number(1.0F / 256), byte(0)}),
      fused("QLinearAveragePool", {x, scale, byte(100), out, byte(90)},
            {int_list("kernel_shape", {3, 2}), int_list("strides", {2, 1})}),
      fused("QLinearAveragePool", {x, scale, byte(100), out, byte(90)},
            {int_list("kernel_shape", {3, 2}), int_list("pads", {1, 0, 1, 0})}),
      fused("QLinearGlobalAveragePool", {x, scale, byte(100), number(0.01F), byte(90)}),
      fused("QLinearConcat",
            {out, byte(90), a, scale, byte(100), uint8s({2, 4}), number(0.02F), byte(7)},
            {attribute("axis", 0)}),
      fused("QGemm", {a, scale, byte(9), b, scale, byte(7), int32s({5}, {100, -50, 3, 0, 9}),
                      number(2), byte(30)}),
      fused("QGemm", {a, scale, byte(9), uint8s({5, 4}), scale, byte(7)},
            {attribute("transB", 1), attribute("alpha", 0.5F)}),
      fused("DynamicQuantizeMatMul", {floats({3, 4}), b, scale, byte(7), floats({5})}),
      fused("DynamicQuantizeMatMul", {floats({2, 3, 4}), b, scales, zeros}),
      fused("MatMulIntegerToFloat", {a, b, scale, scales, byte(9), zeros, floats({5})}),
      fused("MatMulNBits", {floats({2, 3, 40}), uint8s({5, 3, 8}), floats({15})},
            {attribute("N", 5), attribute("K", 40), attribute("bits", 4),
             attribute("block_size", 16)}),
      fused("MatMulNBits", {floats({3, 40}), uint8s({5, 3, 8}), floats({15}), uint8s({10})},
            {attribute("N", 5), attribute("K", 40), attribute("bits", 4),
             attribute("block_size", 16)}),
  };
}

}  // namespace

std::vector<NodeCase> microsoft_node_cases() {
  Nodes all;
  for (const auto& make : {products, normalizations, attentions, quantized_layers}) {
    for (NodeCase& node : make()) all.push_back(std::move(node));
  }
  return all;
}

}  // namespace qc::test
