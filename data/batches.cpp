#include "data/batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <stop_token>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr std::size_t kAhead = 4;  // batches

// Uniform in [0, bound): what lies beyond the last multiple of the bound is drawn again.
std::size_t below(SplitMix64& random, std::size_t bound) {
  const std::uint64_t wide = bound;
  const std::uint64_t excess = (0 - wide) % wide;
  std::uint64_t draw = random.next();
  while (draw < excess) draw = random.next();
  return static_cast<std::size_t>(draw % wide);
}

std::vector<std::size_t> permutation(std::size_t count, SplitMix64 random) {
  std::vector<std::size_t> order = in_order(count);
  for (std::size_t i = count; i > 1; --i) std::swap(order[i - 1], order[below(random, i)]);
  return order;
}

std::size_t sample_elements(const Dataset& data) {
  const auto& shape = data.sample_shape();
  return static_cast<std::size_t>(
      std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

}  // namespace

struct BatchStream::State {
  State(const Dataset& dataset, std::vector<std::size_t> samples, std::size_t size)
      : data(dataset),
        order(std::move(samples)),
        batch_size(size),
        elements(sample_elements(data)) {}

  struct Loaded {
    Batch batch;
    std::exception_ptr error;
  };

  void work(const std::stop_token& stop);
  Loaded load(std::span<const std::size_t> samples, Batch batch, const std::stop_token& stop) const;

  const Dataset& data;
  const std::vector<std::size_t> order;
  const std::size_t batch_size;
  const std::size_t elements;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<Loaded> ready;
  std::vector<Batch> spare;  // consumed batches, for their memory
  bool at_end = false;
  std::exception_ptr failed;  // what next() has thrown

  std::jthread worker;  // last: it is joined before what it works on goes
};

BatchStream::State::Loaded BatchStream::State::load(std::span<const std::size_t> samples,
                                                    Batch batch,
                                                    const std::stop_token& stop) const {
  Loaded loaded;
  try {
    batch.inputs.resize(samples.size() * elements);
    batch.labels.resize(samples.size());
    const auto load_one = [&](std::size_t i) {
      if (stop.stop_requested()) return;
      const std::span<float> sample = std::span(batch.inputs).subspan(i * elements, elements);
      batch.labels[i] = data.load(samples[i], sample);
    };
    if (data.slow_to_load()) {
      std::vector<std::exception_ptr> errors(samples.size());
      parallel_for(samples.size(), 0, [&](std::size_t i) {
        try {
          load_one(i);
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
      const auto first = std::ranges::find_if(errors, [](const auto& error) { return !!error; });
      if (first != errors.end()) loaded.error = *first;
    } else {
      for (std::size_t i = 0; i < samples.size(); ++i) load_one(i);
    }
  } catch (...) {
    loaded.error = std::current_exception();
  }
  loaded.batch = std::move(batch);
  return loaded;
}

void BatchStream::State::work(const std::stop_token& stop) {
  for (std::size_t first = 0; first < order.size(); first += batch_size) {
    Batch batch;
    {
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, stop, [&] { return ready.size() < kAhead; })) return;
      if (!spare.empty()) {
        batch = std::move(spare.back());
        spare.pop_back();
      }
    }
    const std::size_t count = std::min(batch_size, order.size() - first);
    Loaded loaded = load(std::span(order).subspan(first, count), std::move(batch), stop);
    if (stop.stop_requested()) return;
    const bool last = loaded.error != nullptr;
    {
      const std::scoped_lock lock(mutex);
      ready.push_back(std::move(loaded));
    }
    changed.notify_all();
    if (last) return;
  }
  {
    const std::scoped_lock lock(mutex);
    at_end = true;
  }
  changed.notify_all();
}

BatchStream::BatchStream(const Dataset& data, std::vector<std::size_t> order,
                         std::size_t batch_size)
    : state_(std::make_unique<State>(data, std::move(order), batch_size)) {
  if (batch_size == 0) throw Error(ErrorCode::kInternal, "a batch of no samples");
  state_->worker =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->work(stop); });
}

BatchStream::~BatchStream() = default;

bool BatchStream::next(Batch& batch) {
  State& state = *state_;
  if (state.failed) std::rethrow_exception(state.failed);
  State::Loaded loaded;
  {
    std::unique_lock lock(state.mutex);
    state.changed.wait(lock, [&] { return !state.ready.empty() || state.at_end; });
    if (state.ready.empty()) return false;
    loaded = std::move(state.ready.front());
    state.ready.pop_front();
    if (!loaded.error && batch.inputs.capacity() > 0) state.spare.push_back(std::move(batch));
  }
  state.changed.notify_all();
  if (loaded.error) {
    state.failed = loaded.error;
    std::rethrow_exception(loaded.error);
  }
  batch = std::move(loaded.batch);
  return true;
}

std::vector<std::size_t> in_order(std::size_t count) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
  return permutation(count, random_stream(seed, StreamPurpose::kShuffle, epoch));
}

HeldOut hold_out(std::size_t count, std::size_t held_out_count, std::uint64_t seed,
                 StreamPurpose purpose) {
  if (held_out_count > count) {
    throw Error(ErrorCode::kInternal,
                fmt::format("{} samples held out of {}", held_out_count, count));
  }
  const std::vector<std::size_t> order = permutation(count, random_stream(seed, purpose));
  const auto border = order.begin() + static_cast<std::ptrdiff_t>(held_out_count);
  HeldOut split{.kept = {border, order.end()}, .held_out = {order.begin(), border}};
  std::ranges::sort(split.kept);
  std::ranges::sort(split.held_out);
  return split;
}

}  // namespace qc
