#include "compat_models.h"

#include <fmt/format.h>

#include <array>
#include <functional>
#include <string_view>
#include <tuple>
#include <utility>

#include "codecs/encode/layout_table.h"
#include "core/random.h"
#include "formats/qc/decode/transposition.h"
#include "model_builder.h"
#include "structured_tensors.h"
#include "test_tensors.h"

namespace qc::test {
namespace {

struct Preset {
  std::string_view name;
  EncodeOptions options;
};

constexpr EncodeOptions kHuffman = {.stages = {.huffman_only = true, .byte_ps = 1'000'000}};
constexpr std::array kPresets = {Preset{"default", presets::kDefault},
                                 Preset{"fast", presets::kFast}, Preset{"max", presets::kMax},
                                 Preset{"huffman", kHuffman}};

void add(ModelBuilder& builder, Pattern pattern, DataType type,
         const std::vector<std::int64_t>& dims) {
  const auto seed = static_cast<std::uint64_t>(builder.proto().graph().initializer_size());
  const TestTensor tensor =
      make_tensor(pattern, element_of(type), *element_count(dims), seed, channel_map(dims, 0));
  const std::string name = fmt::format("w{}", seed);
  builder.add_initializer(name, type, dims, tensor.data).add_node("Conv", {name});
}

/// A tensor that repeats itself after `period` elements.
void add_repetitive(ModelBuilder& builder, DataType type, std::size_t period, std::size_t count) {
  const TestTensor once = make_tensor(Pattern::kBell, element_of(type), period, 1);
  Bytes data;
  while (data.size() < count * once.element.width) append(data, once.data);
  builder.add_initializer("r", type, {static_cast<std::int64_t>(data.size() / once.element.width)},
                          data);
}

/// Few values, all equally frequent.
void add_even(ModelBuilder& builder, std::uint64_t values, std::size_t count) {
  SplitMix64 random(values);
  Bytes data(count);
  for (std::uint8_t& byte : data) byte = static_cast<std::uint8_t>(20 * (random.next() % values));
  builder.add_initializer(fmt::format("e{}", values), DataType::kInt8,
                          {static_cast<std::int64_t>(count)}, data);
}

/// Filters of a Fourier transform, which repeat themselves forwards and backwards.
void add_fourier(ModelBuilder& builder, std::int64_t size) {
  const TestTensor tensor =
      fourier_filters(static_cast<std::uint64_t>(size), FourierPart::kCosine, FourierWindow::kHann);
  builder.add_initializer("f", DataType::kFloat, {size / 2 + 1, size}, tensor.data);
}

Files files_of(const ModelBuilder& builder) { return {{"m.onnx", builder.bytes()}}; }

Files dense() {
  ModelBuilder builder;
  add(builder, Pattern::kBell, DataType::kFloat, {12, 4, 3, 3});
  add(builder, Pattern::kBell, DataType::kFloat16, {20, 20});
  add(builder, Pattern::kBell, DataType::kDouble, {8, 20});
  add(builder, Pattern::kHalfExact, DataType::kFloat, {10, 30});
  add(builder, Pattern::kSingleExact, DataType::kDouble, {10, 20});
  add(builder, Pattern::kUniform, DataType::kInt8, {10, 30});
  add(builder, Pattern::kConstant, DataType::kFloat, {40});
  return files_of(builder);
}

Files sparse() {
  ModelBuilder builder;
  add(builder, Pattern::kSparseFew, DataType::kFloat, {40, 200});
  add(builder, Pattern::kVerySparse, DataType::kFloat, {70, 300});
  add(builder, Pattern::kSparse, DataType::kFloat16, {20, 9, 3, 3});
  add(builder, Pattern::kHalfZero, DataType::kFloat, {20, 20});
  return files_of(builder);
}

Files codebooks() {
  ModelBuilder builder;
  add(builder, Pattern::kFew, DataType::kFloat, {30, 30});
  add(builder, Pattern::kFew, DataType::kInt32, {30, 30});
  add(builder, Pattern::kChannelAlpha, DataType::kFloat, {10, 60});
  add(builder, Pattern::kTernary, DataType::kFloat, {20, 50});
  add(builder, Pattern::kFiveLevels, DataType::kFloat, {8, 60});
  add(builder, Pattern::kSparseTernary, DataType::kFloat16, {10, 100});
  add_even(builder, 5, 90);
  add_even(builder, 6, 130);
  return files_of(builder);
}

/// Copies, a transposed copy, small tensors that share a unit, and a file with external data.
Files parts() {
  ModelBuilder builder;
  const Bytes whole = make_tensor(Pattern::kBell, {4, true}, 480, 1).data;
  Bytes turned(whole.size());
  transpose(whole, {20, 24, 4}, turned);
  builder.add_initializer("a", DataType::kFloat, {20, 24}, whole);
  builder.add_initializer("b", DataType::kFloat, {20, 24}, whole);
  builder.add_initializer("c", DataType::kFloat, {24, 20}, turned);
  for (std::uint64_t i = 0; i < 8; ++i) {
    const Bytes small = make_tensor(Pattern::kBell, {4, true}, 32, 10 + i).data;
    builder.add_initializer(fmt::format("s{}", i), DataType::kFloat, {32}, small);
  }
  const Bytes external = make_tensor(Pattern::kHalfZero, {4, true}, 500, 2).data;
  builder.add_initializer("e", DataType::kFloat, {20, 25}, {});
  set_external(*builder.proto().mutable_graph()->mutable_initializer(11), "./data/e.bin", {}, {});
  return {{"m.onnx", builder.bytes()}, {"data/e.bin", external}};
}

Files repetitive() {
  ModelBuilder builder;
  add_repetitive(builder, DataType::kInt8, 250, 2000);
  add(builder, Pattern::kBell, DataType::kFloat, {10, 10});
  return files_of(builder);
}

/// A tensor that a layout is for.
void add_for(LayoutId layout, ModelBuilder& builder) {
  switch (layout) {
    case LayoutId::kRaw:
      return add(builder, Pattern::kDenormals, DataType::kInt8, {10, 30});
    case LayoutId::kPlanes:
      return add(builder, Pattern::kBfloatExact, DataType::kDouble, {10, 30});
    case LayoutId::kNarrow:
      return add(builder, Pattern::kBfloatExact, DataType::kFloat, {10, 30});
    case LayoutId::kConstant:
      return add(builder, Pattern::kConstant, DataType::kDouble, {10, 100});
    case LayoutId::kPalette:
      // Beside it something that makes units pay.
      add(builder, Pattern::kSparseFew, DataType::kFloat, {80, 100});
      return add_repetitive(builder, DataType::kFloat, 300, 2400);
    case LayoutId::kChannelPalette:
      return add(builder, Pattern::kChannelAlpha, DataType::kFloat, {6, 90});
    case LayoutId::kCsr:
      return add(builder, Pattern::kVerySparse, DataType::kFloat, {70, 300});
    case LayoutId::kBitmap:
      return add(builder, Pattern::kHalfZero, DataType::kFloat16, {10, 30});
    case LayoutId::kLevels:
      return add(builder, Pattern::kSparseTernary, DataType::kFloat, {10, 100});
    case LayoutId::kContextPalette:
      return add(builder, Pattern::kSparseFew, DataType::kInt32, {10, 9, 3, 3});
    case LayoutId::kContextFloats:
      return add(builder, Pattern::kHalfZero, DataType::kFloat, {10, 4, 3, 3});
    case LayoutId::kRepeats:
      return add_fourier(builder, 32);
  }
}

}  // namespace

std::vector<CompatModel> compat_models() {
  using Make = std::pair<std::string_view, Files (*)()>;
  static constexpr std::array kModels = {Make{"dense", dense}, Make{"sparse", sparse},
                                         Make{"codebooks", codebooks}, Make{"parts", parts},
                                         Make{"repetitive", repetitive}};
  std::vector<CompatModel> all;
  for (const auto& [name, make] : kModels) {
    for (const Preset& preset : kPresets) {
      CompatModel model{fmt::format("{}-{}", name, preset.name), make(), {}};
      model.options.encode = preset.options;
      all.push_back(std::move(model));
    }
  }
  for (const LayoutEncoder* layout : layout_encoders()) {
    ModelBuilder builder;
    add_for(layout->id(), builder);
    CompatModel model{fmt::format("layout-{}", layout->name()), files_of(builder), {}};
    model.options.encode = {.stages = StageChoice::kSmallest, .layout = layout->id()};
    all.push_back(std::move(model));
  }

  CompatModel paper{"deep-compression", sparse(), {}};
  paper.options.encode = kHuffman;
  paper.options.encode.layout = LayoutId::kCsr;
  paper.options.encode.gap_mode = GapMode::kFiller;
  paper.options.encode.gap_bits = 5;
  all.push_back(std::move(paper));

  // Long streams are in several states or parts, 64 of 2^16 symbols and more, 128 parts of 2^18.
  // The last is a unit large enough to be aligned.
  using Long = std::tuple<std::string_view, std::int64_t, EncodeOptions>;
  for (const auto& [name, rows, encode] :
       {Long{"states-4", 17, presets::kMax}, Long{"states-64", 66, presets::kMax},
        Long{"parts-4", 8, kHuffman}, Long{"parts-64", 66, kHuffman},
        Long{"parts-128", 263, kHuffman}}) {
    ModelBuilder builder;
    add(builder, Pattern::kSparseFew, DataType::kFloat, {rows, 1000});
    CompatModel model{std::string(name), files_of(builder), {}};
    model.options.encode = encode;
    model.options.encode.layout = LayoutId::kPalette;
    all.push_back(std::move(model));
  }

  CompatModel chunks{"chunks", sparse(), {}};
  chunks.options.chunk_bytes = 8000;
  all.push_back(std::move(chunks));
  return all;
}

}  // namespace qc::test
