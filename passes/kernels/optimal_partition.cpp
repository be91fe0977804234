#include "passes/kernels/optimal_partition.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>

namespace qc {
namespace {

// Of the values before a border, each less a common shift. Squares are those of the means of the
// sample's bins: what the values differ from them costs the same in every split.
struct Moments {
  double count = 0;
  double sum = 0;
  double squares = 0;
};

// Bins of the sample, joined where they are too many.
struct Bins {
  std::vector<std::size_t> borders;  // the sample's bin that each begins with, and their number
  std::vector<Moments> before;       // by border

  std::size_t size() const noexcept { return borders.size() - 1; }

  // Sum of squared distances to their mean of the values in bins [begin, end).
  double cost(std::size_t begin, std::size_t end) const noexcept {
    const Moments& from = before[begin];
    const Moments& to = before[end];
    const double sum = to.sum - from.sum;
    const double error = (to.squares - from.squares) - sum * sum / (to.count - from.count);
    return std::max(error, 0.0);
  }
};

// Bins of at most max_bins / 2 equal shares of the sample's, cut further at max_bins / 2 positions
// that are evenly spaced within the runs that end at `run_ends`, and at these ends.
std::vector<std::size_t> bin_borders(const BinnedSample& sample, std::size_t max_bins,
                                     std::span<const std::size_t> run_ends) {
  const std::size_t half = max_bins / 2;
  const std::size_t most_joined = sample.size() <= max_bins ? 1 : (sample.size() + half - 1) / half;
  const std::size_t cells_per_run = half / run_ends.size();

  std::vector<std::size_t> borders;
  std::size_t begin = 0;
  for (const std::size_t end : run_ends) {
    const double low = sample.lowest(begin);
    const double cells_per_unit =
        static_cast<double>(cells_per_run) / (sample.lowest(end - 1) - low);
    const auto cell = [&](std::size_t bin) {
      return std::floor((sample.lowest(bin) - low) * cells_per_unit);
    };
    borders.push_back(begin);
    for (std::size_t bin = begin + 1; bin < end; ++bin) {
      if (bin - borders.back() == most_joined || cell(bin) != cell(bin - 1)) {
        borders.push_back(bin);
      }
    }
    begin = end;
  }
  borders.push_back(sample.size());
  return borders;
}

Bins make_bins(const BinnedSample& sample, std::size_t max_bins,
               std::span<const std::size_t> run_ends) {
  Bins bins;
  bins.borders = bin_borders(sample, max_bins, run_ends);
  const std::size_t count = bins.size();
  const double shift = sample.mean(sample.size() / 2);
  std::vector<Moments> inside(count);
  for (std::size_t joined = 0; joined < count; ++joined) {
    Moments& moments = inside[joined];
    for (std::size_t bin = bins.borders[joined]; bin < bins.borders[joined + 1]; ++bin) {
      const Totals totals = sample.totals(bin);
      const auto values = static_cast<double>(totals.count);
      const double distance = totals.mean() - shift;
      moments.count += values;
      moments.sum += values * distance;
      moments.squares += values * distance * distance;
    }
  }
  // Totals grow outwards from the middle, so outliers at either end cannot drown the small values.
  bins.before.resize(count + 1);
  const std::size_t middle = count / 2;
  for (std::size_t bin = middle; bin < count; ++bin) {
    const Moments& from = bins.before[bin];
    bins.before[bin + 1] = {from.count + inside[bin].count, from.sum + inside[bin].sum,
                            from.squares + inside[bin].squares};
  }
  for (std::size_t bin = middle; bin-- > 0;) {
    const Moments& to = bins.before[bin + 1];
    bins.before[bin] = {to.count - inside[bin].count, to.sum - inside[bin].sum,
                        to.squares - inside[bin].squares};
  }
  return bins;
}

// Borders of runs as bin indices: 0, ..., bins.size().
using Path = std::vector<std::size_t>;

// Splits bins into runs of the smallest total cost when every run costs `penalty` on top.
class PenalisedSplit {
 public:
  explicit PenalisedSplit(const Bins& bins)
      : bins_(bins), best_(bins.size() + 1), last_(bins.size() + 1) {}

  // By the quadrangle inequality a later start of the last run, once better, stays better. So the
  // best starts for all ends form a list of (start, first end it is best for), both ascending.
  Path solve(double penalty) {
    const std::size_t count = bins_.size();
    const auto value = [&](std::size_t start, std::size_t end) {
      return best_[start] + bins_.cost(start, end);
    };
    queue_.assign(1, {0, 1});
    std::size_t current = 0;
    for (std::size_t end = 1; end <= count; ++end) {
      while (current + 1 < queue_.size() && queue_[current + 1].first_end <= end) ++current;
      last_[end] = queue_[current].start;
      best_[end] = value(queue_[current].start, end) + penalty;
      if (end == count) break;
      while (queue_.back().first_end > end &&
             value(end, queue_.back().first_end) <
                 value(queue_.back().start, queue_.back().first_end)) {
        queue_.pop_back();
      }
      const Candidate& rival = queue_.back();
      std::size_t low = std::max(rival.first_end, end) + 1;
      std::size_t high = count + 1;
      while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (value(end, middle) < value(rival.start, middle)) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      if (low <= count) queue_.push_back({end, low});
    }
    Path path{count};
    while (path.back() > 0) path.push_back(last_[path.back()]);
    std::ranges::reverse(path);
    return path;
  }

 private:
  struct Candidate {
    std::size_t start;
    std::size_t first_end;
  };

  const Bins& bins_;
  std::vector<double> best_;       // by end: cost of the best split of the bins before it
  std::vector<std::size_t> last_;  // by end: where the last run of that split starts
  std::vector<Candidate> queue_;
};

// Joins the beginning of a path of fewer than `runs` runs to the end of one of more, where a run of
// the first encloses one of the second. If both are optimal for one penalty, so is the result.
Path splice(const Path& few, const Path& many, std::size_t runs) {
  const std::size_t ahead = many.size() - 1 - runs;
  std::size_t i = 0;
  while (!(few[i] <= many[i + ahead] && many[i + ahead + 1] <= few[i + 1])) ++i;
  Path path(few.begin(), few.begin() + static_cast<std::ptrdiff_t>(i + 1));
  path.insert(path.end(), many.begin() + static_cast<std::ptrdiff_t>(i + ahead + 1), many.end());
  return path;
}

// Halfway between two positive doubles by the number of doubles in between.
double halfway(double low, double high) noexcept {
  return std::bit_cast<double>(
      std::midpoint(std::bit_cast<std::uint64_t>(low), std::bit_cast<std::uint64_t>(high)));
}

// The larger the penalty, the fewer runs: searches the penalty that gives `runs`.
Path best_path(const Bins& bins, std::size_t runs) {
  Path few{0, bins.size()};
  Path many(bins.size() + 1);
  std::iota(many.begin(), many.end(), std::size_t{0});
  if (runs == 1) return few;
  if (runs >= bins.size()) return many;

  PenalisedSplit split(bins);
  double low = 0;
  double high = bins.cost(0, bins.size());
  // For smooth data the error falls as 1 / runs^2, so the penalty goes as 1 / runs^3.
  const auto cubed = [](double x) { return x * x * x; };
  const auto wanted = static_cast<double>(runs);
  double guess = 2 * high / cubed(wanted);
  for (int step = 1;; ++step) {
    const bool use_guess = step % 4 != 0 && low < guess && guess < high;
    const double penalty = use_guess ? guess : halfway(low, high);
    if (penalty <= low || penalty >= high) return splice(few, many, runs);
    Path path = split.solve(penalty);
    const std::size_t found = path.size() - 1;
    if (found == runs) return path;
    guess = penalty * cubed(static_cast<double>(found) / wanted);
    if (found > runs) {
      low = penalty;
      many = std::move(path);
    } else {
      high = penalty;
      few = std::move(path);
    }
  }
}

}  // namespace

std::vector<std::size_t> optimal_partition(const BinnedSample& sample, std::size_t k,
                                           std::size_t max_bins) {
  // Once over coarse bins, then, where they held several values, over bins fine around the result.
  const int rounds = sample.size() <= max_bins ? 1 : 2;
  std::vector<std::size_t> ends{sample.size()};
  for (int round = 0; round < rounds; ++round) {
    const Bins bins = make_bins(sample, max_bins, ends);
    const Path path = best_path(bins, k);
    ends.clear();
    for (std::size_t i = 1; i < path.size(); ++i) ends.push_back(bins.borders[path[i]]);
  }
  return ends;
}

}  // namespace qc
