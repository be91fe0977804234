#include "report/html_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "report/html_parts.h"

namespace qc {
namespace {

constexpr std::uint8_t kStyle[] = {
#include "report.inc"  // made of report.css
};

std::string size_cell(std::uint64_t bytes) { return fmt::format("{}", bytes); }

std::string percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.2f} %", 100 * part / whole) : "-";
}

// A table whose last column is a bar for the share of a whole.
class ShareTable {
 public:
  ShareTable(std::string caption, std::vector<std::string> headings, double whole)
      : whole_(whole),
        text_("<div class=\"wide\"><table><caption>" + escaped(caption) + "</caption><thead><tr>") {
    for (const std::string& heading : headings) {
      text_ += "<th scope=\"col\">" + escaped(heading) + "</th>";
    }
    text_ += "<th scope=\"col\">share</th><th></th></tr></thead><tbody>";
  }

  void add(const std::vector<std::string>& cells, double part, std::string_view kind = {}) {
    text_ += fmt::format("<tr class=\"{}\">", kind);
    for (const std::string& cell : cells) text_ += "<td>" + escaped(cell) + "</td>";
    const double share = whole_ > 0 ? 100 * part / whole_ : 0;
    text_ += fmt::format(
        "<td>{:.2f} %</td><td class=\"share\"><span class=\"bar\" style=\"width:{:.2f}%\">"
        "</span></td></tr>",
        share, share);
  }

  std::string text() const { return text_ + "</tbody></table></div>"; }

 private:
  double whole_;
  std::string text_;
};

std::string parts_section(const SizeTotals& totals) {
  struct Part {
    const char* name;
    std::uint64_t bytes;
    const char* about;
  };
  const std::array<Part, 8> parts = {{
      {"weights", totals.weights, "coded values, or ranks in codebooks"},
      {"indices", totals.indices, "positions of the weights that are not zero"},
      {"codebooks", totals.codebooks, "the shared values"},
      {"code tables", totals.tables, "lengths of Huffman codes"},
      {"biases and norms", totals.biases_norms, ""},
      {"other tensors", totals.other_tensors, "constants and integers"},
      {"graph", totals.graph, "nodes, names and shapes"},
      {"container", totals.framing, "header, manifest and padding"},
  }};
  ShareTable table("Parts of the file, in bytes", {"part", "bytes", "what it is"},
                   static_cast<double>(totals.container));
  for (const Part& part : parts) {
    table.add({part.name, size_cell(part.bytes), part.about}, static_cast<double>(part.bytes));
  }
  table.add({"whole file", size_cell(totals.container), ""}, static_cast<double>(totals.container),
            "total");
  return "<h2>Where the bytes go</h2>" + table.text();
}

std::string tensors_section(const Breakdown& breakdown) {
  std::vector<const TensorBreakdown*> lines;
  for (const TensorBreakdown& line : breakdown.tensors) {
    if (line.stored_bytes > 0) lines.push_back(&line);
  }
  std::ranges::stable_sort(lines,
                           [](auto* a, auto* b) { return a->stored_bytes > b->stored_bytes; });
  ShareTable table("Tensors, the largest in the file first; kept: values that are not zero",
                   {"tensor", "shape", "kept", "layout", "original", "bytes", "ratio"},
                   static_cast<double>(breakdown.totals.container));
  for (const TensorBreakdown* line : lines) {
    const auto stored = static_cast<double>(line->stored_bytes);
    table.add({line->tensor.name, shape_text(line->tensor.dims),
               line->measured ? percent(static_cast<double>(line->nonzeros),
                                        static_cast<double>(line->tensor.count()))
                              : "-",
               line->layout, size_cell(line->tensor.size), size_cell(line->stored_bytes),
               fmt::format("{:.1f}x", static_cast<double>(line->tensor.size) / stored)},
              stored);
  }
  return "<h2>Tensors</h2>" + table.text();
}

std::string pages_section(const HtmlReport& report) {
  if (report.pages.empty()) return {};
  std::string text =
      "<h2>Weights</h2><p class=\"about\">Above, how often weights of each size occur, without "
      "zeros";
  const bool compared = std::ranges::any_of(
      report.pages, [](const TensorPage& page) { return page.before.has_value(); });
  if (compared) text += "; the line is the model before";
  text +=
      ". Below, where weights are kept: a row for each output channel, dark where more of them "
      "are.</p><div class=\"figures\">";
  for (const TensorPage& page : report.pages) {
    const TensorBreakdown& line = report.breakdown.tensors[page.tensor];
    const std::string kept =
        percent(static_cast<double>(line.nonzeros), static_cast<double>(line.tensor.count()));
    text += "<figure><h3>" + escaped(line.tensor.name) + "</h3>";
    text += histogram_svg(page.histogram, page.before, line.tensor.name);
    text += pattern_image(page.pattern,
                          fmt::format("{}: {} of the weights are kept", line.tensor.name, kept));
    text +=
        "<figcaption>" +
        escaped(fmt::format(
            "{}, {} kept, {} distinct values, {} bytes", shape_text(line.tensor.dims), kept,
            line.distinct == 0 ? "many" : fmt::format("{}", line.distinct), line.stored_bytes)) +
        "</figcaption></figure>";
  }
  return text + "</div>";
}

std::string steps_section(const HtmlReport& report) {
  if (report.steps.empty()) return {};
  std::string text = "<h2>Steps</h2>" + curve_svg(report.steps, report.score_name);
  text +=
      "<div class=\"wide\"><table><caption>Each step, with the size of its model packed"
      "</caption><thead><tr><th scope=\"col\">step</th><th scope=\"col\">kept</th>"
      "<th scope=\"col\">bytes</th><th scope=\"col\">" +
      escaped(report.score_name.empty() ? "score" : report.score_name) +
      "</th><th scope=\"col\">result</th></tr></thead><tbody>";
  for (const ReportStep& step : report.steps) {
    text += fmt::format("<tr><td>{}</td><td>{:.2f} %</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                        escaped(step.label), 100 * step.kept, step.bytes,
                        escaped(step.score.empty() ? "-" : step.score),
                        step.is_kept ? "kept" : "not kept");
  }
  return text + "</tbody></table></div>";
}

}  // namespace

std::string html_report(const HtmlReport& report) {
  const SizeTotals& totals = report.breakdown.totals;
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      // Nothing is fetched, whatever a name in the model says.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; img-src data:\"><link rel=\"icon\" href=\"data:,\"><title>";
  text += escaped(report.title) + "</title><style>" + std::string(as_text(kStyle)) +
          "</style></head><body>";
  text += "<main><h1>" + escaped(report.title) + "</h1>";
  for (const std::string& fact : report.facts) {
    text += "<p class=\"fact\">" + escaped(fact) + "</p>";
  }
  text += fmt::format("<p class=\"size\">{} &rarr; {} bytes, {:.1f} times smaller</p>",
                      totals.original, totals.container,
                      static_cast<double>(totals.original) /
                          static_cast<double>(std::max<std::uint64_t>(totals.container, 1)));
  for (const std::string& note : report.notes) {
    text += "<p class=\"note\">" + escaped(note) + "</p>";
  }
  text += steps_section(report) + parts_section(totals) + tensors_section(report.breakdown) +
          pages_section(report);
  return text + "</main></body></html>\n";
}

}  // namespace qc
