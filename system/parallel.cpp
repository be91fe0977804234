#include "system/parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace qc {
namespace {

// More threads than cores would only wait for each other.
std::size_t team_size(unsigned threads, std::size_t most) {
  const std::size_t wanted = std::min(thread_count(threads), thread_count(0));
  return std::max<std::size_t>(1, std::min(wanted, most));
}

// Runs `work` on this thread and on others, so many in all, until every one has returned. `work`
// does not throw.
void run_team(std::size_t threads, const std::function<void()>& work) {
  std::vector<std::jthread> others;
  others.reserve(threads);
  try {
    while (others.size() + 1 < threads) others.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more threads: those that are there do the work.
  }
  work();
}

// The items of one ordered pipeline, handed to the threads that work on it.
class Pipeline {
 public:
  Pipeline(std::size_t count, std::size_t in_flight,
           const std::function<void(std::size_t)>& produce,
           const std::function<void(std::size_t)>& consume)
      : count_(count), produce_(produce), consume_(consume), produced_(in_flight, 0) {}

  // Takes part until all is consumed or a call has thrown.
  void work() noexcept {
    std::unique_lock lock(mutex_);
    while (error_ == nullptr && consumed_ < count_) {
      if (!is_consuming_ && produced_[consumed_ % produced_.size()] != 0) {
        is_consuming_ = true;
        call(consume_, consumed_, lock);
        is_consuming_ = false;
        produced_[consumed_ % produced_.size()] = 0;
        ++consumed_;
        changed_.notify_all();
      } else if (next_ < count_ && next_ - consumed_ < produced_.size()) {
        const std::size_t item = next_++;
        call(produce_, item, lock);
        produced_[item % produced_.size()] = 1;
        if (item == consumed_) changed_.notify_one();
      } else {
        changed_.wait(lock);
      }
    }
  }

  void rethrow() const {
    if (error_ != nullptr) std::rethrow_exception(error_);
  }

 private:
  void call(const std::function<void(std::size_t)>& body, std::size_t item,
            std::unique_lock<std::mutex>& lock) noexcept {
    lock.unlock();
    std::exception_ptr thrown;
    try {
      body(item);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.lock();
    if (thrown == nullptr) return;
    if (error_ == nullptr) error_ = thrown;
    changed_.notify_all();
  }

  std::size_t count_;
  const std::function<void(std::size_t)>& produce_;
  const std::function<void(std::size_t)>& consume_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<char> produced_;  // of item i in place i modulo the size: it waits to be consumed
  std::size_t next_ = 0;        // to be produced
  std::size_t consumed_ = 0;    // items
  bool is_consuming_ = false;
  std::exception_ptr error_;
};

}  // namespace

unsigned thread_count(unsigned requested) noexcept {
  if (requested > 0) return requested;
  return std::max(1U, std::thread::hardware_concurrency());
}

void parallel_for(std::size_t count, unsigned threads,
                  const std::function<void(std::size_t)>& body) {
  const std::size_t team = team_size(threads, count);
  if (team == 1) {
    for (std::size_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  run_team(team, [&]() noexcept {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        next = count;
        const std::lock_guard lock(mutex);
        if (error == nullptr) error = std::current_exception();
      }
    }
  });
  if (error != nullptr) std::rethrow_exception(error);
}

void ordered_pipeline(std::size_t count, unsigned threads, std::size_t in_flight,
                      const std::function<void(std::size_t)>& produce,
                      const std::function<void(std::size_t)>& consume) {
  const std::size_t team = team_size(threads, count);
  if (team == 1) {
    for (std::size_t i = 0; i < count; ++i) {
      produce(i);
      consume(i);
    }
    return;
  }
  Pipeline pipeline(count, std::max<std::size_t>(1, in_flight), produce, consume);
  run_team(team, [&] { pipeline.work(); });
  pipeline.rethrow();
}

MemoryGate::Share::Share(MemoryGate& gate, std::uint64_t bytes) : gate_(gate), bytes_(bytes) {
  std::unique_lock lock(gate_.mutex_);
  gate_.changed_.wait(lock, [&] { return bytes_ <= gate_.free_; });
  gate_.free_ -= bytes_;
}

MemoryGate::Share::~Share() {
  {
    const std::lock_guard lock(gate_.mutex_);
    gate_.free_ += bytes_;
  }
  gate_.changed_.notify_all();
}

}  // namespace qc
