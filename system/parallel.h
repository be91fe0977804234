// Parallel loops with a fixed number of threads.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>

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

/// Admits work as long as there is memory for it.
class MemoryGate {
 public:
  explicit MemoryGate(std::uint64_t bytes) : free_(bytes) {}

  /// Memory that nothing else is admitted to while this lives.
  class Share {
   public:
    /// Waits until `bytes` are free: no more than the gate has in all.
    Share(MemoryGate& gate, std::uint64_t bytes);
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

   private:
    MemoryGate& gate_;
    std::uint64_t bytes_;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t free_;
};

}  // namespace qc
