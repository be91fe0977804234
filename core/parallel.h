// Parallel loops with a fixed number of threads.
#pragma once

#include <cstddef>
#include <functional>

namespace qc {

/// Threads to use for a request: 0 means one per core.
unsigned thread_count(unsigned requested) noexcept;

/// Calls body(i) for every i in [0, count) on at most `threads` threads. The first exception thrown
/// by a body is rethrown here. Results must not depend on the order of the calls.
void parallel_for(std::size_t count, unsigned threads,
                  const std::function<void(std::size_t)>& body);

/// Calls produce(i) for every i in [0, count) in parallel and consume(i) one at a time in order of
/// i, at most `in_flight` items apart, so memory stays bounded however large `count` is.
void ordered_pipeline(std::size_t count, unsigned threads, std::size_t in_flight,
                      const std::function<void(std::size_t)>& produce,
                      const std::function<void(std::size_t)>& consume);

}  // namespace qc
