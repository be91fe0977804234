#include "report/html_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace qc {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes of the UTF-8 character at the front; 0 where there is none.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) < 0x80                       ? 1
                           : byte(0) >= 0xc2 && byte(0) < 0xe0  ? 2
                           : byte(0) >= 0xe0 && byte(0) < 0xf0  ? 3
                           : byte(0) >= 0xf0 && byte(0) <= 0xf4 ? 4
                                                                : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

std::string base64(ByteView bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t some = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (j < some ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= some ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

// Counts differ by powers of ten; without a little compression most bars could not be seen.
double bar_height(std::uint64_t count) { return std::sqrt(static_cast<double>(count)); }

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const char first = text.front();
    if (size == 0 || (size == 1 && first >= 0 && first < ' ') || first == 0x7f) {
      out += kReplacement;
    } else if (first == '<') {
      out += "&lt;";
    } else if (first == '>') {
      out += "&gt;";
    } else if (first == '&') {
      out += "&amp;";
    } else if (first == '"') {
      out += "&quot;";
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string histogram_svg(const Histogram& histogram, const std::optional<Histogram>& before,
                          std::string_view name) {
  constexpr double kWidth = 320;
  constexpr double kHeight = 96;
  constexpr double kStep = kWidth / static_cast<double>(Histogram::kBins);
  double most = 1;
  for (const std::uint64_t count : histogram.bins) most = std::max(most, bar_height(count));
  if (before) {
    for (const std::uint64_t count : before->bins) most = std::max(most, bar_height(count));
  }
  const auto height = [&](std::uint64_t count) { return kHeight * bar_height(count) / most; };
  std::string text =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><g class=\"bars\">",
                  kWidth, kHeight + 16,
                  escaped(fmt::format("How often values of {} occur, from {:.3g} to {:.3g}", name,
                                      -histogram.limit, histogram.limit)));
  for (std::size_t i = 0; i < Histogram::kBins; ++i) {
    if (histogram.bins[i] == 0) continue;
    const double tall = std::max(height(histogram.bins[i]), 0.5);
    text += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>",
                        static_cast<double>(i) * kStep, kHeight - tall, kStep - 0.5, tall);
  }
  text += "</g>";
  if (before) {
    std::string path;
    for (std::size_t i = 0; i < Histogram::kBins; ++i) {
      const double y = kHeight - height(before->bins[i]);
      path += fmt::format("{}{:.1f},{:.1f} {:.1f},{:.1f} ", i == 0 ? "M" : "L",
                          static_cast<double>(i) * kStep, y, static_cast<double>(i + 1) * kStep, y);
    }
    text += "<path class=\"before\" d=\"" + path + "\"/>";
  }
  text += fmt::format(
      "<line class=\"axis\" x1=\"0\" y1=\"{0}\" x2=\"{1}\" y2=\"{0}\"/><text x=\"0\" "
      "y=\"{2}\">{3:.3g}</text><text x=\"{4}\" y=\"{2}\" text-anchor=\"middle\">0</text><text "
      "x=\"{1}\" y=\"{2}\" text-anchor=\"end\">{5:.3g}</text></svg>",
      kHeight, kWidth, kHeight + 13, -histogram.limit, kWidth / 2, histogram.limit);
  return text;
}

std::string pattern_image(const SparsityPattern& pattern, std::string_view about) {
  return fmt::format(
      "<img class=\"pattern\" alt=\"{}\" width=\"{}\" height=\"{}\" "
      "src=\"data:image/png;base64,{}\">",
      escaped(about), pattern.columns, pattern.rows, base64(pattern.png()));
}

std::string curve_svg(const std::vector<ReportStep>& steps, std::string_view score_name) {
  std::vector<const ReportStep*> scored;
  for (const ReportStep& step : steps) {
    if (step.value && step.bytes > 0) scored.push_back(&step);
  }
  if (scored.size() < 2) return {};
  constexpr double kLeft = 64;
  constexpr double kRight = 620;
  constexpr double kTop = 12;
  constexpr double kBottom = 200;
  const auto [least, most] = std::minmax_element(
      scored.begin(), scored.end(), [](auto* a, auto* b) { return a->bytes < b->bytes; });
  const auto [worst, best] = std::minmax_element(
      scored.begin(), scored.end(), [](auto* a, auto* b) { return *a->value < *b->value; });
  // Sizes by their ratios.
  const double from = std::log(static_cast<double>((*least)->bytes));
  const double range = std::max(std::log(static_cast<double>((*most)->bytes)) - from, 1e-9);
  const double low = *(*worst)->value;
  const double span = std::max(*(*best)->value - low, 1e-9);
  const auto x = [&](const ReportStep& step) {
    return kLeft + (kRight - kLeft) * (std::log(static_cast<double>(step.bytes)) - from) / range;
  };
  const auto y = [&](const ReportStep& step) {
    return kBottom - (kBottom - kTop) * (*step.value - low) / span;
  };
  std::string path;
  std::string points;
  for (const ReportStep* step : scored) {
    if (step->is_kept) {
      path += fmt::format("{}{:.1f},{:.1f} ", path.empty() ? "M" : "L", x(*step), y(*step));
    }
    points += fmt::format(
        "<circle class=\"point{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>{}</title></circle>",
        step->is_kept ? "" : " dropped", x(*step), y(*step),
        escaped(fmt::format("{}: {} bytes, {}", step->label, step->bytes, step->score)));
  }
  return fmt::format(
      "<svg viewBox=\"0 0 640 232\" role=\"img\" aria-label=\"{}\"><line class=\"axis\" x1=\"{}\" "
      "y1=\"{}\" x2=\"{}\" y2=\"{}\"/><path class=\"curve\" d=\"{}\"/>{}<text x=\"4\" "
      "y=\"{}\">{}</text><text x=\"4\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\">{} "
      "bytes</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} bytes</text></svg>",
      escaped(fmt::format("{} of the steps against the size of their models; the table has the "
                          "numbers",
                          score_name.empty() ? "Scores" : score_name)),
      kLeft, kBottom + 8, kRight, kBottom + 8, path, points, kTop + 4, escaped((*best)->score),
      kBottom + 4, escaped((*worst)->score), kLeft, kBottom + 24, (*least)->bytes, kRight,
      kBottom + 24, (*most)->bytes);
}

}  // namespace qc
