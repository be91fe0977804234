#include "spec_context.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <utility>

// Numbers of sections are those of FORMAT.md.
namespace qc::spec {
namespace {

using Number = std::int64_t;
using Numbers = std::vector<Number>;

Number bits_of(Number number) {
  return static_cast<Number>(std::bit_width(static_cast<std::uint64_t>(number)));
}

// 7.1
class Arithmetic {
 public:
  explicit Arithmetic(View coded) : coded_(coded) {
    for (int i = 0; i < 4; ++i) value_ = (value_ << 8 | next()) & kAll;
  }

  bool decode(Number probability) {
    const std::uint64_t middle =
        low_ + ((high_ - low_) * static_cast<std::uint64_t>(probability) >> 16);
    const bool bit = value_ <= middle;
    if (bit) {
      high_ = middle;
    } else {
      low_ = middle + 1;
    }
    while (low_ >> 24 == high_ >> 24) {
      low_ = low_ << 8 & kAll;
      high_ = (high_ << 8 & kAll) + 255;
      value_ = (value_ << 8 & kAll) + next();
    }
    return bit;
  }

  std::uint64_t low() const { return low_; }
  std::uint64_t high() const { return high_; }
  std::uint64_t value() const { return value_; }

  void require_end() const {
    if (taken_ < coded_.size()) throw Broken("coded bytes are left over");
  }

  std::vector<DecodedBit>* bits = nullptr;  // where predictors tell what they did
  std::uint64_t element = 0;                // that is being decoded

 private:
  static constexpr std::uint64_t kAll = 0xffffffff;

  std::uint64_t next() {
    const std::uint64_t byte = taken_ < coded_.size() ? coded_[taken_] : 0;
    ++taken_;
    return byte;
  }

  View coded_;
  std::size_t taken_ = 0;
  std::uint64_t low_ = 0;
  std::uint64_t high_ = kAll;
  std::uint64_t value_ = 0;
};

// 7.2
Number knot(Number i) {
  static const Numbers kFirst = {22,   36,   60,   98,   162,   267,   439,   722,  1179,
                                 1920, 3108, 4972, 7812, 11955, 17625, 24743, 32768};
  return i <= 16 ? kFirst[static_cast<std::size_t>(i)]
                 : 65536 - kFirst[static_cast<std::size_t>(32 - i)];
}

Number squash_at(Number x) {
  const Number i = (x + 2048) / 128;
  const Number f = (x + 2048) % 128;
  return (knot(i) * (128 - f) + knot(i + 1) * f + 64) >> 7;
}

Number squash(Number x) { return squash_at(std::clamp<Number>(x, -2047, 2047)); }

Number stretch(Number p) {
  static const Numbers kTable = [] {
    Numbers all;
    for (Number share = 0; share < 4096; ++share) {
      Number x = -2048;
      while (x < 2048 && squash_at(x) >> 4 < share) ++x;
      all.push_back(std::min<Number>(x, 2047));
    }
    return all;
  }();
  return kTable[static_cast<std::size_t>(p >> 4)];
}

// 7.3
struct Counter {
  Number p = 32768;
  Number n = 0;

  void see(bool bit) {
    p += ((bit ? 65535 : 0) - p) * (655360 / (10 * n + 16)) >> 16;
    n = std::min<Number>(n + 1, 255);
  }
};

// 7.4
class Predictor {
 public:
  Predictor(std::string name, Arithmetic& coder, std::size_t tables, std::size_t estimates)
      : name_(std::move(name)), coder_(coder), start_(tables, 7000) {
    start_.resize(tables + estimates, 9000);
    start_.push_back(0);
  }

  bool decode(const Numbers& counters, const Numbers& estimates, Number first, Number second) {
    Numbers inputs;
    std::vector<Counter*> selected;
    for (std::size_t table = 0; table < counters.size(); ++table) {
      Counter& counter = counters_[{table, counters[table]}];
      selected.push_back(&counter);
      inputs.push_back(stretch(counter.p) * (256 * counter.n / (counter.n + 2)) >> 8);
    }
    inputs.insert(inputs.end(), estimates.begin(), estimates.end());
    inputs.push_back(256);
    const std::vector<Numbers*> sets = {&weights(0, first), &weights(1, second)};
    Numbers said;
    for (const Numbers* set : sets) {
      Number sum = 0;
      for (std::size_t i = 0; i < inputs.size(); ++i) sum += inputs[i] * ((*set)[i] >> 4);
      said.push_back(std::clamp<Number>(sum >> 12, -2047, 2047));
    }
    const Number probability = squash((said[0] + said[1]) >> 1);
    DecodedBit record;
    if (coder_.bits != nullptr) {
      record = {name_,         coder_.element,     counters,    {first, second},
                inputs,        {said[0], said[1]}, probability, coder_.low(),
                coder_.high(), coder_.value(),     false,       {}};
    }
    const bool bit = coder_.decode(probability);
    for (std::size_t set = 0; set < 2; ++set) {
      const Number e = ((bit ? 65536 : 0) - squash(said[set])) >> 2;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        Number& weight = (*sets[set])[i];
        weight = std::clamp<Number>(weight + ((inputs[i] * e + 8192) >> 14), -524288, 524288);
      }
    }
    for (Counter* counter : selected) counter->see(bit);
    if (coder_.bits != nullptr) {
      record.bit = bit;
      record.weights = {*sets[0], *sets[1]};
      coder_.bits->push_back(std::move(record));
    }
    return bit;
  }

 private:
  Numbers& weights(int list, Number place) {
    return weights_.try_emplace({list, place}, start_).first->second;
  }

  std::string name_;
  Arithmetic& coder_;
  Numbers start_;
  std::map<std::pair<std::size_t, Number>, Counter> counters_;
  std::map<std::pair<int, Number>, Numbers> weights_;
};

// 7.5
class Position {
 public:
  explicit Position(const Places& places) : places_(places), size_(places.columns * places.taps) {}

  Number tap() const { return static_cast<Number>(number() % places_.taps); }
  Number tap_class() const { return std::min<Number>(tap(), 63); }
  Number column() const { return static_cast<Number>(number() / places_.taps % places_.columns); }
  Number place() const { return static_cast<Number>(number() % size_); }
  Number row() const { return row_; }

  Number back(std::uint64_t k) const {
    return k <= classes_.size() ? classes_[classes_.size() - k] : 0;
  }
  Number left() const { return in_line() > 0 ? back(1) : 0; }
  Number up() const { return has_up() ? back(places_.width) : 0; }
  Number up_left() const { return in_line() > 0 && has_up() ? back(places_.width + 1) : 0; }
  Number up_right() const {
    return in_line() + 1 < places_.width && has_up() ? back(places_.width - 1) : 0;
  }
  Number col(std::uint64_t k) const {
    return static_cast<std::uint64_t>(column()) >= k ? back(k * places_.taps) : 0;
  }
  Number row(std::uint64_t k) const { return back(k * size_); }

  void next(Number left_class) {
    classes_.push_back(left_class);
    if (place() == 0) ++row_;
  }

 private:
  std::uint64_t number() const { return places_.first + classes_.size(); }
  std::uint64_t in_line() const { return static_cast<std::uint64_t>(tap()) % places_.width; }
  bool has_up() const { return static_cast<std::uint64_t>(tap()) >= places_.width; }

  Places places_;
  std::uint64_t size_;
  Numbers classes_;
  Number row_ = 0;
};

// What all elements, those of a row, of a column, of a place and of a tap have summed up to.
struct Sums {
  Number n = 0;
  Number sum = 0;
};

struct Statistics {
  Sums all;
  std::map<Number, Sums> rows;
  std::map<Number, Sums> columns;
  std::map<Number, Sums> places;
  std::map<Number, Sums> taps;

  void add(const Position& at, Number value) {
    for (Sums* sums : {&all, &rows[at.row()], &columns[at.column()], &places[at.place()],
                       &taps[at.tap_class()]}) {
      ++sums->n;
      sums->sum += value;
    }
  }
};

// 7.6
class Parts {
 public:
  Parts(Arithmetic& coder, const Places& places)
      : at(places), significance_("significance", coder, 4, 4), sign_("sign", coder, 3, 0) {}

  bool decode_significance() {
    const Number p =
        std::clamp<Number>((2 * zeros_.all.sum + 1) * 32768 / (zeros_.all.n + 1), 64, 65472);
    const auto logit = [&](const Sums& sums, Number u) {
      return stretch(std::clamp<Number>((65536 * sums.sum + p * u) / (sums.n + u), 1, 65535));
    };
    const Number row = logit(zeros_.rows[at.row()], 12);
    const Number column = logit(zeros_.columns[at.column()], 8);
    const Number place = logit(zeros_.places[at.place()], 6);
    const Number tap = logit(zeros_.taps[at.tap_class()], 20);
    const auto rel = [&](Number x) {
      return std::clamp<Number>((x - stretch(p) + 384) >> 6, 0, 11);
    };
    const auto is = [](Number x) { return x != 0 ? Number{1} : Number{0}; };
    const auto most = [](Number x, Number limit) { return std::min(std::abs(x), limit); };
    if (at.tap() == 0) in_kernel_ = 0;
    const Number n = in_kernel_;
    const bool bit = significance_.decode(
        {16 * (is(at.row(1)) + 2 * is(at.row(2)) + 4 * is(at.col(1)) + 8 * is(at.col(2)) +
               16 * is(at.row(3))) +
             std::min<Number>(n, 15),
         8 * at.tap_class() + std::min<Number>(n, 7),
         12 * (4 * rel(place) + is(at.left()) + 2 * is(at.up())) + rel(row),
         9 * (8 * most(at.left(), 7) + most(at.col(1), 7)) + most(at.row(1), 8)},
        {row, column, place, tap}, std::min<Number>(bits_of(at.row()), 9),
        std::min<Number>(bits_of(zeros_.columns[at.column()].n + n), 11));
    zeros_.add(at, bit ? 1 : 0);
    in_kernel_ += bit ? 1 : 0;
    return bit;
  }

  bool decode_sign() {
    const auto trit = [](Number x) { return x < 0 ? Number{0} : x > 0 ? Number{2} : Number{1}; };
    Number& balance = balance_[at.column()];
    const Number k = 27 * trit(at.left()) + 9 * trit(at.up());
    const bool bit = sign_.decode(
        {k + 3 * trit(at.row(1)) + trit(at.col(1)),
         k + 3 * trit(at.up_left()) + trit(at.up_right()), 3 * at.tap_class() + trit(balance / 2)},
        {}, 0, 0);
    balance += bit ? -1 : 1;
    return bit;
  }

  void look_at_levels(Number start) {
    g = levels_.all.n > 0 ? levels_.all.sum / levels_.all.n : start;
    const auto mean = [&](const Sums& sums, Number u) { return (sums.sum + g * u) / (sums.n + u); };
    r = mean(levels_.rows[at.row()], 2);
    c = mean(levels_.columns[at.column()], 3);
    l = mean(levels_.places[at.place()], 3);
  }

  void add_level(Number level) { levels_.add(at, level); }

  Position at;
  Number g = 0;
  Number r = 0;
  Number c = 0;
  Number l = 0;

 private:
  Predictor significance_;
  Predictor sign_;
  Statistics zeros_;
  Statistics levels_;
  std::map<Number, Number> balance_;
  Number in_kernel_ = 0;
};

}  // namespace

Places read_places(Input& in, std::uint64_t count) {
  Places places;
  places.columns = in.varint();
  places.taps = in.varint();
  places.width = in.varint();
  places.first = in.varint();
  if (places.columns < 1 || places.taps < 1 || places.columns > count || places.taps > count ||
      places.columns * places.taps > count || places.width < 1 || places.width > places.taps ||
      places.first > ~count) {
    throw Broken("places");
  }
  return places;
}

std::vector<std::uint64_t> decode_ranks(const Places& places, View coded, std::uint64_t count,
                                        std::uint64_t entries, std::uint64_t below, bool has_zero,
                                        std::vector<DecodedBit>* bits) {
  Arithmetic coder(coded);
  coder.bits = bits;
  Parts parts(coder, places);
  Predictor distances("distance", coder, 4, 0);
  const Position& at = parts.at;
  const std::uint64_t zero = has_zero ? 1 : 0;
  const std::uint64_t above = entries - below - zero;
  std::vector<std::uint64_t> ranks;
  while (ranks.size() < count) {
    coder.element = ranks.size();
    if (has_zero && !parts.decode_significance()) {
      ranks.push_back(below);
      parts.at.next(0);
      continue;
    }
    const bool negative = below > 0 && above > 0 ? parts.decode_sign() : below > 0;
    const std::uint64_t limit = negative ? below : above;
    parts.look_at_levels(8);
    const auto rel = [&](Number x) { return std::clamp<Number>((x - parts.g + 8) >> 1, 0, 7); };
    const auto most = [](Number x) { return std::min<Number>(std::abs(x), 8); };
    const Number b = most(at.tap() > 0 ? at.back(1) : at.col(1));
    const Number a = most(at.up() != 0 ? at.up() : at.row(1));
    const Number expected = rel(parts.r + parts.c - parts.g + (parts.l - parts.g) / 2);
    const Number o = negative != (at.left() < 0) ? 1 : 0;
    std::uint64_t distance = 0;
    Number node = 1;
    for (Number i = bits_of(static_cast<Number>(limit) - 1) - 1; i >= 0; --i) {
      const std::uint64_t with_bit = distance + (std::uint64_t{1} << i);
      bool bit = false;
      if (with_bit < limit) {
        const Number v = std::min<Number>(node, 255);
        bit = distances.decode(
            {2 * v + (negative ? 1 : 0), 9 * v + b, 8 * v + expected, 2 * (9 * v + a) + o}, {}, v,
            0);
      }
      if (bit) distance = with_bit;
      node = std::min<Number>(2 * node + (bit ? 1 : 0), 256);
    }
    const auto level =
        static_cast<Number>(16 * distance / std::max({below, above, std::uint64_t{1}}));
    const Number size = 1 + rel(level);
    parts.add_level(level);
    parts.at.next(negative ? -size : size);
    ranks.push_back(negative ? below - 1 - distance : below + zero + distance);
  }
  coder.require_end();
  return ranks;
}

std::vector<Head> decode_heads(const Places& places, View coded, std::uint64_t count,
                               std::uint64_t top, bool has_zeros, unsigned exponent_bits) {
  Arithmetic coder(coded);
  Parts parts(coder, places);
  Predictor octaves("octave", coder, 5, 0);
  Predictor mantissas("mantissa", coder, 3, 0);
  const Position& at = parts.at;
  std::vector<Head> heads;
  while (heads.size() < count) {
    Head head;
    head.zero = has_zeros && !parts.decode_significance();
    if (head.zero) {
      heads.push_back(head);
      parts.at.next(0);
      continue;
    }
    parts.look_at_levels(102);
    const auto level_of = [&](Number x) { return x != 0 ? std::abs(x) - 1 : parts.g; };
    const Number beside = level_of(at.back(1));
    const Number over = level_of(at.up() != 0 ? at.up() : at.col(1));
    const Number near = (beside + level_of(at.row(1)) + over + level_of(at.back(2))) >> 2;
    const auto step = [](Number x, Number j) {
      return std::clamp<Number>((x - (119 - 8 * j) + 64) >> 1, 0, 63);
    };
    const auto coarse = [](Number x, Number j) {
      return std::clamp<Number>((x - (119 - 8 * j) + 36) >> 3, 0, 7);
    };
    const Number expected = parts.r + parts.l - parts.g;
    const Number q = parts.l > parts.g + 4 ? 1 : parts.l < parts.g ? 2 : 0;
    Number octave = 0;
    while (octave < 23 &&
           !octaves.decode({64 * octave + step(expected, octave), 64 * octave + step(near, octave),
                            3 * (64 * octave + step(parts.r, octave)) + q,
                            64 * octave + 8 * coarse(beside, octave) + coarse(over, octave),
                            64 * octave + at.tap_class()},
                           {}, octave, std::min<Number>(bits_of(at.row()), 11))) {
      ++octave;
    }
    if (octave == 23) {
      Number more = 0;
      for (unsigned i = 0; i < exponent_bits; ++i) more = 2 * more + (coder.decode(32768) ? 1 : 0);
      octave += more;
    }
    head.exponent = top - std::min(static_cast<std::uint64_t>(octave), top);
    const Number j = std::min<Number>(octave, 23);
    Number node = 1;
    for (int i = 0; i < 3; ++i) {
      const bool bit = mantissas.decode(
          {24 * node + j, 64 * node + step(expected, j), 64 * node + step(near, j)}, {}, node, 0);
      node = 2 * node + (bit ? 1 : 0);
    }
    head.mantissa = static_cast<std::uint64_t>(node - 8);
    head.negative = parts.decode_sign();
    const Number level = std::max<Number>(
        126 - 8 * std::min<Number>(octave, 100) - (7 - static_cast<Number>(head.mantissa)), 0);
    parts.add_level(level);
    parts.at.next(head.negative ? -1 - level : 1 + level);
    heads.push_back(head);
  }
  coder.require_end();
  return heads;
}

}  // namespace qc::spec
