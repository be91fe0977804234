// Tables for terminals.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qc {

/// A table at most kTableWidth columns wide, of printable() cells: the first column is left-aligned
/// and shortened in the middle where needed, the last may be left-aligned, the rest are
/// right-aligned.
class Table {
 public:
  static constexpr std::size_t kTableWidth = 100;

  explicit Table(std::vector<std::string> headings, bool last_is_text = false);

  void add_row(std::vector<std::string> cells);
  /// A rule across the table before the next row.
  void add_rule();

  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
  bool last_is_text_;
};

}  // namespace qc
