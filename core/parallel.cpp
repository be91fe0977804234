#include "core/parallel.h"

#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_pipeline.h>
#include <tbb/task_arena.h>

#include <algorithm>

namespace qc {
namespace {

// TBB has no more workers than the process has cores, and says so on standard error when an arena
// asks for more.
int arena_width(unsigned threads) {
  return std::min(static_cast<int>(thread_count(threads)), tbb::info::default_concurrency());
}

}  // namespace

unsigned thread_count(unsigned requested) noexcept {
  if (requested > 0) return requested;
  return static_cast<unsigned>(std::max(1, tbb::info::default_concurrency()));
}

void parallel_for(std::size_t count, unsigned threads,
                  const std::function<void(std::size_t)>& body) {
  tbb::task_arena arena(arena_width(threads));
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, count, 1),
        [&](const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i != range.end(); ++i) body(i);
        },
        tbb::simple_partitioner());
  });
}

void ordered_pipeline(std::size_t count, unsigned threads, std::size_t in_flight,
                      const std::function<void(std::size_t)>& produce,
                      const std::function<void(std::size_t)>& consume) {
  tbb::task_arena arena(arena_width(threads));
  std::size_t next = 0;
  const auto source = tbb::make_filter<void, std::size_t>(
      tbb::filter_mode::serial_in_order, [&](tbb::flow_control& control) -> std::size_t {
        if (next == count) {
          control.stop();
          return 0;
        }
        return next++;
      });
  const auto work =
      tbb::make_filter<std::size_t, std::size_t>(tbb::filter_mode::parallel, [&](std::size_t i) {
        produce(i);
        return i;
      });
  const auto sink = tbb::make_filter<std::size_t, void>(tbb::filter_mode::serial_in_order,
                                                        [&](std::size_t i) { consume(i); });
  arena.execute([&] { tbb::parallel_pipeline(in_flight, source & work & sink); });
}

}  // namespace qc
