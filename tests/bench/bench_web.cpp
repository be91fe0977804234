// The web package in node, beside inflating the same files.
#include <filesystem>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "large_model.h"
#include "programs.h"
#include "treated_models.h"

namespace qc::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargeWeights = 4'000'000;

std::string run_node(const std::vector<std::string>& arguments) {
  return run_command({"node", "node", arguments, {}}).out;
}

std::string run(const BenchOptions& /*options*/) {
  const auto shared = harness::shared_dir();
  const fs::path package = harness::source_dir() / "build" / "web" / "dist";
  if (!shared || !fs::exists(package)) {
    return "Not measured: it needs `../shared` and what `scripts/build-web` makes.\n";
  }
  const harness::TempDir temp;
  std::vector<std::string> arguments = {harness::source_dir() / "web" / "bench.mjs", package};
  const auto add = [&](const fs::path& model, const std::string& title) {
    const fs::path container = temp / (title + ".qc");
    run_command(qcompress_command({"pack"}, model, container));
    arguments.push_back(container);
  };
  for (const TreatedModel& model : treated_models()) {
    add(prepared(model, *shared / "models", temp.path()), std::string(model.title));
  }
  const fs::path large = temp / "large.onnx";
  write_large_model(large, kLargeWeights);
  add(large, "Generated, 10% of the weights not zero, 32 values");
  return run_node(arguments) + "\nNode " + run_node({"--version"});
}

}  // namespace

const BenchTable kWebTable{
    .name = "web",
    .title = "Decoding in WebAssembly",
    .about =
        "`node web/bench.mjs build/web/dist CONTAINER...`: `load` of qcompress-web beside "
        "gunzipping "
        "the\n"
        "same model with DecompressionStream, taking turns; medians of 9 rounds, in MB of the "
        "model "
        "a\n"
        "second. *Speed* over 1: the container is faster. Neither counts the download.",
    .run = run,
};

}  // namespace qc::bench
