#include "pipeline/bootstrap.h"

#include "core/random.h"

namespace qc {

Interval bootstrap_interval(std::size_t count,
                            const std::function<double(std::span<const std::size_t>)>& statistic) {
  constexpr std::size_t kDraws = 1000;
  std::vector<double> values;
  std::vector<std::size_t> drawn(count);
  for (std::size_t draw = 0; draw < kDraws; ++draw) {
    SplitMix64 random = random_stream(0, StreamPurpose::kBootstrap, draw);
    for (std::size_t& index : drawn) {
      const double place = random.uniform() * static_cast<double>(count);
      index = std::min(static_cast<std::size_t>(place), count - 1);
    }
    values.push_back(statistic(drawn));
  }
  std::ranges::sort(values);
  return {values[kDraws / 40], values[kDraws - 1 - kDraws / 40]};
}

Interval unanimous_interval(std::size_t count, bool all) {
  constexpr double kSquaredDeviate = 1.959964 * 1.959964;
  const auto n = static_cast<double>(count);
  const double reach = kSquaredDeviate / (n + kSquaredDeviate);
  return all ? Interval{1 - reach, 1} : Interval{0, reach};
}

}  // namespace qc
