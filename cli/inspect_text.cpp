#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "cli/inspect.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/float_types.h"
#include "data/feeds/input_types.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::uint64_t kSmallModel = 100'000;  // weights; below, headers and codebooks weigh
constexpr std::size_t kHistogramBins = 16;
constexpr std::size_t kBarWidth = 50;
constexpr std::size_t kLayoutWidth = 15;

constexpr const char* kBeaten =
    "a gap below 0: the floor is beaten, for these are not coded alone but predicted from their\n"
    "neighbours (pack --max), or together with what they repeat\n";

std::string bits_text(double bits) { return bits > 0 ? fmt::format("{:.1f}", bits) : "-"; }

std::string fixed_bits_text(double bits) {
  return bits > 0 ? fmt::format("{:.{}f}", bits, bits == std::floor(bits) ? 0 : 1) : "-";
}

// Low-bit weights differ in the second decimal.
std::string bits_per_weight_text(const TensorBreakdown& line) {
  const double bits = line.bits_per_element();
  return bits > 0 ? fmt::format("{:.2f}", bits) : "-";
}

bool has_gap(const TensorBreakdown& line) {
  return line.has_floor() && line.floor_bytes() >= 1 && line.placement == Placement::kOwn;
}

// What is coded beyond the floor, as a fraction of it.
double gap(const TensorBreakdown& line) {
  const auto coded = static_cast<double>(line.stats.value_bytes + line.stats.index_bytes);
  return coded / line.floor_bytes() - 1;
}

std::string gap_text(const TensorBreakdown& line) {
  return has_gap(line) ? fmt::format("{:+.1f}%", 100 * gap(line)) : "-";
}

// The column "bits" tells a palette from plain values, so the usual inner layout goes unsaid.
std::string layout_text(const TensorBreakdown& line) {
  constexpr std::string_view kUsual = "+palette";
  const std::string& layout = line.layout;
  return shorten_middle(
      layout.ends_with(kUsual) ? layout.substr(0, layout.size() - kUsual.size()) : layout,
      kLayoutWidth);
}

std::vector<std::string> row(const TensorBreakdown& line) {
  return {line.tensor.name,
          count_text(line.tensor.count()),
          line.measured ? percent_text(static_cast<double>(line.nonzeros),
                                       static_cast<double>(line.tensor.count()))
                        : "-",
          fixed_bits_text(line.value_bits()),
          bits_text(line.coded_value_bits()),
          fixed_bits_text(line.index_bits()),
          bits_text(line.coded_index_bits()),
          bits_per_weight_text(line),
          line.stored_bytes > 0 ? ratio_text(line.tensor.size, line.stored_bytes) : "-",
          line.has_floor() && line.placement == Placement::kOwn
              ? size_text(static_cast<std::uint64_t>(std::ceil(line.floor_bytes())))
              : "-",
          gap_text(line),
          layout_text(line)};
}

double ratio_of(const TensorBreakdown& line) {
  return line.stored_bytes > 0
             ? static_cast<double>(line.tensor.size) / static_cast<double>(line.stored_bytes)
             : std::numeric_limits<double>::infinity();
}

// The tensors to list, in order.
std::vector<const TensorBreakdown*> chosen(const Breakdown& breakdown, const InspectView& view) {
  std::vector<const TensorBreakdown*> lines;
  for (const TensorBreakdown& line : breakdown.tensors) {
    const bool weight = line.tensor.role == Role::kWeight && line.placement != Placement::kGraph;
    if (view.all || weight) lines.push_back(&line);
  }
  const auto sort = [&](auto&& before) { std::stable_sort(lines.begin(), lines.end(), before); };
  switch (view.sort) {
    case SortBy::kModel:
      break;
    case SortBy::kSize:
      sort([](auto* a, auto* b) { return a->stored_bytes > b->stored_bytes; });
      break;
    case SortBy::kRatio:
      sort([](auto* a, auto* b) { return ratio_of(*a) < ratio_of(*b); });
      break;
    case SortBy::kName:
      sort([](auto* a, auto* b) { return a->tensor.name < b->tensor.name; });
      break;
  }
  return lines;
}

std::string totals_text(const SizeTotals& totals) {
  struct Part {
    const char* name;
    std::uint64_t bytes;
  };
  const std::array<Part, 8> parts = {{{"weights", totals.weights},
                                      {"indices", totals.indices},
                                      {"codebooks", totals.codebooks},
                                      {"code tables", totals.tables},
                                      {"biases and norms", totals.biases_norms},
                                      {"other tensors", totals.other_tensors},
                                      {"graph", totals.graph},
                                      {"container", totals.framing}}};
  Table table({"where the bytes go", "bytes", "%"});
  for (const Part& part : parts) {
    table.add_row(
        {part.name, fmt::format("{}", part.bytes),
         percent_text(static_cast<double>(part.bytes), static_cast<double>(totals.container))});
  }
  table.add_rule();
  table.add_row({"whole .qc file", fmt::format("{}", totals.container), "100.00"});
  std::string text = table.text();
  text += fmt::format("\nwhole files: {} -> {} bytes, {} smaller\n", totals.original,
                      totals.container, ratio_text(totals.original, totals.container));
  if (totals.paper_coded > 0) {
    text +=
        fmt::format("the paper's accounting (coded weights and indices only): {} -> {} bytes, {}\n",
                    totals.paper_original, totals.paper_coded,
                    ratio_text(totals.paper_original, totals.paper_coded));
  }
  return text;
}

// What the columns mean.
std::string columns_text(const std::vector<const TensorBreakdown*>& lines) {
  std::string text =
      "bits, index: width of the codes of a stored value and of a position, before entropy coding\n"
      "coded: bits after it, of values and of positions, for each kept (nonzero) weight; a layout "
      "without\n"
      "an index has the zeros among its values\n"
      "b/weight: everything that is stored, for each weight, zeros too\n";
  const bool floors = std::ranges::any_of(lines, [](auto* line) { return has_gap(*line); });
  const bool beaten =
      std::ranges::any_of(lines, [](auto* line) { return has_gap(*line) && gap(*line) < 0; });
  if (floors) {
    text +=
        "floor: zeroth-order entropy of positions and values, below which no code for each of them "
        "alone\n"
        "can go; gap: what is coded beyond it\n";
  }
  if (beaten) text += kBeaten;
  return text;
}

std::string floor_text(const Breakdown& breakdown) {
  double floor = 0;
  std::uint64_t coded = 0;
  for (const TensorBreakdown& line : breakdown.tensors) {
    if (line.placement != Placement::kOwn || !line.has_floor()) continue;
    floor += line.floor_bytes();
    coded += line.stats.value_bytes + line.stats.index_bytes;
  }
  if (floor < 1) return "";
  return fmt::format(
      "entropy floor of the tensors with few values: {:.0f} bytes; coded in {}, {:+.2f}%\n",
      std::ceil(floor), coded, 100 * (static_cast<double>(coded) / floor - 1));
}

// "input 'x' float32 [1,3,224,224]", a line each, of many the first.
std::string values_text(std::string_view kind, const std::vector<GraphValue>& values) {
  constexpr std::size_t kMost = 12;
  std::string text;
  for (std::size_t i = 0; i < std::min(values.size(), kMost); ++i) {
    text +=
        printable(fmt::format("{} '{}' {}", kind, values[i].name, wanted_text(values[i]))) + "\n";
  }
  if (values.size() > kMost) {
    text += fmt::format("{} more\n", plural(values.size() - kMost, kind));
  }
  return text;
}

}  // namespace

bool is_worth_telling(std::uint64_t bytes, std::uint64_t packed) noexcept {
  constexpr std::uint64_t kPart = 1000;
  return bytes > 0 && kPart * bytes >= packed;
}

std::vector<std::string> inspect_warnings(const Breakdown& breakdown) {
  std::vector<std::string> warnings;
  std::uint64_t weights = 0;
  std::uint64_t factors = 0;  // elements of tensors that Mul reads
  std::uint64_t negative_zeros = 0;
  double sign_bytes = 0;
  bool structured = false;
  for (const TensorBreakdown& line : breakdown.tensors) {
    negative_zeros += line.negative_zeros;
    sign_bytes += line.zero_sign_bytes;
    const bool factor = line.tensor.role == Role::kOther && line.tensor.op == "Mul" &&
                        line.tensor.has_values() && line.tensor.dims.size() >= 2;
    if (factor) factors += line.tensor.count();
    if (line.tensor.role != Role::kWeight || line.placement == Placement::kGraph) continue;
    weights += line.tensor.count();
    structured |= line.has_floor() || line.by_channel || line.density() < 0.5;
    const bool sparse = line.stats.index_symbols > 0;
    if (!sparse || line.distinct == 0) continue;
    const auto count = static_cast<double>(line.tensor.count());
    const double dense_bits = std::ceil(std::log2(static_cast<double>(line.distinct) + 1));
    const double dense = count * dense_bits / 8 + static_cast<double>(line.stats.codebook_bytes);
    if (static_cast<double>(line.stored_bytes) > dense) {
      warnings.push_back(fmt::format(
          "{}: the sparse layout takes {} where dense codes of {} bits would take {}: at {:.0f}% "
          "kept, sparsity does not pay",
          line.tensor.name, size_text(line.stored_bytes), dense_bits,
          size_text(static_cast<std::uint64_t>(dense)), 100 * line.density()));
    }
  }
  if (is_worth_telling(static_cast<std::uint64_t>(std::llround(sign_bytes)),
                       breakdown.totals.container)) {
    warnings.push_back(
        fmt::format("{} zeros are negative (-0.0); their signs cost about {} or more: qcompress "
                    "tidy makes those positive that no output can tell apart",
                    count_text(negative_zeros),
                    size_text(static_cast<std::uint64_t>(std::llround(sign_bytes)))));
  }
  if (weights == 0 && factors > 0) {
    warnings.push_back(fmt::format(
        "no weights, but Mul reads {} floats of constants: where these are weights and their "
        "masks, qcompress tidy multiplies them out",
        count_text(factors)));
  } else if (weights == 0) {
    warnings.emplace_back("no weights of any size: little to gain beyond the graph");
  } else if (!structured) {
    warnings.emplace_back(
        "the weights are ordinary floats, which hardly compress without loss; prune and share them "
        "first");
  } else if (weights < kSmallModel) {
    warnings.push_back(fmt::format(
        "only {} weights: codebooks, biases and the graph weigh, so expect less than the ratios "
        "published for large nets",
        count_text(weights)));
  }
  return warnings;
}

std::string inspect_text(const Breakdown& breakdown, const InspectView& view) {
  std::string text =
      fmt::format("{}{}\n", printable(view.file), view.packed_now ? ": as if packed now" : "");
  text += values_text("input", breakdown.inputs) + values_text("output", breakdown.outputs) + "\n";
  const std::vector<const TensorBreakdown*> lines = chosen(breakdown, view);
  if (!lines.empty()) {
    Table table({"tensor", "weights", "kept %", "bits", "coded", "index", "coded", "b/weight",
                 "ratio", "floor", "gap", "layout"},
                true);
    for (const TensorBreakdown* line : lines) table.add_row(row(*line));
    text += table.text();
    text += columns_text(lines);
  }
  if (lines.size() < breakdown.tensors.size()) {
    text += fmt::format("{} not listed (biases, norms, constants); --all lists them\n",
                        plural(breakdown.tensors.size() - lines.size(), "tensor"));
  }
  text += fmt::format("\n{}{}", totals_text(breakdown.totals), floor_text(breakdown));
  return text;
}

std::string inspect_tensor_text(const TensorBreakdown& line, ByteView bytes) {
  const TensorInfo& tensor = line.tensor;
  std::string text =
      fmt::format("{}\n  {} {}, {}{}{}\n", printable(tensor.name), data_type_name(tensor.type),
                  shape_text(tensor.dims), role_name(tensor.role), tensor.op.empty() ? "" : " of ",
                  printable(tensor.op));
  if (tensor.channel_axis >= 0)
    text += fmt::format("  output channels along axis {}\n", tensor.channel_axis);
  text += fmt::format("  {} bytes, stored in {} as {}\n", tensor.size, line.stored_bytes,
                      printable(line.layout));
  text += fmt::format(
      "  {} of {} elements are not zero ({}%)", line.nonzeros, tensor.count(),
      percent_text(static_cast<double>(line.nonzeros), static_cast<double>(tensor.count())));
  text += line.distinct > 0 ? fmt::format(", {} distinct values\n", line.distinct) : "\n";
  if (line.negative_zeros > 0) {
    text +=
        fmt::format("  {} of the zeros are negative; their signs cost about {:.0f} bytes or more\n",
                    line.negative_zeros, line.zero_sign_bytes);
  }
  if (!tensor.has_values() || bytes.empty()) return text;

  double sum = 0;
  double squares = 0;
  std::uint64_t finite = 0;
  float least = std::numeric_limits<float>::max();
  float most = std::numeric_limits<float>::lowest();
  const std::vector<float> values = load_floats(tensor.type, bytes);
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    ++finite;
    sum += value;
    squares += static_cast<double>(value) * value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  if (finite == 0) return text + "  no finite value\n";
  const double mean = sum / static_cast<double>(finite);
  const double deviation =
      std::sqrt(std::max(0.0, squares / static_cast<double>(finite) - mean * mean));
  text += fmt::format("  from {:.6g} to {:.6g}, mean {:.4g}, standard deviation {:.4g}\n\n", least,
                      most, mean, deviation);

  std::array<std::uint64_t, kHistogramBins> bins{};
  const double span =
      std::max(static_cast<double>(most) - least, std::numeric_limits<double>::min());
  for (const float value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    const double place = (static_cast<double>(value) - least) / span * kHistogramBins;
    ++bins[std::min(static_cast<std::size_t>(place), kHistogramBins - 1)];
  }
  const std::uint64_t largest =
      std::max<std::uint64_t>(*std::max_element(bins.begin(), bins.end()), 1);
  text += "  values other than zero\n";
  for (std::size_t i = 0; i < kHistogramBins; ++i) {
    const double from = least + span * static_cast<double>(i) / kHistogramBins;
    const std::string bar(kBarWidth * bins[i] / largest, '#');
    text += fmt::format("  {:>11.4g}  {:<{}}  {}\n", from, bar, kBarWidth, bins[i]);
  }
  return text;
}

}  // namespace qc
