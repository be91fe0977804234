// Coders, loading and packing in memory, on one core and on two, beside zstd and memcpy.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "bench.h"
#include "codecs/decode/zstd_bytes.h"
#include "codecs/encode/analysis.h"
#include "codecs/encode/entropy.h"
#include "codecs/encode/stage_table.h"
#include "codecs/encode/zstd_compress.h"
#include "codecs/shared/simd/cpu.h"
#include "formats/packed/pack_model.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "large_model.h"
#include "system/page_buffer.h"
#include "system/parallel.h"

namespace qc::bench {
namespace {

constexpr std::size_t kWeights = 40'000'000;
constexpr std::size_t kQuickWeights = 1'000'000;
constexpr std::size_t kMaxWeights = 4'000'000;  // for --max, which is slower
constexpr int kRounds = 9;
// Every stream is coded so many times in a row: a single time is a fraction of a millisecond, in
// which the machine has hardly got to speed.
constexpr int kStreamRepeats = 8;
constexpr int kZstdLevel = 19;
// What pack puts into one unit.
constexpr std::size_t kUnitWeights = std::size_t{1} << 22;

constexpr std::array kCores = {1u, 2u};

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

/// Calls body(i) for all i below count on so many cores.
void on_cores(unsigned cores, std::size_t count, const std::function<void(std::size_t)>& body) {
  parallel_for(count, cores, body);
}

std::string rate(double amount, double seconds, double unit) {
  return fmt::format("{:.2f}", amount / seconds / unit);
}

// ---- Streams ----------------------------------------------------------------------------------

/// Ranks of the non-zero weights, a stream for every unit.
struct ValueStreams {
  std::vector<std::vector<Symbol>> symbols;
  std::vector<Bytes> bytes;  ///< the same, one byte each
  std::uint32_t alphabet = 0;
  std::size_t count = 0;
  double entropy_bytes = 0;
};

ValueStreams value_streams(const OnnxModel& model) {
  ValueStreams streams;
  for (const TensorInfo& tensor : model.tensors()) {
    const ByteView payload = model.payload(tensor);
    const std::size_t step = kUnitWeights * sizeof(float);
    for (std::size_t at = 0; at < payload.size(); at += step) {
      const Analysis unit(
          {payload.subspan(at, std::min(step, payload.size() - at)), {4, true}, {}, {}});
      const Analysis values({unit.nonzeros().values, {4, true}, {}, {}});
      require(values.palette() != nullptr, "a weight has too many values");
      const auto alphabet = static_cast<std::uint32_t>(values.palette()->codebook.size());
      streams.alphabet = std::max(streams.alphabet, alphabet);
      streams.symbols.push_back(values.ranks());
      streams.bytes.emplace_back(values.ranks().begin(), values.ranks().end());
      streams.count += values.count();
      streams.entropy_bytes += static_cast<double>(entropy_bits(values.palette()->counts)) / 8;
    }
  }
  return streams;
}

/// A coder of streams, and what it makes of them.
struct Coder {
  std::string name;
  std::function<Bytes(std::size_t)> encode;  ///< the stream of that index
  std::function<void(ByteView, std::size_t)> decode;
  std::vector<Bytes> coded = {};
};

Coder stage_coder(const StageEncoder& stage, SimdLevel level, const ValueStreams& streams) {
  const auto encode = [&](std::size_t i) {
    Bytes out;
    require(stage.encode(SymbolStream(streams.symbols[i], streams.alphabet), SIZE_MAX, out),
            "a stage refuses a stream");
    return out;
  };
  const auto decode = [&](ByteView coded, std::size_t i) {
    thread_local DecodeContext context;
    const std::vector<Symbol>& expected = streams.symbols[i];
    context.reset(expected.size());
    std::uint64_t table_bytes = 0;
    SymbolReader* reader =
        stage.decoder.open(coded, expected.size(), streams.alphabet, context, table_bytes);
    require(reader != nullptr, "a stream is refused");
    std::array<Symbol, kBlock> block;
    for (std::size_t at = 0; at < expected.size(); at += kBlock) {
      reader->read(std::span(block).first(std::min(kBlock, expected.size() - at)));
    }
    require(reader->finish(), "a stream is damaged");
  };
  return {fmt::format("{}, {}", stage.decoder.name, simd_level_name(level)), encode, decode};
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Coder huff0_coder(const ValueStreams& streams) {
  const auto encode = [&](std::size_t i) {
    thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> kContext(ZSTD_createCCtx());
    thread_local Bytes room;
    ZSTD_CCtx_setParameter(kContext.get(), ZSTD_c_compressionLevel, -100);
    // Huffman codes for literals also at this level.
    ZSTD_CCtx_setParameter(kContext.get(), ZSTD_c_experimentalParam5, 1);
    const Bytes& bytes = streams.bytes[i];
    room.resize(ZSTD_compressBound(bytes.size()));
    const std::size_t size =
        ZSTD_compress2(kContext.get(), room.data(), room.size(), bytes.data(), bytes.size());
    require(ZSTD_isError(size) == 0, "zstd fails");
    return Bytes(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
  };
  const auto decode = [&](ByteView coded, std::size_t i) {
    thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> kContext(ZSTD_createDCtx());
    thread_local Bytes room;
    room.resize(streams.bytes[i].size());
    require(ZSTD_decompressDCtx(kContext.get(), room.data(), room.size(), coded.data(),
                                coded.size()) == room.size(),
            "zstd fails");
  };
  return {"Huff0 (zstd, literals only)", encode, decode};
}

std::string coder_table(const ValueStreams& streams, int rounds) {
  std::vector<Coder> coders = {huff0_coder(streams)};
  for (const StageEncoder* stage : {&kHuffmanEncoder, &kRansEncoder}) {
    for (const SimdLevel level : available_simd_levels()) {
      coders.push_back(stage_coder(*stage, level, streams));
    }
  }
  const std::size_t count = streams.symbols.size();
  std::string text;
  for (const unsigned cores : kCores) {
    std::vector<std::function<void()>> calls;
    for (std::size_t i = 0; i < coders.size(); ++i) {
      Coder& coder = coders[i];
      coder.coded.resize(count);
      const SimdLevel level =
          i == 0 ? simd_level() : available_simd_levels()[(i - 1) % available_simd_levels().size()];
      calls.emplace_back([&coder, level, cores, count] {
        const ScopedSimdLevel scope(level);
        on_cores(cores, count, [&](std::size_t at) {
          for (int time = 0; time < kStreamRepeats; ++time) coder.coded[at] = coder.encode(at);
        });
      });
      calls.emplace_back([&coder, level, cores, count] {
        const ScopedSimdLevel scope(level);
        on_cores(cores, count, [&](std::size_t at) {
          for (int time = 0; time < kStreamRepeats; ++time) coder.decode(coder.coded[at], at);
        });
      });
    }
    const std::vector<double> seconds = alternating_seconds(calls, rounds);
    MarkdownTable table({fmt::format("coder, {} core{}", cores, cores > 1 ? "s" : ""), "x entropy",
                         "encode Msym/s", "/ Huff0", "decode Msym/s", "/ Huff0"});
    const double symbols = kStreamRepeats * static_cast<double>(streams.count);
    for (std::size_t i = 0; i < coders.size(); ++i) {
      double bytes = 0;
      for (const Bytes& coded : coders[i].coded) bytes += static_cast<double>(coded.size());
      table.add_row({coders[i].name, fmt::format("{:.4f}", bytes / streams.entropy_bytes),
                     fmt::format("{:.0f}", symbols / seconds[2 * i] / 1e6),
                     fmt::format("{:.2f}", seconds[0] / seconds[2 * i]),
                     fmt::format("{:.0f}", symbols / seconds[2 * i + 1] / 1e6),
                     fmt::format("{:.2f}", seconds[1] / seconds[2 * i + 1])});
    }
    text += table.text() + "\n";
  }
  return text;
}

// ---- Loading ----------------------------------------------------------------------------------

Bytes pack_in_memory(const OnnxModel& model, const EncodeOptions& encode, unsigned threads) {
  PackOptions options;
  options.encode = encode;
  options.threads = threads;
  MemorySink sink;
  pack_model(model, options, sink);
  return sink.take();
}

/// Something that fills dense memory with the weights of the model.
struct Loader {
  std::string name;
  std::uint64_t bytes;  ///< that it reads
  std::function<void(MutableBytes out, unsigned cores)> load;
  bool fresh = false;  ///< into memory that was never touched
};

std::vector<ByteView> payloads(const OnnxModel& model) {
  std::vector<ByteView> all;
  for (const TensorInfo& tensor : model.tensors()) all.push_back(model.payload(tensor));
  return all;
}

std::uint64_t total_size(const std::vector<ByteView>& parts) {
  std::uint64_t size = 0;
  for (const ByteView part : parts) size += part.size();
  return size;
}

Loader copy_loader(const std::vector<ByteView>& parts) {
  return {"memcpy of the weights", total_size(parts), [&parts](MutableBytes out, unsigned cores) {
            std::vector<std::size_t> starts = {0};
            for (const ByteView part : parts) starts.push_back(starts.back() + part.size());
            on_cores(cores, parts.size(), [&](std::size_t i) {
              std::memcpy(out.data() + starts[i], parts[i].data(), parts[i].size());
            });
          }};
}

Loader qc_loader(const std::string& name, const Bytes& container) {
  return {name, container.size(), [&container](MutableBytes out, unsigned cores) {
            const QcReader reader = QcReader::from_bytes(container);
            for (std::size_t slot = 0; slot < reader.slots().size(); ++slot) {
              const std::uint64_t size = reader.slots()[slot].size;
              reader.load_slot(slot, out.first(size), cores);
              out = out.subspan(size);
            }
          }};
}

Loader zstd_loader(const std::vector<Bytes>& frames, const std::vector<ByteView>& parts) {
  std::uint64_t size = 0;
  for (const Bytes& frame : frames) size += frame.size();
  return {fmt::format("zstd -d, of -{}", kZstdLevel), size,
          [&frames, &parts](MutableBytes out, unsigned cores) {
            std::vector<MutableBytes> targets;
            for (const ByteView part : parts) {
              targets.push_back(out.first(part.size()));
              out = out.subspan(part.size());
            }
            on_cores(cores, frames.size(), [&](std::size_t i) {
              DecodeContext context;
              require(zstd_decompress(frames[i], targets[i], {}, context), "zstd fails");
            });
          }};
}

Loader into_fresh_memory(Loader loader) {
  loader.name += ", into new huge pages";
  loader.fresh = true;
  return loader;
}

std::string load_table(const OnnxModel& model, int rounds) {
  const std::vector<ByteView> parts = payloads(model);
  const std::uint64_t size = total_size(parts);
  tell(fmt::format("  zstd -{} of {:.0f} MB, once", kZstdLevel, static_cast<double>(size) / 1e6));
  std::vector<Bytes> frames(parts.size());
  on_cores(0, parts.size(),
           [&](std::size_t i) { frames[i] = zstd_compress(parts[i], kZstdLevel); });
  const Bytes fast = pack_in_memory(model, presets::kFast, 0);
  const Bytes balanced = pack_in_memory(model, presets::kDefault, 0);
  const std::vector<Loader> loaders = {copy_loader(parts),
                                       zstd_loader(frames, parts),
                                       qc_loader("`--fast`", fast),
                                       qc_loader("default", balanced),
                                       into_fresh_memory(copy_loader(parts)),
                                       into_fresh_memory(qc_loader("`--fast`", fast))};
  const PageBuffer memory(size);
  std::string text;
  for (const unsigned cores : kCores) {
    std::vector<std::function<void()>> calls;
    calls.reserve(loaders.size());
    for (const Loader& loader : loaders) {
      std::fill(memory.bytes().begin(), memory.bytes().end(), std::uint8_t{0xa5});
      loader.load(memory.bytes(), cores);
      std::size_t at = 0;
      for (const ByteView part : parts) {
        require(std::memcmp(memory.bytes().data() + at, part.data(), part.size()) == 0,
                "other weights came back");
        at += part.size();
      }
      calls.emplace_back([&loader, &memory, size, cores] {
        if (!loader.fresh) return loader.load(memory.bytes(), cores);
        const PageBuffer fresh(size);
        fresh.populate(cores);
        loader.load(fresh.bytes(), cores);
      });
    }
    const std::vector<double> seconds = alternating_seconds(calls, rounds);
    MarkdownTable table({fmt::format("load, {} core{}", cores, cores > 1 ? "s" : ""), "bytes read",
                         "GB/s", "/ memcpy", "/ zstd -d"});
    for (std::size_t i = 0; i < loaders.size(); ++i) {
      table.add_row({loaders[i].name, fmt::format("{}", loaders[i].bytes),
                     rate(static_cast<double>(size), seconds[i], 1e9),
                     fmt::format("{:.2f}", seconds[0] / seconds[i]),
                     fmt::format("{:.2f}", seconds[1] / seconds[i])});
    }
    text += table.text() + "\n";
  }
  return text;
}

// ---- Packing ----------------------------------------------------------------------------------

std::string pack_table(const OnnxModel& model, const OnnxModel& small, int rounds) {
  struct Row {
    std::string name;
    EncodeOptions options;
    const OnnxModel* model;
  };
  const std::vector<Row> rows = {{"`--fast`", presets::kFast, &model},
                                 {"default", presets::kDefault, &model},
                                 {"`--max`", presets::kMax, &small}};
  MarkdownTable table({"pack", "weights", "bytes written", "MB/s, 1 core", "MB/s, 2 cores"});
  for (const Row& row : rows) {
    tell(fmt::format("  pack {}", row.name));
    std::vector<std::function<void()>> calls;
    calls.reserve(std::size(kCores));
    std::uint64_t written = 0;
    for (const unsigned cores : kCores) {
      calls.emplace_back([&row, &written, cores] {
        written = pack_in_memory(*row.model, row.options, cores).size();
      });
    }
    const std::vector<double> seconds = alternating_seconds(calls, rounds);
    const auto size = static_cast<double>(row.model->total_size());
    table.add_row({row.name, fmt::format("{:.0f}M", size / sizeof(float) / 1e6),
                   fmt::format("{}", written), fmt::format("{:.1f}", size / seconds[0] / 1e6),
                   fmt::format("{:.1f}", size / seconds[1] / 1e6)});
  }
  return table.text() + "\n";
}

std::string run(const BenchOptions& options) {
  const harness::TempDir temp;
  const int rounds = options.quick ? 1 : kRounds;
  const auto make = [&](std::size_t weights) {
    const std::filesystem::path path = temp / fmt::format("{}.onnx", weights);
    write_large_model(path, options.quick ? kQuickWeights : weights);
    return OnnxModel::open(path);
  };
  const OnnxModel model = make(kWeights);
  const OnnxModel small = make(kMaxWeights);
  tell("  coders");
  return "### Ranks of the values\n\n" + coder_table(value_streams(model), rounds) +
         "### From a container in memory to dense float32\n\n" + load_table(model, rounds) +
         "### From a mapped model to a container in memory\n\n" + pack_table(model, small, rounds);
}

}  // namespace

const BenchTable kSpeedTable{
    .name = "speed",
    .title = "Speed in memory",
    .about =
        "40 million float32 weights in four layers, 10% of them not zero, 32 values; medians of 9\n"
        "rounds in which all lines take turns. *Huff0* is zstd's Huffman coder as it is inside\n"
        "libzstd, level -100 with Huffman codes forced, over the same ranks as bytes: it finds no\n"
        "matches, so that all it does is code literals. Streams are those of units of 16 MiB, each "
        "coded\n"
        "8 times in a row.\n"
        "Loading checks every unit's checksum and writes to memory that was touched before, but "
        "for\n"
        "the last two lines; packing includes hashing, the search for structure, coding, and\n"
        "decoding to verify. `zstd -d` reads a frame for each layer.",
    .run = run,
};

}  // namespace qc::bench
