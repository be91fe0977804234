// The tables of the benchmarks and what they are made with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qc::bench {

struct BenchOptions {
  bool quick = false;      ///< as little as shows that everything works; the figures mean nothing
  std::string only = {};   ///< of tables over networks, those whose names contain this
  std::string keep = {};   ///< of these, where rows are kept and found; may be empty
  bool kept_only = false;  ///< of these, the rows that are found: nothing is measured

  bool wants(std::string_view network) const {
    return network.find(only) != std::string_view::npos;
  }
};

/// One table: a row in main.cpp, a file with its implementation.
struct BenchTable {
  std::string_view name;  ///< on the command line
  std::string_view title;
  std::string_view about;  ///< what the columns are, Markdown
  /// Measures and gives Markdown.
  std::string (*run)(const BenchOptions& options);
  bool slow = false;  ///< takes long: made only when it is named
};

extern const BenchTable kPackTable;
extern const BenchTable kDecodeTable;
extern const BenchTable kKmeansTable;
extern const BenchTable kModelsTable;
extern const BenchTable kFiguresTable;
extern const BenchTable kMaskedTable;
extern const BenchTable kStructuredTable;
extern const BenchTable kExportTable;
extern const BenchTable kCodersTable;
extern const BenchTable kFloatsTable;
extern const BenchTable kSpeedTable;
extern const BenchTable kLibraryTable;
extern const BenchTable kWebTable;
extern const BenchTable kCompileTable;
extern const BenchTable kPricerTable;
extern const BenchTable kLargeTable;
extern const BenchTable kKillsTable;
extern const BenchTable kFaultsTable;
extern const BenchTable kThroughputTable;
extern const BenchTable kLenet300Table;
extern const BenchTable kLenet5Table;
extern const BenchTable kTwnTable;
extern const BenchTable kTernaryTable;
extern const BenchTable kDorefaTable;
extern const BenchTable kBinaryTable;
extern const BenchTable kMixedTable;
extern const BenchTable kResnetTable;
extern const BenchTable kChannelsTable;
extern const BenchTable kShrinkTable;
extern const BenchTable kShrinkAblationTable;
extern const BenchTable kShrinkBudgetsTable;
extern const BenchTable kShrinkLargeTable;

/// A table in Markdown whose columns line up as plain text too: the first one to the left, the
/// others to the right.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::vector<std::string> headings) { add_row(std::move(headings)); }
  void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// A line for whoever waits, on standard error.
void tell(const std::string& what);

/// Of an even number of values the mean of the two in the middle. Requires at least one.
double median(std::vector<double> values);

/// Median seconds of a call, by Google Benchmark: of `repetitions` rounds, each of as many calls as
/// fill some hundredths of a second. The first call must not have to set anything up.
double median_seconds(const std::function<void()>& call, int repetitions);

/// Median seconds of each call, which take turns in every round, so that a busy moment hits all
/// alike. There is a round before that does not count.
std::vector<double> alternating_seconds(const std::vector<std::function<void()>>& calls,
                                        int rounds);

}  // namespace qc::bench
