#include "container_cases.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "codecs/decode/layout.h"
#include "codecs/encode/tensor_encoder.h"
#include "formats/qc/decode/transposition.h"

namespace qc::test {
namespace {

constexpr Element kSingle = {4, true};

ContainerCase layout_case(LayoutId id, Pattern pattern, DataType type,
                          const std::vector<std::int64_t>& dims) {
  ContainerCase made{std::string(find_layout_decoder(static_cast<std::uint8_t>(id))->name),
                     [=](ModelBuilder& builder) {
                       add_tensor(builder, "w", pattern, type, dims);
                       builder.add_node("Conv", {"w"});
                     }};
  std::replace(made.name.begin(), made.name.end(), '-', '_');
  made.options.encode.layout = id;
  made.layout = id;
  return made;
}

}  // namespace

void add_tensor(ModelBuilder& builder, const std::string& name, Pattern pattern, DataType type,
                const std::vector<std::int64_t>& dims, std::uint64_t seed) {
  const ChannelMap channels = channel_map(dims, 0);
  const TestTensor tensor =
      make_tensor(pattern, element_of(type), *element_count(dims), seed, channels);
  builder.add_initializer(name, type, dims, tensor.data);
}

std::ostream& operator<<(std::ostream& out, const ContainerCase& test) { return out << test.name; }

std::vector<ContainerCase> container_cases() {
  // Each with values for which the layout beats the model as a whole through zstd.
  std::vector<ContainerCase> cases = {
      layout_case(LayoutId::kRaw, Pattern::kDenormals, DataType::kInt8, {10, 20}),
      layout_case(LayoutId::kPlanes, Pattern::kBfloatExact, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kNarrow, Pattern::kHalfExact, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kPalette, Pattern::kFew, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kChannelPalette, Pattern::kChannelAlpha, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kCsr, Pattern::kHalfZero, DataType::kFloat, {10, 20}),
      layout_case(LayoutId::kBitmap, Pattern::kHalfZero, DataType::kFloat16, {10, 20}),
      layout_case(LayoutId::kLevels, Pattern::kSparseTernary, DataType::kFloat, {10, 100}),
      layout_case(LayoutId::kContextPalette, Pattern::kSparseFew, DataType::kFloat, {10, 9, 3, 3}),
      layout_case(LayoutId::kContextFloats, Pattern::kBell, DataType::kFloat, {10, 2, 3, 3}),
  };
  ContainerCase constant =
      layout_case(LayoutId::kConstant, Pattern::kConstant, DataType::kFloat, {10, 100});
  constant.build = [](ModelBuilder& builder) {
    add_tensor(builder, "w", Pattern::kConstant, DataType::kFloat, {10, 100});
    add_tensor(builder, "v", Pattern::kChannelAlpha, DataType::kDouble, {4, 50});
    builder.add_node("Conv", {"w"}).add_node("Conv", {"v"});
  };
  cases.push_back(constant);
  ContainerCase huffman =
      layout_case(LayoutId::kCsr, Pattern::kSparseFew, DataType::kFloat, {10, 300});
  huffman.name = "csr_with_fillers_and_huffman";
  huffman.options.encode.stages = StageChoice::kHuffman;
  huffman.options.encode.gap_mode = GapMode::kFiller;
  huffman.options.encode.gap_bits = 4;
  cases.push_back(huffman);

  cases.push_back({"pool",
                   [](ModelBuilder& builder) {
                     for (int i = 0; i < 8; ++i) {
                       add_tensor(builder, fmt::format("w{}", i), Pattern::kBell, DataType::kFloat,
                                  {32}, static_cast<std::uint64_t>(i));
                     }
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(reader.units().begin(), reader.units().end(),
                                        [](const QcUnit& unit) { return unit.slot_count > 1; });
                   }});
  cases.push_back({"repeat",
                   [](ModelBuilder& builder) {
                     add_tensor(builder, "w", Pattern::kHalfExact, DataType::kFloat, {10, 20});
                     add_tensor(builder, "v", Pattern::kHalfExact, DataType::kFloat, {10, 20});
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(
                         reader.slots().begin(), reader.slots().end(),
                         [](const QcSlot& slot) { return slot.repeat_of.has_value(); });
                   }});
  cases.push_back({"transposed_repeat",
                   [](ModelBuilder& builder) {
                     const TestTensor tensor = make_tensor(Pattern::kBell, kSingle, 160, 1);
                     Bytes turned(tensor.data.size());
                     transpose(tensor.data, {10, 16, 4}, turned);
                     builder.add_initializer("w", DataType::kFloat, {10, 16}, tensor.data);
                     builder.add_initializer("v", DataType::kFloat, {16, 10}, turned);
                   },
                   {},
                   {},
                   [](const QcReader& reader) {
                     return std::any_of(
                         reader.slots().begin(), reader.slots().end(),
                         [](const QcSlot& slot) { return slot.transposed.has_value(); });
                   }});
  cases.push_back(
      {"external",
       [](ModelBuilder& builder) {
         add_tensor(builder, "w", Pattern::kChannelAlpha, DataType::kDouble, {10, 20});
         builder.add_node("Conv", {"w"});
       },
       {},
       {},
       [](const QcReader& reader) { return reader.files().size() == 2 && !reader.slots().empty(); },
       true});
  ContainerCase chunks{"chunks",
                       [](ModelBuilder& builder) {
                         add_tensor(builder, "w", Pattern::kSparseFew, DataType::kFloat, {100, 83});
                       },
                       {},
                       {},
                       [](const QcReader& reader) { return reader.units().size() == 5; }};
  chunks.options.chunk_bytes = 8000;
  cases.push_back(chunks);
  cases.push_back({"whole_model",
                   [](ModelBuilder& builder) {
                     add_tensor(builder, "w", Pattern::kConstant, DataType::kFloat, {10});
                   },
                   {},
                   {},
                   [](const QcReader& reader) { return reader.units().empty(); }});
  return cases;
}

Files files_of(const ContainerCase& test) {
  ModelBuilder builder;
  test.build(builder);
  Files files;
  if (test.external) {
    onnx::TensorProto& tensor = *builder.proto().mutable_graph()->mutable_initializer(0);
    const ByteView raw = as_bytes(tensor.raw_data());
    files.emplace_back("m.bin", Bytes(raw.begin(), raw.end()));
    set_external(tensor, "m.bin");
  }
  files.emplace(files.begin(), "m.onnx", builder.bytes());
  return files;
}

}  // namespace qc::test
