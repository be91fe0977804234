// Sizes and speeds for every model of ../shared, beside zstd.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench.h"
#include "core/error.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kManyFloats = 10'000;
constexpr std::int64_t kAllowedExcess = 1024;
constexpr int kRounds = 3;

/// What is timed: each makes a file from the model or from what another one made of it.
enum Program { kPack, kPackFast, kZstd19, kZstd3, kUnpack, kZstdBack, kPrograms };
constexpr std::size_t kPackers = kUnpack;

/// Figures of one model, or of all.
struct Figures {
  std::uint64_t original = 0;
  std::uint64_t floats = 0;
  std::array<std::uint64_t, kPackers> sizes{};
  std::array<double, kPrograms> seconds{};

  std::int64_t difference() const {
    return static_cast<std::int64_t>(sizes[kPack]) - static_cast<std::int64_t>(sizes[kZstd19]);
  }

  void add(const Figures& other) {
    original += other.original;
    floats += other.floats;
    for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] += other.sizes[i];
    for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i] += other.seconds[i];
  }
};

/// The programs for one model: of several files zstd takes one after the other.
class Calls {
 public:
  Calls(const OnnxModel& model, const fs::path& path) {
    fs::create_directory(back_);
    commands_[kPack] = {qcompress_command({"pack"}, path, temp_ / "model.qc")};
    commands_[kPackFast] = {qcompress_command({"pack", "--fast"}, path, temp_ / "fast.qc")};
    commands_[kUnpack] = {qcompress_command({"unpack"}, temp_ / "model.qc", back_ / "model.onnx")};
    for (const ModelFile& file : model.files()) {
      const fs::path input = path.parent_path() / file.relative;
      const std::string number = fmt::format("{}", commands_[kZstd19].size());
      const fs::path smallest = temp_ / (number + ".19.zst");
      commands_[kZstd19].push_back(zstd_command({"-19"}, input, smallest));
      commands_[kZstd3].push_back(zstd_command({"-3"}, input, temp_ / (number + ".3.zst")));
      commands_[kZstdBack].push_back(zstd_command({"-d"}, smallest, back_ / number));
    }
  }

  void run(std::size_t program) const {
    const bool several = commands_[kZstd19].size() > 1;
    if (program == kUnpack && several) {
      // External data that is there already would not be written again.
      fs::remove_all(back_);
      fs::create_directory(back_);
    }
    for (const Command& command : commands_[program]) run_command(command);
  }

  std::uint64_t size(std::size_t packer) const {
    std::uint64_t size = 0;
    for (const Command& command : commands_[packer]) size += fs::file_size(command.output);
    return size;
  }

 private:
  harness::TempDir temp_;
  fs::path back_ = temp_ / "back";
  std::array<std::vector<Command>, kPrograms> commands_;
};

Figures measure(const fs::path& path, int rounds) {
  const OnnxModel model = OnnxModel::open(path);
  const Calls calls(model, path);
  std::vector<std::function<void()>> turns;
  for (std::size_t program = 0; program < kPrograms; ++program) {
    turns.emplace_back([&calls, program] { calls.run(program); });
  }
  Figures figures;
  std::ranges::copy(alternating_seconds(turns, rounds), figures.seconds.begin());
  for (std::size_t packer = 0; packer < kPackers; ++packer) {
    figures.sizes[packer] = calls.size(packer);
  }
  figures.original = model.total_size();
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.has_values()) figures.floats += tensor.count();
  }
  return figures;
}

std::vector<std::string> row(const std::string& name, const Figures& figures) {
  std::vector<std::string> cells = {name, fmt::format("{}", figures.original)};
  for (const std::uint64_t size : figures.sizes) cells.push_back(fmt::format("{}", size));
  cells.push_back(fmt::format("{:+.1f}", 100 * static_cast<double>(figures.difference()) /
                                             static_cast<double>(figures.sizes[kZstd19])));
  for (const double seconds : figures.seconds) {
    cells.push_back(fmt::format("{:.1f}", static_cast<double>(figures.original) / seconds / 1e6));
  }
  return cells;
}

std::string names_or_none(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  const fs::path models = *shared / "models";
  MarkdownTable table({"model", "bytes", ".qc", "--fast", "zstd -19", "zstd -3", "%", "pack",
                       "--fast", "zstd -19", "zstd -3", "unpack", "zstd -d"});
  Figures total;
  std::vector<std::string> left_out;
  std::vector<std::string> over;
  std::vector<std::string> not_smaller;
  std::size_t count = 0;
  for (const std::string& name : harness::list_models(models)) {
    if (options.quick && ++count > 5) break;
    tell(fmt::format("  {}", name));
    const fs::path path = models / name;
    try {
      const Figures figures = measure(path, options.quick ? 1 : kRounds);
      table.add_row(row(name, figures));
      total.add(figures);
      if (figures.difference() > kAllowedExcess) over.push_back(name);
      if (figures.floats > kManyFloats && figures.difference() >= 0) not_smaller.push_back(name);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kFile) throw;
      left_out.push_back(name);
    }
  }
  table.add_row(row("all", total));
  return fmt::format(
      "{}\nMore than 1 KiB over zstd: {}. Over {} floats and no smaller than zstd: {}. Left out "
      "because external data is missing: {}.\n",
      table.text(), names_or_none(over), kManyFloats, names_or_none(not_smaller),
      names_or_none(left_out));
}

}  // namespace

const BenchTable kModelsTable{
    .name = "models",
    .title = "Every model as it is",
    .about =
        "Whole programs on one core, `qcompress` with `-j1`, in turns: bytes of `qcompress\n"
        "pack`, of `qcompress pack --fast`, of `zstd -19` and of `zstd -3` of the same files (of\n"
        "a model with external data, all of them together); *%* is default beside `zstd -19`.\n"
        "Then MB/s of the model, from median times: what each takes in, and what `qcompress\n"
        "unpack` and `zstd -d` of the `-19` files give back. Lossless: nothing is pruned or\n"
        "shared.",
    .run = run,
};

}  // namespace qc::bench
