// The size of every model of ../shared as .qc and with zstd.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>

#include "bench.h"
#include "core/error.h"
#include "formats/qc_writer.h"
#include "harness.h"
#include "programs.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kManyFloats = 10'000;
constexpr std::int64_t kAllowedExcess = 1024;

/// Sizes of one model, or of all.
struct Sizes {
  std::uint64_t original = 0;
  std::uint64_t packed = 0;
  std::uint64_t zstd = 0;
  std::uint64_t floats = 0;

  std::int64_t difference() const {
    return static_cast<std::int64_t>(packed) - static_cast<std::int64_t>(zstd);
  }
};

Sizes measure(const OnnxModel& model, const fs::path& folder) {
  const harness::TempDir temp;
  Sizes sizes;
  sizes.original = model.total_size();
  MemorySink sink;
  pack_model(model, {}, sink);
  sizes.packed = sink.bytes().size();
  for (const ModelFile& file : model.files()) {
    run_command(zstd_command({"-19", "--long=27"}, folder / file.relative, temp / "out.zst"));
    sizes.zstd += fs::file_size(temp / "out.zst");
  }
  for (const TensorInfo& tensor : model.tensors()) {
    if (tensor.has_values()) sizes.floats += tensor.count();
  }
  return sizes;
}

std::vector<std::string> row(const std::string& name, const Sizes& sizes) {
  return {name,
          fmt::format("{}", sizes.floats),
          fmt::format("{}", sizes.original),
          fmt::format("{}", sizes.packed),
          fmt::format("{}", sizes.zstd),
          fmt::format("{:+}", sizes.difference()),
          fmt::format("{:+.1f}", 100 * static_cast<double>(sizes.difference()) /
                                     static_cast<double>(sizes.zstd))};
}

std::string names_or_none(const std::vector<std::string>& names) {
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  const fs::path models = *shared / "models";
  MarkdownTable table({"model", "floats", "bytes", ".qc", "zstd -19", "difference", "%"});
  Sizes total;
  std::vector<std::string> left_out;
  std::vector<std::string> over;
  std::vector<std::string> not_smaller;
  std::size_t count = 0;
  for (const std::string& name : harness::list_models(models)) {
    if (options.quick && ++count > 5) break;
    tell(fmt::format("  {}", name));
    const fs::path path = models / name;
    try {
      const Sizes sizes = measure(OnnxModel::open(path), path.parent_path());
      table.add_row(row(name, sizes));
      total.original += sizes.original;
      total.packed += sizes.packed;
      total.zstd += sizes.zstd;
      total.floats += sizes.floats;
      if (sizes.difference() > kAllowedExcess) over.push_back(name);
      if (sizes.floats > kManyFloats && sizes.difference() >= 0) not_smaller.push_back(name);
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
        "`qcompress pack` beside `zstd -19 --long=27` of the same files (of a model with external\n"
        "data, all of them together), in bytes. Lossless: nothing is pruned or shared.",
    .run = run,
};

}  // namespace qc::bench
