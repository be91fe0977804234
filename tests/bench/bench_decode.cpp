// How fast encoded tensors are decoded, by layout.
#include <fmt/format.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "bench.h"
#include "codecs/decode/tensor_decoder.h"
#include "codecs/encode/tensor_encoder.h"
#include "report/breakdown.h"
#include "test_tensors.h"

namespace qc::bench {
namespace {

using test::Pattern;

constexpr Element kFloat = {4, true};
constexpr std::size_t kFullCount = std::size_t{1} << 22;
constexpr std::size_t kQuickCount = std::size_t{1} << 16;
constexpr std::uint64_t kChannels = 512;
constexpr std::uint64_t kSeed = 1;

/// A tensor and the layout that it is made for.
struct DecodeCase {
  std::string_view tensor;
  Pattern pattern;
  LayoutId layout;
};

constexpr std::array kCases = {
    DecodeCase{"random bits", Pattern::kUniform, LayoutId::kRaw},
    DecodeCase{"normal", Pattern::kBell, LayoutId::kPlanes},
    DecodeCase{"exactly float16", Pattern::kHalfExact, LayoutId::kNarrow},
    DecodeCase{"one value", Pattern::kConstant, LayoutId::kConstant},
    DecodeCase{"few values", Pattern::kFew, LayoutId::kPalette},
    DecodeCase{"+-alpha by channel", Pattern::kChannelAlpha, LayoutId::kChannelPalette},
    DecodeCase{"10% of 15 values", Pattern::kSparseFew, LayoutId::kCsr},
    DecodeCase{"10% of 15 values", Pattern::kSparseFew, LayoutId::kBitmap},
    DecodeCase{"10% normal", Pattern::kSparse, LayoutId::kCsr},
    DecodeCase{"50% normal", Pattern::kHalfZero, LayoutId::kBitmap},
};

/// An encoded tensor of the table.
struct Sample {
  std::string tensor;
  std::string layout;
  std::string coders;
  Bytes coded;
};

std::string layout_of(ByteView coded, std::uint64_t size) {
  DecodeContext context;
  CodedTensorInfo info;
  if (describe_tensor(coded, size, context, info) != nullptr) {
    throw std::runtime_error("an encoded tensor cannot be described");
  }
  return layout_names(info.stats);
}

std::vector<Sample> make_samples(std::size_t count) {
  std::vector<Sample> samples;
  for (const DecodeCase& row : kCases) {
    const ChannelMap channels = {kChannels, count / kChannels, 0};
    const test::TestTensor tensor = test::make_tensor(row.pattern, kFloat, count, kSeed, channels);
    EncodeOptions options;
    options.layout = row.layout;
    Bytes smallest = encode_tensor(tensor.view(), options);
    options.stages = StageChoice::kHuffman;
    Bytes huffman = encode_tensor(tensor.view(), options);
    const auto add = [&](std::string_view coders, Bytes& coded) {
      const std::string layout = layout_of(coded, tensor.data.size());
      if (!layout.starts_with(find_layout_decoder(static_cast<std::uint8_t>(row.layout))->name)) {
        throw std::runtime_error(fmt::format("{} came out as {}", row.tensor, layout));
      }
      samples.push_back({std::string(row.tensor), layout, std::string(coders), std::move(coded)});
      tell(fmt::format("  {}, {}, {}", row.tensor, layout, coders));
    };
    if (smallest == huffman) {
      add("any", smallest);
    } else {
      add("smallest", smallest);
      add("Huffman", huffman);
    }
  }
  return samples;
}

std::string run(const BenchOptions& options) {
  const std::size_t count = options.quick ? kQuickCount : kFullCount;
  const int repetitions = options.quick ? 2 : 9;
  const Bytes source = test::make_tensor(Pattern::kBell, kFloat, count, kSeed).data;
  const auto bytes = static_cast<double>(source.size());
  Bytes out(source.size());
  const double memcpy_seconds =
      median_seconds([&] { std::memcpy(out.data(), source.data(), source.size()); }, repetitions);

  MarkdownTable table({"tensor", "layout", "coders", "bytes", "%", "MB/s", "/ memcpy"});
  const auto add = [&](const Sample& sample, double seconds) {
    const std::size_t coded = sample.coded.size();
    table.add_row({sample.tensor, sample.layout, sample.coders, fmt::format("{}", coded),
                   fmt::format("{:.1f}", 100 * static_cast<double>(coded) / bytes),
                   fmt::format("{:.0f}", bytes / seconds / 1e6),
                   fmt::format("{:.3f}", memcpy_seconds / seconds)});
  };
  add({"memcpy", "-", "-", source}, memcpy_seconds);
  DecodeContext context;
  for (const Sample& sample : make_samples(count)) {
    const auto decode = [&] {
      if (decode_tensor(sample.coded, out, context) != nullptr) {
        throw std::runtime_error("an encoded tensor does not decode");
      }
    };
    decode();
    add(sample, median_seconds(decode, repetitions));
  }
  return table.text();
}

}  // namespace

const BenchTable kDecodeTable{
    .name = "decode",
    .title = "Decoding a tensor in memory",
    .about =
        "One core, a float32 tensor of 16 MiB (what `pack` puts into one unit), medians of 9. "
        "MB/s\n"
        "are of float32 produced. *Coders* is what `pack` (smallest) or `pack --huffman` chooses,\n"
        "*any* where that is the same.",
    .run = run,
};

}  // namespace qc::bench
