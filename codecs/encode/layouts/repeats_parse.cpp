// Finds runs of elements that repeat earlier ones, in either direction and with either sign.
#include "codecs/encode/layouts/repeats_parse.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "codecs/encode/window_cover.h"

namespace qc {
namespace {

constexpr std::size_t kNowhere = SIZE_MAX;

template <typename T>
constexpr T sign_mask(bool is_float) noexcept {
  return is_float ? static_cast<T>(T{1} << (8 * sizeof(T) - 1)) : T{0};
}

// The elements row by row, or column by column.
template <typename T>
std::vector<T> in_order(const TensorView& tensor, std::uint64_t columns) {
  const std::size_t rows = tensor.count() / columns;
  std::vector<T> elements(tensor.count());
  T* out = elements.data();
  for (std::size_t column = 0; column < columns; ++column) {
    const std::uint8_t* at = tensor.data.data() + column * sizeof(T);
    for (std::size_t row = 0; row < rows; ++row, at += columns * sizeof(T)) *out++ = load_le<T>(at);
  }
  return elements;
}

std::uint64_t varint_bits(std::uint64_t number) noexcept {
  return 7 * ((static_cast<std::uint64_t>(std::bit_width(number | 1)) + 6) / 7);
}

// For every element the last one before it with the same magnitude.
template <typename T>
std::vector<std::size_t> previous_occurrences(const std::vector<T>& elements, T sign) {
  std::vector<std::size_t> previous(elements.size(), kNowhere);
  const auto index_bits = static_cast<unsigned>(std::bit_width(elements.size())) + 1;
  std::vector<std::size_t> last(std::size_t{1} << index_bits, kNowhere);
  const std::size_t mask = last.size() - 1;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const T magnitude = elements[i] & static_cast<T>(~sign);
    std::size_t at = (magnitude * kHashMultiplier) >> (64 - index_bits);
    while (last[at] != kNowhere && (elements[last[at]] & static_cast<T>(~sign)) != magnitude) {
      at = (at + 1) & mask;
    }
    previous[i] = last[at];
    last[at] = i;
  }
  return previous;
}

template <typename T>
class Parser {
 public:
  Parser(const TensorView& tensor, std::uint64_t columns, std::uint64_t literal_bits)
      : elements_(in_order<T>(tensor, columns)),
        sign_(sign_mask<T>(tensor.element.is_float)),
        previous_(previous_occurrences(elements_, sign_)),
        literal_bits_(literal_bits) {
    parse_.columns = columns;
  }

  RepeatParse run() {
    std::size_t at = 0;
    while (at < elements_.size()) {
      const Match match = best_match(at);
      if (match.gain <= 0) {
        append_le(parse_.literals, elements_[at++]);
        parse_.estimated_bits += literal_bits_;
        continue;
      }
      RepeatRun run;
      run.skip = at - end_of_last_;
      run.length = match.length;
      run.backward = match.backward;
      run.negated = match.negated;
      run.distance = match.goes_on ? kGoesOn : at - match.source;
      parse_.estimated_bits +=
          match.length * literal_bits_ - static_cast<std::uint64_t>(match.gain);
      parse_.runs.push_back(run);
      at += match.length;
      end_of_last_ = at;
      backward_ = match.backward;
      // A backward run that took the first element has no source to go on with.
      has_next_ = !match.backward || match.source + 1 > match.length;
      next_source_ = match.backward ? match.source - match.length : match.source + match.length;
    }
    return std::move(parse_);
  }

 private:
  struct Match {
    std::size_t source = 0;
    std::size_t length = 0;
    bool backward = false;
    bool negated = false;
    bool goes_on = false;
    std::int64_t gain = 0;  // bits saved
  };

  Match best_match(std::size_t at) const {
    constexpr unsigned kCandidates = 24;
    Match best;
    std::uint64_t source = 0;
    if (has_next_ && source_going_on(next_source_, at - end_of_last_, backward_, source)) {
      keep_better(best, match_at(at, source, backward_, true));
    }
    std::size_t candidate = previous_[at];
    for (unsigned i = 0; i < kCandidates && candidate != kNowhere; ++i) {
      keep_better(best, match_at(at, candidate, false, false));
      keep_better(best, match_at(at, candidate, true, false));
      candidate = previous_[candidate];
    }
    return best;
  }

  static void keep_better(Match& best, const Match& other) {
    if (other.gain > best.gain) best = other;
  }

  Match match_at(std::size_t at, std::size_t source, bool backward, bool goes_on) const {
    Match match{source, 0, backward, false, goes_on, 0};
    if (source >= at) return match;
    const T flip = elements_[at] ^ elements_[source];
    if (flip != 0 && flip != sign_) return match;
    match.negated = flip != 0;
    const std::size_t most =
        backward ? std::min(source + 1, elements_.size() - at) : elements_.size() - at;
    std::size_t length = 1;
    if (backward) {
      while (length < most && (elements_[at + length] ^ elements_[source - length]) == flip) {
        ++length;
      }
    } else {
      while (length < most && (elements_[at + length] ^ elements_[source + length]) == flip) {
        ++length;
      }
    }
    match.length = length;
    const std::uint64_t cost = varint_bits(at - end_of_last_) + varint_bits(4 * length) +
                               varint_bits(goes_on ? kGoesOn : at - source);
    match.gain =
        static_cast<std::int64_t>(length * literal_bits_) - static_cast<std::int64_t>(cost);
    return match;
  }

  std::vector<T> elements_;
  T sign_;
  std::vector<std::size_t> previous_;
  std::uint64_t literal_bits_;
  RepeatParse parse_;
  std::size_t end_of_last_ = 0;
  bool has_next_ = false;
  bool backward_ = false;
  std::size_t next_source_ = 0;
};

// Elements covered by windows whose magnitudes, in any order, occurred before as a window.
template <typename T>
std::size_t covered_by_repeats(const TensorView& tensor, std::uint64_t columns,
                               std::size_t window) {
  const std::vector<T> elements = in_order<T>(tensor, columns);
  if (elements.size() <= window) return 0;
  const T sign = sign_mask<T>(tensor.element.is_float);
  const auto hash_of = [&](std::size_t i) {
    const std::uint64_t mixed = ((elements[i] & static_cast<T>(~sign)) + 1) * kHashMultiplier;
    return (mixed ^ (mixed >> 29)) * kHashMultiplier;
  };
  WindowCover cover(elements.size(), window);
  std::uint64_t sum = 0;
  for (std::size_t end = 1; end <= elements.size(); ++end) {
    sum += hash_of(end - 1);
    if (end > window) sum -= hash_of(end - 1 - window);
    if (end >= window) cover.add(end, sum);
  }
  return cover.covered();
}

}  // namespace

RepeatParse parse_repeats(const TensorView& tensor, std::uint64_t columns,
                          std::uint64_t literal_bits) {
  return with_width(tensor.element.width, [&]<typename T>() {
    RepeatParse best = Parser<T>(tensor, 1, literal_bits).run();
    if (columns > 1) {
      RepeatParse by_column = Parser<T>(tensor, columns, literal_bits).run();
      if (by_column.estimated_bits < best.estimated_bits) best = std::move(by_column);
    }
    return best;
  });
}

bool has_repeated_runs(const TensorView& tensor, std::uint64_t columns,
                       std::uint64_t literal_bits) {
  constexpr std::size_t kSomeOf = 8;
  // Fewer bits repeat by chance.
  const std::uint64_t sure_bits = static_cast<std::uint64_t>(std::bit_width(tensor.count())) + 10;
  const std::size_t window =
      std::clamp<std::size_t>(sure_bits / std::max<std::uint64_t>(literal_bits, 1) + 1, 2, 64);
  return with_width(tensor.element.width, [&]<typename T>() {
    const auto many = [&](std::uint64_t length) {
      return kSomeOf * covered_by_repeats<T>(tensor, length, window) >= tensor.count();
    };
    return many(1) || (columns > 1 && many(columns));
  });
}

}  // namespace qc
