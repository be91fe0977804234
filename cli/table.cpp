#include "cli/table.h"

#include <algorithm>

#include "cli/text.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::size_t kWideGap = 2;
constexpr std::size_t kNarrowGap = 1;
constexpr std::size_t kMinName = 12;

}  // namespace

Table::Table(std::vector<std::string> headings, bool last_is_text) : last_is_text_(last_is_text) {
  add_row(std::move(headings));
  add_rule();
}

void Table::add_row(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rows_.emplace_back(); }

std::string Table::text() const {
  const std::size_t columns = rows_.front().size();
  std::vector<std::size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  // A crowded table closes up before it shortens names.
  std::size_t cells = 0;
  for (std::size_t i = 1; i < columns; ++i) cells += widths[i];
  const auto fits = [&](std::size_t gap) {
    return widths[0] + cells + gap * (columns - 1) <= kTableWidth;
  };
  const std::size_t gap = fits(kWideGap) ? kWideGap : kNarrowGap;
  const std::size_t others = cells + gap * (columns - 1);
  const std::size_t room = kTableWidth > others + kMinName ? kTableWidth - others : kMinName;
  widths[0] = std::min(widths[0], room);

  std::string out;
  for (const auto& row : rows_) {
    if (row.empty()) {
      out += std::string(widths[0] + others, '-') + '\n';
      continue;
    }
    std::string line = pad(shorten_middle(row[0], widths[0]), widths[0], Align::kLeft);
    for (std::size_t i = 1; i < row.size(); ++i) {
      const bool left = last_is_text_ && i + 1 == columns;
      line += std::string(gap, ' ') + pad(row[i], widths[i], left ? Align::kLeft : Align::kRight);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace qc
