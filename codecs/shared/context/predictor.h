// The probability of the next bit: adaptive counters in several contexts and estimates of the
// caller, mixed in the logistic domain by weights that learn (Mahoney 2005, PAQ).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "codecs/shared/arena.h"
#include "codecs/shared/context/logistic.h"

namespace qc::context {

/// `count` copies of a value; null when there is no memory.
template <typename T>
T* make_filled(std::uint64_t count, Arena& memory, const T& value = {}) noexcept {
  T* values = memory.make_array<T>(count);
  if (values != nullptr) std::fill_n(values, count, value);
  return values;
}

/// How often a bit was 1 in a context: moves by 1 / (n + 1.6) at its n-th bit, at least 1/256.
struct Counter {
  std::uint16_t p = kOne / 2;
  std::uint16_t seen = 0;
};

namespace detail {

inline constexpr std::size_t kMostSeen = 255;

struct CounterTables {
  std::array<int, kMostSeen + 1> rate{};        // of 1/65536
  std::array<int, kMostSeen + 1> confidence{};  // of 1/256

  constexpr CounterTables() {
    for (std::size_t i = 0; i < rate.size(); ++i) {
      const auto n = static_cast<int>(i);
      rate[i] = 655360 / (10 * n + 16);
      confidence[i] = n * 256 / (n + 2);
    }
  }
};

inline constexpr CounterTables kCounterTables;

}  // namespace detail

/// Mixes `Contexts` counters and `Estimates` logits of the caller's. Two sets of weights are
/// selected for each bit; the mean of what they say is the prediction.
template <std::size_t Contexts, std::size_t Estimates>
class Predictor {
 public:
  static constexpr std::size_t kInputs = Contexts + Estimates + 1;

  /// Takes the memory for tables of `sizes` counters and for `first` and `second` sets of weights;
  /// false when there is none.
  bool create(const std::array<std::uint32_t, Contexts>& sizes, std::uint32_t first,
              std::uint32_t second, Arena& memory) noexcept {
    for (std::size_t i = 0; i < Contexts; ++i) {
      tables_[i] = make_filled<Counter>(sizes[i], memory);
      if (tables_[i] == nullptr) return false;
    }
    Weights start{};
    std::fill_n(start.begin(), Contexts, kCounterWeight);
    std::fill_n(start.begin() + std::ptrdiff_t{Contexts}, Estimates, kEstimateWeight);
    first_ = make_filled(first, memory, start);
    second_ = make_filled(second, memory, start);
    return first_ != nullptr && second_ != nullptr;
  }

  /// Codes a bit in the given contexts with the given sets of weights.
  template <typename Coder>
  bool code(Coder& coder, bool bit, const std::array<std::uint32_t, Contexts>& contexts,
            const std::array<int, Estimates>& estimates, std::uint32_t first,
            std::uint32_t second) noexcept(noexcept(coder.code(bit, 0))) {
    std::array<Counter*, Contexts> counters;
    std::array<int, kInputs> inputs;
    for (std::size_t i = 0; i < Contexts; ++i) {
      counters[i] = tables_[i] + contexts[i];
      inputs[i] = (stretch(counters[i]->p) * tables().confidence[counters[i]->seen]) >> 8;
    }
    for (std::size_t i = 0; i < Estimates; ++i) inputs[Contexts + i] = estimates[i];
    inputs[kInputs - 1] = 256;
    const int a = mix(first_[first], inputs);
    const int b = mix(second_[second], inputs);
    bit = coder.code(bit, squash((a + b) >> 1));
    learn(first_[first], inputs, bit, a);
    learn(second_[second], inputs, bit, b);
    for (Counter* counter : counters) {
      const int error = (bit ? kOne - 1 : 0) - counter->p;
      counter->p =
          static_cast<std::uint16_t>(counter->p + ((error * tables().rate[counter->seen]) >> 16));
      if (counter->seen < detail::kMostSeen) ++counter->seen;
    }
    return bit;
  }

 private:
  using Weights = std::array<int, kInputs>;  // of 1/65536
  static constexpr int kCounterWeight = 7000;
  static constexpr int kEstimateWeight = 9000;
  static constexpr int kMaxWeight = 1 << 19;

  static constexpr const detail::CounterTables& tables() noexcept { return detail::kCounterTables; }

  static int mix(const Weights& weights, const std::array<int, kInputs>& inputs) noexcept {
    int sum = 0;
    for (std::size_t i = 0; i < kInputs; ++i) sum += inputs[i] * (weights[i] >> 4);
    return std::clamp(sum >> 12, -kMaxLogit, kMaxLogit);
  }

  static void learn(Weights& weights, const std::array<int, kInputs>& inputs, bool bit,
                    int said) noexcept {
    const int error = ((bit ? kOne : 0) - squash(said)) >> 2;
    for (std::size_t i = 0; i < kInputs; ++i) {
      const int step = (inputs[i] * error + (1 << 13)) >> 14;
      weights[i] = std::clamp(weights[i] + step, -kMaxWeight, kMaxWeight);
    }
  }

  std::array<Counter*, Contexts> tables_{};
  Weights* first_ = nullptr;
  Weights* second_ = nullptr;
};

}  // namespace qc::context
