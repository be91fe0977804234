// The size of a model with a changed tensor, beside packing it.
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "bench.h"
#include "changed_model.h"
#include "core/byte_sink.h"
#include "formats/onnx/onnx_model.h"
#include "formats/qc/write/pricer.h"
#include "formats/qc/write/qc_writer.h"
#include "harness.h"

namespace qc::bench {
namespace {

using test::Change;

constexpr std::size_t kChanges = 200;
constexpr std::size_t kQuickChanges = 5;
// Copies of other tensors are rare in a search, and cost nothing.
constexpr std::array kKinds = {Change::kPruned, Change::kFewValues, Change::kRandom,
                               Change::kOriginal};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// What price() and packing took for every change, and how often they agreed.
struct Timings {
  std::vector<double> price;
  std::vector<double> pack;
  std::size_t equal = 0;
};

template <typename Call>
double seconds_of(Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Timings measure(const OnnxModel& model, const PackOptions& options, std::size_t changes) {
  test::ChangedModel changed(model, 1);
  Pricer pricer(options);
  pricer.price(changed.source());
  Timings timings;
  for (std::size_t i = 0; i < changes; ++i) {
    changed.change(kKinds);
    const PackSource source = changed.source();
    std::uint64_t size = 0;
    timings.price.push_back(seconds_of([&] { size = pricer.price(source); }));
    MemorySink sink;
    timings.pack.push_back(seconds_of([&] { write_container(source, options, sink); }));
    if (size == sink.bytes().size()) ++timings.equal;
  }
  return timings;
}

std::string percent(double part, double whole) { return fmt::format("{:.2f}", 100 * part / whole); }

std::string run(const BenchOptions& options) {
  const auto shared = harness::shared_dir();
  if (!shared) return "Not measured: `../shared` is not here.\n";
  const OnnxModel model =
      OnnxModel::open(*shared / "models/converted/squeezenet_f32_from_fp16.onnx");
  MarkdownTable table({"threads", "changes", "equal", "pack ms", "price ms", "median %",
                       "pack ms, mean", "price ms, mean", "mean %"});
  for (const unsigned threads : {1U, 0U}) {
    PackOptions pack_options;
    pack_options.encode = presets::kDefault;
    pack_options.threads = threads;
    const Timings timings = measure(model, pack_options, options.quick ? kQuickChanges : kChanges);
    const double pack = median(timings.pack);
    const double price = median(timings.price);
    table.add_row({threads == 0 ? "all" : fmt::format("{}", threads),
                   fmt::format("{}", timings.price.size()), fmt::format("{}", timings.equal),
                   fmt::format("{:.1f}", 1e3 * pack), fmt::format("{:.2f}", 1e3 * price),
                   percent(price, pack), fmt::format("{:.1f}", 1e3 * mean(timings.pack)),
                   fmt::format("{:.2f}", 1e3 * mean(timings.price)),
                   percent(mean(timings.price), mean(timings.pack))});
  }
  return table.text();
}

}  // namespace

const BenchTable kPricerTable{
    .name = "pricer",
    .title = "The size of a model with a changed tensor",
    .about =
        "SqueezeNet of `../shared` (`converted/squeezenet_f32_from_fp16.onnx`) in memory: random\n"
        "tensors, one after the other, are pruned, given a few values or random ones, or get "
        "their\n"
        "own values back, and stay so. After each change `Pricer::price()` tells the size of the\n"
        "container, and `write_container()` writes it to memory. *Equal*: answers that were the\n"
        "size written. Medians, then means; *%* is price beside pack.",
    .run = run,
};

}  // namespace qc::bench
