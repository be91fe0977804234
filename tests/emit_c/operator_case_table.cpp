#include <limits>

#include "operator_cases.h"

namespace qc::test {
namespace {

using Nodes = std::vector<NodeCase>;

const HostTensor kNone;

HostTensor booleans(const std::vector<std::int64_t>& dims,
                    const std::vector<std::uint8_t>& values) {
  return {DataType::kBool, dims, values};
}

HostTensor positive(const std::vector<std::int64_t>& dims) {
  HostTensor tensor = floats(dims);
  for (std::size_t at = 3; at < tensor.bytes.size(); at += 4) {
    tensor.bytes[at] = static_cast<std::uint8_t>(tensor.bytes[at] & 0x7F);  // the sign
  }
  return tensor;
}

Nodes unary() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const HostTensor x = floats({2, 3, 5});
  const HostTensor wide = float_values({8}, {-100, -3, -0.5F, -0.0F, 0.25F, 2.5F, 8, 100});
  const HostTensor limits = float_values({4}, {-kInfinity, kInfinity, 0, -1});
  Nodes nodes = {
      {"LeakyRelu", 16, {x}, {attribute("alpha", 0.3F)}},
      {"HardSigmoid", 6, {wide}, {attribute("alpha", 0.5F), attribute("beta", 0.6F)}},
      {"HardSwish", 14, {wide}},
      {"Elu", 6, {wide}, {attribute("alpha", 2.0F)}},
      {"Selu", 6, {wide}, {attribute("alpha", 2.0F), attribute("gamma", 3.0F)}},
      {"Log", 13, {positive({7})}},
      {"Sqrt", 13, {positive({7})}},
      {"Reciprocal", 13, {positive({7})}},
      {"Relu", 14, {limits}},
      {"Round", 11, {wide}},
      {"Clip", 6, {x}},
      {"Clip", 11, {x}},
      {"Clip", 13, {x, float_values({}, {-0.5F}), float_values({}, {0.5F})}},
      {"Clip", 13, {x, float_values({}, {0.25F})}},
      {"Not", 1, {booleans({4}, {0, 1, 1, 0})}},
      {"Identity", 13, {x}},
      {"Identity", 13, {int64s({3}, {1, -2, 3})}},
      {"Dropout", 10, {x}},
      {"Dropout", 7, {x}, {attribute("ratio", 0.3F)}},
      {"Dropout", 13, {x, float_values({}, {0.5F})}, {}, 2},
      {"ImageScaler", 7, {floats({2, 3, 4, 4})}, {float_list("bias", {1, -2, 3})}},
  };
  for (const char* op : {"Sinh", "Cosh", "Asin", "Acos", "Asinh", "Atanh"}) {
    nodes.push_back({op, 13, {x}});
  }
  nodes.push_back({"Acosh", 13, {float_values({3}, {1, 1.5F, 20})}});
  for (const char* op : {"Relu",
                         "LeakyRelu",
                         "Sigmoid",
                         "Tanh",
                         "HardSigmoid",
                         "Elu",
                         "Selu",
                         "Celu",
                         "Softplus",
                         "Softsign",
                         "ThresholdedRelu",
                         "Shrink",
                         "Erf",
                         "Exp",
                         "Abs",
                         "Neg",
                         "Floor",
                         "Ceil",
                         "Sign",
                         "Sin",
                         "Cos",
                         "Tan",
                         "Atan"}) {
    nodes.push_back({op, 13, {x}});
    if (op != std::string("Exp")) nodes.push_back({op, 13, {wide}});
  }
  return nodes;
}

Nodes casts() {
  const HostTensor x = float_values({6}, {-2.7F, -0.5F, 0, 0.5F, 1, 100.9F});
  const auto to = [](DataType type) { return attribute("to", static_cast<int>(type)); };
  const HostTensor integers = int32s({3}, {-7, 0, 300});
  return {
      {"Cast", 13, {x}, {to(DataType::kInt32)}},
      {"Cast", 13, {x}, {to(DataType::kInt64)}},
      {"Cast", 13, {x}, {to(DataType::kBool)}},
      {"Cast", 9, {x}, {to(DataType::kFloat)}},
      {"Cast", 13, {integers}, {to(DataType::kFloat)}},
      {"Cast", 13, {integers}, {to(DataType::kInt64)}},
      {"Cast", 13, {integers}, {to(DataType::kBool)}},
      {"Cast", 13, {integers}, {to(DataType::kUint8)}},
      {"Cast", 13, {int8s({5})}, {to(DataType::kFloat)}},
      {"Cast", 13, {uint8s({5})}, {to(DataType::kInt32)}},
      {"Cast", 13, {booleans({2}, {0, 1})}, {to(DataType::kFloat)}},
      {"CastLike", 15, {x, integers}},
  };
}

Nodes binary() {
  const HostTensor x = floats({2, 3, 4});
  const HostTensor ints = int64s({2, 3}, {5, -6, 7, 0, -9, 10});
  const HostTensor bools = booleans({2, 2}, {0, 0, 1, 1});
  Nodes nodes = {
      {"Pow", 13, {positive({2, 3}), floats({3})}},
      {"Pow", 13, {x, float_values({}, {2})}},
      {"PRelu", 9, {x, floats({4})}},
      {"PRelu", 9, {x, floats({1})}},
      {"Mod", 13, {x, floats({1, 3, 1})}, {attribute("fmod", 1)}},
      {"Mod", 13, {ints, int64s({3}, {3, -4, 5})}},
      {"Div", 14, {int32s({4}, {7, -7, 8, -8}), int32s({4}, {2, 2, -3, 5})}},
      {"Sum", 13, {x}},
      {"Sum", 13, {x, floats({3, 4}), floats({2, 1, 1})}},
      {"Sum", 8, {floats({4}), floats({3, 1})}},
      {"Mean", 13, {x, floats({2, 3, 4}), floats({1})}},
      {"Min", 13, {x, floats({4})}},
      {"Max", 13, {ints, int64s({1}, {2}), int64s({2, 1}, {-8, 8})}},
      {"Equal", 13, {bools, booleans({2}, {0, 1})}},
      {"Where", 16, {booleans({3, 1}, {1, 0, 1}), floats({2, 1, 4}), floats({2, 3, 1})}},
      {"Where", 9, {bools, int64s({2, 2}, {1, 2, 3, 4}), int64s({}, {9})}},
  };
  for (const char* op :
       {"Add", "Sub", "Mul", "Div", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"}) {
    nodes.push_back({op, 13, {x, floats({2, 3, 4})}});
    nodes.push_back({op, 13, {x, floats({3, 1})}});
    nodes.push_back({op, 13, {floats({4}), floats({2, 3, 1})}});
    nodes.push_back({op, 13, {floats({}), x}});
    nodes.push_back({op, 13, {ints, int64s({3}, {-6, 2, 7})}});
    nodes.push_back({op, 13, {int32s({3}, {4, 5, 6}), int32s({1}, {5})}});
  }
  for (const char* op : {"And", "Or", "Xor"}) {
    nodes.push_back({op, 7, {bools, booleans({2, 2}, {0, 1, 0, 1})}});
    nodes.push_back({op, 7, {bools, booleans({2}, {0, 1})}});
  }
  return nodes;
}

Nodes shapes() {
  const HostTensor x = floats({2, 3, 4});
  const HostTensor one = floats({1, 3, 1, 4});
  const HostTensor ints = int64s({2, 2}, {1, 2, 3, 4});
  return {
      {"Reshape", 14, {x, int64s({3}, {0, -1, 2})}},
      {"Reshape", 5, {x, int64s({1}, {24})}},
      {"Flatten", 9, {x}, {attribute("axis", 0)}},
      {"Flatten", 13, {x}, {attribute("axis", 3)}},
      {"Squeeze", 11, {one}},
      {"Squeeze", 11, {one}, {int_list("axes", {-2})}},
      {"Squeeze", 13, {one, int64s({1}, {0})}},
      {"Unsqueeze", 11, {x}, {int_list("axes", {0, 3})}},
      {"Unsqueeze", 13, {x, int64s({2}, {-1, 1})}},
      {"Transpose", 13, {x}},
      {"Transpose", 13, {x}, {int_list("perm", {1, 0, 2})}},
      {"Transpose", 13, {one}, {int_list("perm", {2, 1, 0, 3})}},
      {"Transpose", 13, {ints}},
      {"Transpose", 13, {uint8s({2, 3, 2})}, {int_list("perm", {2, 0, 1})}},
      {"Concat", 13, {x, floats({2, 1, 4}), floats({2, 2, 4})}, {attribute("axis", 1)}},
      {"Concat", 11, {x, x}, {attribute("axis", -1)}},
      {"Concat", 4, {ints, ints}, {attribute("axis", 0)}},
      {"Concat", 13, {x}, {attribute("axis", 0)}},
      {"Split", 13, {x, int64s({2}, {1, 3})}, {attribute("axis", -1)}, 2},
      {"Split", 13, {x}, {attribute("axis", 1)}, 3},
      {"Split", 2, {x}, {attribute("axis", 0)}, 2},
      {"Slice", 9, {x}, {int_list("starts", {0, 1}), int_list("ends", {1, 3})}},
      {"Slice",
       11,
       {x, int64s({2}, {-1, 3}), int64s({2}, {-100, 0}), int64s({2}, {1, 2}),
        int64s({2}, {-1, -2})}},
      {"Slice", 13, {x, int32s({1}, {1}), int32s({1}, {100}), int32s({1}, {-2})}},
      {"Slice", 10, {ints, int64s({1}, {0}), int64s({1}, {1})}},
      {"Pad",
       11,
       {floats({1, 2, 4, 5}), int64s({8}, {0, 0, 1, 2, 0, 0, 2, 1})},
       {attribute("mode", "reflect")}},
      {"Pad", 11, {floats({3}), int64s({2}, {2, 3})}, {attribute("mode", "edge")}},
      {"Pad", 13, {ints, int64s({4}, {0, 1, 1, 0}), int64s({}, {7})}},
      {"Pad", 2, {x}, {int_list("pads", {0, 1, 2, 0, 0, 1}), attribute("mode", "edge")}},
      {"Expand", 13, {floats({3, 1}), int64s({3}, {2, 1, 4})}},
      {"Expand", 8, {ints, int64s({1}, {1})}},
      {"Tile", 13, {x, int64s({3}, {1, 2, 3})}},
      {"Tile", 6, {floats({3}), int64s({1}, {4})}},
      {"DepthToSpace", 13, {floats({2, 8, 2, 3})}, {attribute("blocksize", 2)}},
      {"DepthToSpace", 1, {floats({2, 9, 2, 3})}, {attribute("blocksize", 3)}},
      {"SpaceToDepth", 13, {floats({2, 2, 4, 6})}, {attribute("blocksize", 2)}},
  };
}

Nodes indexing() {
  const HostTensor x = floats({3, 4, 2});
  return {
      {"Gather", 13, {x, int64s({2}, {2, -1})}},
      {"Gather", 11, {x, int32s({}, {1})}, {attribute("axis", -1)}},
      {"Gather", 13, {int64s({3}, {7, 8, 9}), int64s({2, 1}, {1, 0})}},
      {"GatherND", 12, {x, int64s({2, 3}, {0, 1, 1, 2, -1, 0})}},
      {"GatherND", 11, {x, int64s({2, 1}, {1, 0})}},
      {"ScatterElements", 13, {floats({3, 3}), int64s({2, 3}, {1, 0, 2, 0, 2, 1}), floats({2, 3})}},
      {"ScatterElements",
       11,
       {floats({1, 5}), int64s({1, 2}, {1, -2}), floats({1, 2})},
       {attribute("axis", 1)}},
      {"Scatter",
       9,
       {floats({1, 5}), int64s({1, 2}, {1, 3}), floats({1, 2})},
       {attribute("axis", 1)}},
      {"ScatterND", 13, {x, int64s({2, 2}, {0, 1, 2, 3}), floats({2, 2})}},
      {"ScatterND", 11, {x, int64s({1, 1}, {1}), floats({1, 4, 2})}},
      {"EyeLike", 9, {floats({4, 3})}, {attribute("k", 1)}},
      {"EyeLike", 9, {int32s({2, 2}, {0, 0, 0, 0})}, {attribute("dtype", 7)}},
  };
}

Nodes reductions() {
  const HostTensor x = floats({2, 3, 4, 5});
  const HostTensor large = float_values({3}, {100, 101, 99});
  Nodes nodes = {
      {"ReduceLogSumExp", 13, {large}},
      {"ReduceSum", 13, {x, int64s({2}, {1, 3})}},
      {"ReduceSum", 11, {x}, {int_list("axes", {-1}), attribute("keepdims", 0)}},
      {"ReduceMean", 13, {x}, {int_list("axes", {2, 3})}},
      {"ReduceMax", 13, {int64s({2, 2}, {4, -1, 3, 9})}, {int_list("axes", {1})}},
      {"ReduceMin", 13, {int32s({2, 2}, {4, -1, 3, 9})}},
      {"ReduceProd", 13, {int32s({2, 2}, {4, -1, 3, 9})}, {attribute("keepdims", 0)}},
      {"ArgMax", 13, {x}, {attribute("axis", -2), attribute("keepdims", 0)}},
      {"ArgMin", 12, {x}, {attribute("axis", 1), attribute("select_last_index", 1)}},
      {"Softmax", 13, {x}},
      {"Softmax", 13, {x}, {attribute("axis", 1)}},
      {"Softmax", 13, {float_values({3}, {1000, 999, -1000})}},
      {"LogSoftmax", 13, {x}, {attribute("axis", 2)}},
      {"Hardmax", 13, {x}, {attribute("axis", 2)}},
      {"CumSum", 11, {x, int32s({}, {-2})}},
      {"CumSum", 14, {x, int64s({}, {0})}, {attribute("reverse", 1)}},
      {"TopK", 11, {x, int64s({1}, {3})}, {attribute("axis", 1)}, 2},
      {"TopK", 10, {x, int64s({1}, {2})}, {}, 2},
      {"TopK", 1, {x}, {attribute("k", 1), attribute("axis", 2)}, 2},
  };
  for (const char* op : {"ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
                         "ReduceSumSquare", "ReduceMean", "ReduceLogSumExp"}) {
    nodes.push_back({op, 13, {x}, {int_list("axes", {0, 2})}});
    nodes.push_back({op, 18, {x, int64s({1}, {-1})}, {attribute("keepdims", 0)}});
    nodes.push_back({op, 11, {x}});
  }
  nodes.push_back({"ReduceLogSum", 13, {positive({2, 3, 4})}, {int_list("axes", {1})}});
  nodes.push_back({"ReduceLogSum", 18, {positive({2, 3, 4}), int64s({2}, {0, 2})}});
  return nodes;
}

Nodes normalizations() {
  const HostTensor x = floats({2, 6, 3, 4});
  const HostTensor c = floats({6});
  return {
      {"BatchNormalization", 9, {x, c, c, c, positive({6})}},
      {"BatchNormalization", 15, {floats({4, 6}), c, c, c, positive({6})}},
      {"InstanceNormalization", 6, {floats({2, 6, 5}), c, c}, {attribute("epsilon", 0.1F)}},
      {"LRN", 1, {x}, {attribute("size", 1), attribute("alpha", 2.0F)}},
      {"LpNormalization", 1, {x}, {attribute("axis", 2)}},
      {"MeanVarianceNormalization", 9, {x}, {int_list("axes", {1, 3})}},
      {"LayerNormalization", 17, {floats({3, 4}), floats({4})}},
      {"GroupNormalization", 21, {floats({2, 6, 5}), c, c}, {attribute("num_groups", 3)}},
      {"SimplifiedLayerNormalization", 1, {floats({3, 4}), floats({4})}},
      {"SkipLayerNormalization",
       1,
       {floats({2, 3, 8}), floats({2, 3, 8}), floats({8})},
       {},
       1,
       "com.microsoft"},
  };
}

Nodes recurrent() {
  const HostTensor x = floats({4, 2, 3});
  const HostTensor h = floats({1, 2, 5});
  const auto size = attribute("hidden_size", 5);
  const HostTensor lengths = int32s({2}, {4, 1});
  const auto reverse = attribute("direction", "reverse");
  return {
      {"RNN", 7, {x, floats({1, 5, 3}), floats({1, 5, 5})}, {size}, 2},
      {"RNN", 14, {x, floats({1, 5, 3}), floats({1, 5, 5}), floats({1, 10})}, {size, reverse}, 2},
      {"GRU", 7, {x, floats({1, 15, 3}), floats({1, 15, 5}), floats({1, 30}), kNone, h}, {size}, 2},
      {"GRU",
       14,
       {x, floats({1, 15, 3}), floats({1, 15, 5}), floats({1, 30}), lengths},
       {size, reverse, attribute("linear_before_reset", 1)},
       2},
      {"LSTM",
       7,
       {x, floats({1, 20, 3}), floats({1, 20, 5}), floats({1, 40}), kNone, h, h, floats({1, 15})},
       {size},
       3},
      {"LSTM", 7, {x, floats({1, 20, 3}), floats({1, 20, 5})}, {size, reverse}, 1},
  };
}

// Products of 0 to 127 with 200, of which every fourth is halfway between two bytes: whether the
// factor is multiplied by or divided by its reciprocal decides where they go.
Nodes halves() {
  HostTensor levels{DataType::kUint8, {128, 1}, {}};
  for (int i = 0; i < 128; ++i) levels.bytes.push_back(static_cast<std::uint8_t>(i));
  const HostTensor none{DataType::kUint8, {}, {0}};
  const HostTensor factor{DataType::kUint8, {1, 1}, {200}};
  const auto scale = [](float value) { return float_values({}, {value}); };
  return {{"QLinearMatMul",
           10,
           {levels, scale(0.045F), none, factor, scale(0.0343F), none, scale(0.0882F), none}}};
}

Nodes others() {
  const HostTensor x = floats({2, 5});
  return {
      {"MatMul", 13, {x, floats({5, 3})}},
      {"MatMul", 13, {floats({2, 3, 4}), floats({2, 4, 5})}},
      {"Resize",
       13,
       {floats({1, 2, 3, 3, 3}), kNone, float_values({5}, {1, 1, 2, 2, 2})},
       {attribute("mode", "linear")}},
      {"Resize", 13, {floats({1, 2, 6}), kNone, kNone, int64s({3}, {1, 2, 4})}},
      {"Resize",
       11,
       {floats({1, 2, 4, 3}), float_values({0}, {}), float_values({4}, {1, 1, 1, 1})}},
      {"QuantizeLinear", 10, {floats({2, 3}), float_values({}, {0.01F})}},
      {"QuantizeLinear",
       13,
       {floats({3, 4}), floats({3}), HostTensor{DataType::kUint8, {3}, {0, 100, 128}}},
       {attribute("axis", 0)}},
      {"DequantizeLinear", 10, {uint8s({3, 4}), float_values({}, {0.5F})}},
  };
}

NodeCase old_pair(const char* op, HostTensor a, HostTensor b,
                  std::vector<onnx::AttributeProto> attributes) {
  return {op, 6, {std::move(a), std::move(b)}, std::move(attributes)};
}

}  // namespace

std::vector<NodeCase> operator_cases() {
  Nodes all;
  for (const auto& make : {unary, casts, binary, shapes, indexing, reductions, normalizations,
                           recurrent, halves, others}) {
    for (NodeCase& node : make()) all.push_back(std::move(node));
  }
  return all;
}

std::vector<OldForm> old_forms() {
  const HostTensor x = floats({2, 3, 4, 5});
  const HostTensor image = floats({1, 2, 3, 4});
  const auto broadcast = attribute("broadcast", 1);
  const HostTensor bools = booleans({2, 2}, {0, 1, 1, 0});
  return {
      {old_pair("Add", x, floats({3, 4}), {broadcast, attribute("axis", 1)}),
       {"Add", 13, {x, HostTensor{DataType::kFloat, {3, 4, 1}, floats({3, 4}).bytes}}}},
      {old_pair("Sub", x, floats({5}), {broadcast}), {"Sub", 13, {x, floats({5})}}},
      {old_pair("Mul", x, floats({2}), {broadcast, attribute("axis", 0)}),
       {"Mul", 13, {x, HostTensor{DataType::kFloat, {2, 1, 1, 1}, floats({2}).bytes}}}},
      {old_pair("Div", x, x, {}), {"Div", 13, {x, x}}},
      {old_pair("Greater", x, floats({}), {broadcast}), {"Greater", 13, {x, floats({})}}},
      {old_pair("And", bools, bools, {}), {"And", 13, {bools, bools}}},
      {{"PRelu", 6, {x, floats({3})}},
       {"PRelu", 13, {x, HostTensor{DataType::kFloat, {3, 1, 1}, floats({3}).bytes}}}},
      {{"Cast", 1, {x}, {attribute("to", "INT32")}}, {"Cast", 13, {x}, {attribute("to", 6)}}},
      {{"Reshape", 1, {x}, {int_list("shape", {0, -1})}},
       {"Reshape", 13, {x, int64s({2}, {2, 60})}}},
      {{"Pad", 1, {image}, {int_list("paddings", {0, 0, 1, 2, 0, 0, 0, 1})}},
       {"Pad", 13, {image, int64s({8}, {0, 0, 1, 2, 0, 0, 0, 1})}}},
      {{"Upsample", 1, {image}, {attribute("height_scale", 2.0F), attribute("width_scale", 3.0F)}},
       {"Upsample", 9, {image, float_values({4}, {1, 1, 2, 3})}}},
      {{"Dropout", 6, {x}, {attribute("is_test", 1)}}, {"Identity", 13, {x}}},
      {{"Selu", 1, {x}},
       {"Selu", 6, {x}, {attribute("alpha", 1.6732F), attribute("gamma", 1.0507F)}}},
      {{"Clip", 1, {x}, {attribute("max", 0.5F)}}, {"Clip", 6, {x}, {attribute("max", 0.5F)}}},
      {{"Concat", 1, {x, x}}, {"Concat", 13, {x, x}, {attribute("axis", 1)}}},
      {{"Tile", 1, {image, float_values({}, {2}), float_values({}, {3})}},
       {"Tile", 13, {image, int64s({4}, {1, 1, 1, 2})}}},
      {{"ImageScaler", 1, {image}, {attribute("scale", 2.0F), float_list("bias", {1, 2})}},
       {"BatchNormalization",
        9,
        {image, float_values({2}, {2, 2}), float_values({2}, {1, 2}), float_values({2}, {0, 0}),
         float_values({2}, {1, 1})},
        {attribute("epsilon", 0.0F)}}},
      {{"GroupNormalization", 18, {x, floats({3}), floats({3})}, {attribute("num_groups", 3)}},
       {"GroupNormalization", 21, {x, floats({3}), floats({3})}, {attribute("num_groups", 3)}}},
  };
}

std::vector<NodeCase> refused_cases() {
  const std::int64_t huge = std::int64_t{1} << 62;
  const HostTensor x = floats({2, 3});
  const HostTensor image = floats({1, 2, 4, 4});
  const HostTensor text{DataType::kString, {1}, {}, {"a"}};
  return {
      {"NoSuchThing", 13, {x}},
      {"Relu", 14, {int32s({2}, {1, 2})}},
      {"Add", 13, {x, int64s({2}, {1, 2})}},
      {"Add", 13, {x, floats({2})}},
      {"Add", 6, {x, floats({3})}},
      {"Mod", 13, {x, x}},
      {"And", 7, {int32s({1}, {1}), int32s({1}, {1})}},
      {"Sum", 13, {x, floats({4})}},
      {"PRelu", 13, {x, floats({5, 1, 1})}},
      {"Dropout", 12, {x, float_values({}, {0.5F}), booleans({}, {1})}},
      {"Cast", 13, {x}, {attribute("to", 8)}},
      {"Cast", 13, {x}, {attribute("to", 99)}},
      {"Gelu", 20, {x}, {attribute("approximate", "other")}},
      {"Softmax", 13, {x}, {attribute("axis", 2)}},
      {"Reshape", 13, {x, int64s({1}, {7})}},
      {"Reshape", 13, {x, int64s({2}, {-1, -1})}},
      {"Reshape", 13, {x, int64s({3}, {huge, huge, -1})}},
      {"Squeeze", 13, {x, int64s({1}, {0})}},
      {"Unsqueeze", 13, {x, int64s({2}, {0, 0})}},
      {"Unsqueeze", 13, {x, int64s({1}, {huge})}},
      {"Transpose", 13, {x}, {int_list("perm", {0, 0})}},
      {"Transpose", 13, {x}, {int_list("perm", {0})}},
      {"Concat", 13, {x, floats({3, 2})}, {attribute("axis", 0)}},
      {"Split", 13, {x, int64s({2}, {huge, -huge + 3})}, {attribute("axis", 1)}, 2},
      {"Split", 18, {x}, {attribute("num_outputs", 0)}},
      {"Slice", 13, {x, int64s({1}, {0}), int64s({1}, {2}), int64s({1}, {0}), int64s({1}, {0})}},
      {"Slice", 13, {x, int64s({1}, {0}), int64s({1}, {0})}},
      {"Slice", 13, {x, int64s({1}, {0}), int64s({1}, {1}), int64s({1}, {huge})}},
      {"Pad", 13, {image, int64s({8}, {huge, 0, 0, 0, 0, 0, 0, 0})}},
      {"Pad", 13, {x, int64s({4}, {0, 3, 0, 0})}, {attribute("mode", "reflect")}},
      {"Pad", 13, {x, int64s({4}, {-3, 0, 0, 0})}},
      {"Expand", 13, {floats({1}), int64s({3}, {huge, huge, huge})}},
      {"Tile", 13, {x, int64s({2}, {huge, 1})}},
      {"DepthToSpace", 13, {image}, {attribute("blocksize", 0)}},
      {"DepthToSpace", 13, {image}, {attribute("blocksize", huge)}},
      {"SpaceToDepth", 13, {image}, {attribute("blocksize", 3)}},
      {"Gather", 13, {x, int64s({1}, {7})}},
      {"GatherND", 13, {x, int64s({1, 3}, {0, 0, 0})}},
      {"GatherElements", 13, {x, int64s({1, 4}, {0, 0, 0, 0})}},
      {"ScatterElements",
       18,
       {x, int64s({1, 1}, {0}), floats({1, 1})},
       {attribute("reduction", "add")}},
      {"ScatterND", 13, {x, int64s({1, 1}, {0}), floats({1, 2})}},
      {"TopK", 13, {x, int64s({1}, {huge})}, {}, 2},
      {"CumSum", 13, {x, int64s({}, {5})}},
      {"ReduceSum", 13, {x, int64s({1}, {2})}},
      {"ReduceMean", 13, {int32s({2}, {1, 2})}},
      {"LRN", 13, {image}, {attribute("size", huge)}},
      {"LpNormalization", 1, {x}, {attribute("p", 3)}},
      {"GroupNormalization", 21, {image, floats({2}), floats({2})}, {attribute("num_groups", 0)}},
      {"BatchNormalization", 15, {image, floats({2}), floats({2}), floats({2}), floats({3})}},
      {"BatchNormalization",
       15,
       {image, floats({2}), floats({2}), floats({2}), floats({2})},
       {attribute("training_mode", 1)},
       3},
      {"LayerNormalization", 17, {x, floats({2})}},
      {"Resize", 13, {image, kNone, float_values({4}, {1, 1, 1e9F, 1e9F})}},
      {"Resize", 18, {image, kNone, float_values({4}, {1, 1, 2, 2})}, {attribute("antialias", 1)}},
      {"LSTM",
       7,
       {floats({4, 2, 3}), floats({1, 20, 3}), floats({1, 20, 5})},
       {attribute("hidden_size", 5), attribute("clip", 1.0F)}},
      {"LSTM",
       7,
       {floats({4, 2, 3}), floats({1, 20, 3}), floats({1, 20, 5})},
       {attribute("hidden_size", 5), string_list("activations", {"Sigmoid", "Softsign", "Tanh"})}},
      {"QuantizeLinear",
       21,
       {floats({2, 4}), floats({2, 2}), uint8s({2, 2})},
       {attribute("block_size", 2), attribute("axis", 1)}},
      {"Einsum", 12, {x, floats({3, 4})}, {attribute("equation", "ij,jk->ki")}},
      {"Identity", 13, {text}},
  };
}

}  // namespace qc::test
