// libqcompress: how large it is, built in several ways, and how fast it decodes beside zstd.
#include <fmt/format.h>
#include <zstd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bench.h"
#include "core/bytes.h"
#include "formats/onnx/onnx_model.h"
#include "formats/packed/pack_model.h"
#include "harness.h"
#include "qcompress/qcompress.hpp"
#include "system/file.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 9;
constexpr int kZstdLevel = 19;

void must_run(const std::string& program, const std::vector<std::string>& arguments) {
  harness::RunOptions options;
  options.program = program;
  options.timeout = std::chrono::minutes(30);
  const harness::RunResult result = harness::run(arguments, options);
  if (result.exit_code != 0) throw std::runtime_error(program + ": " + result.err + result.out);
}

/// Bytes of the shared library, stripped, built with these settings of CMake.
std::uintmax_t library_size(const std::vector<std::string>& settings) {
  const harness::TempDir temp;
  std::vector<std::string> arguments = {
      "-S",    harness::source_dir() / "runtime", "-B", temp / "b", "-G",
      "Ninja", "-DCMAKE_BUILD_TYPE=Release"};
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  must_run("cmake", arguments);
  must_run("cmake", {"--build", temp / "b", "--target", "qcompress_shared"});
  must_run("strip", {"-o", temp / "stripped", temp / "b" / "libqcompress.so"});
  return fs::file_size(temp / "stripped");
}

std::string sizes() {
  const fs::path zstd = harness::source_dir() / "build" / "zstd" / "lib";
  const std::string zstd_source = "-DQC_ZSTD_SOURCE=" + zstd.string();
  const std::string no_context = "-DQC_CONTEXT_LAYOUTS=OFF";
  struct Row {
    std::string name;
    std::vector<std::string> settings;
  };
  std::vector<Row> rows = {{"zstd of the system", {}},
                           {"zstd of the system, no context layouts", {no_context}}};
  if (fs::exists(zstd / "zstd.h")) {
    rows.push_back({"zstd built in", {zstd_source}});
    rows.push_back({"zstd built in, no context layouts", {zstd_source, no_context}});
  }
  MarkdownTable table({"libqcompress.so, stripped", "kB"});
  for (const Row& row : rows) {
    tell("  " + row.name);
    table.add_row(
        {row.name, fmt::format("{:.1f}", static_cast<double>(library_size(row.settings)) / 1e3)});
  }
  return table.text();
}

void add_speed(const std::string& name, const fs::path& path, const BenchOptions& options,
               MarkdownTable& table) {
  const OnnxModel model = OnnxModel::open(path);
  MemorySink packed;
  PackOptions pack;
  pack.encode = presets::kDefault;
  pack_model(model, pack, packed);
  const MappedFile original(path);
  Bytes frame(ZSTD_compressBound(original.bytes().size()));
  frame.resize(ZSTD_compress(frame.data(), frame.size(), original.bytes().data(),
                             original.bytes().size(), kZstdLevel));
  std::vector<std::byte> by_zstd(original.bytes().size());
  std::vector<std::byte> by_library(original.bytes().size());
  const auto seconds = alternating_seconds(
      {[&] {
         const auto opened = qcompress::Container::open(std::as_bytes(std::span(packed.bytes())));
         qcompress_error error;
         if (qcompress_read_file(opened.get(), 0, by_library.data(), by_library.size(), &error)) {
           throw qcompress::Error(error);
         }
       },
       [&] { ZSTD_decompress(by_zstd.data(), by_zstd.size(), frame.data(), frame.size()); }},
      options.quick ? 1 : kRounds);
  if (by_library != by_zstd) throw std::runtime_error(name + ": other bytes");
  const double megabytes = static_cast<double>(original.bytes().size()) / 1e6;
  table.add_row({name, fmt::format("{:.2f}", megabytes),
                 fmt::format("{:.3f}", static_cast<double>(packed.bytes().size()) / 1e6),
                 fmt::format("{:.3f}", static_cast<double>(frame.size()) / 1e6),
                 fmt::format("{:.0f}", megabytes / seconds[0]),
                 fmt::format("{:.0f}", megabytes / seconds[1])});
}

std::string run(const BenchOptions& options) {
  MarkdownTable table({"model", "MB", ".qc MB", "zstd -19 MB", "libqcompress MB/s", "zstd MB/s"});
  const fs::path samples = harness::source_dir() / "samples" / "models";
  add_speed("lenet-5.onnx", samples / "lenet-5.onnx", options, table);
  if (const auto shared = harness::shared_dir()) {
    constexpr std::array<const char*, 4> kModels = {
        "converted/squeezenet_f32_from_fp16.onnx", "yolox_nano/yolox_nano.onnx",
        "converted/resnet20_cifar10.onnx", "yunet/yunet_n_320_320.onnx"};
    for (const char* model : kModels) {
      const fs::path path = *shared / "models" / model;
      if (fs::exists(path)) add_speed(path.filename().string(), path, options, table);
    }
  }
  return sizes() + "\n" + table.text();
}

}  // namespace

const BenchTable kLibraryTable = {
    .name = "library",
    .title = "The decoder as a library",
    .about =
        "Bytes of `libqcompress.so` after `strip`, as `runtime/` builds it, without the "
        "libraries of the system. Then one thread from a container in memory to the .onnx "
        "file in memory: open, decode, compare the checksum; beside `ZSTD_decompress` of the "
        "same file. Medians of nine rounds in turn.",
    .run = run,
    .slow = true,
};

}  // namespace qc::bench
