#include "spec_decoder.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "spec_context.h"

// Numbers of sections are those of FORMAT.md.
namespace qc::spec {
namespace {

using Patterns = std::vector<std::uint64_t>;

struct Kind {
  unsigned width;
  bool is_float;
};

std::uint64_t sign_of(Kind kind) { return std::uint64_t{1} << (8 * kind.width - 1); }

// Section 5: `count` rising numbers, none over `largest`.
Patterns read_numbers(Bits& bits, std::uint64_t count, unsigned shift, int base, unsigned spread,
                      std::uint64_t largest) {
  Patterns numbers;
  std::uint64_t m = 0;
  int before = base;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (spread == 7) {
      int ones = 0;
      while (ones <= 128 && bits.get(1) == 1) ++ones;
      before += ones % 2 == 0 ? ones / 2 : -(ones + 1) / 2;
    } else {
      before = base + static_cast<int>(bits.get(spread));
    }
    require(before >= 0 && before <= 64, "length of a difference");
    const auto length = static_cast<unsigned>(before);
    std::uint64_t d = length == 0 ? 0 : 1;
    for (unsigned bit = 1; bit < length; ++bit) d *= 2;
    if (length > 1) d += bits.get(length - 1);
    const bool past_the_end = i > 0 && m == 0;
    m += d;
    require(!past_the_end && m >= d && m <= largest >> shift, "number of a codebook");
    numbers.push_back(m << shift);
    ++m;
  }
  return numbers;
}

Patterns read_codebook(Input& in, std::uint64_t count, Kind kind) {
  const std::uint64_t head = kind.is_float ? in.varint() : 0;
  const std::uint64_t negatives = head / 2;
  const bool symmetric = head % 2 == 1;
  require(negatives <= count && (!symmetric || 2 * negatives == count), "codebook head");
  Bits bits(in.rest());
  const auto shift = static_cast<unsigned>(bits.get(7));
  const auto base = static_cast<int>(bits.get(7));
  const auto spread = static_cast<unsigned>(bits.get(3));
  require(shift < 64 && base <= 64, "codebook shift");
  if (!kind.is_float) forms_met().insert("one codebook of integers");
  if (symmetric) forms_met().insert("codebook, symmetric");
  forms_met().insert(spread == 7 ? "codebook, steps" : "codebook, fixed lengths");
  const std::uint64_t largest = sign_of(kind) - 1 + (kind.is_float ? 0 : sign_of(kind));
  Patterns negative;
  if (!symmetric) negative = read_numbers(bits, negatives, shift, base, spread, largest);
  const Patterns others = read_numbers(bits, count - negatives, shift, base, spread, largest);
  if (symmetric) negative = others;
  in.take(bits.end());

  Patterns book(count);
  for (std::size_t i = 0; i < negative.size(); ++i) {
    book[negatives - 1 - i] = negative[i] | sign_of(kind);
  }
  for (std::size_t i = 0; i < others.size(); ++i) book[negatives + i] = others[i];
  return book;
}

Patterns decode_layout(std::uint64_t layout, Input& in, Kind kind, std::uint64_t count, int inside);

Patterns decode_values(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t layout = in.number(1);
  require(layout <= 4, "values in a layout that is not dense");
  require(inside < 3, "layouts nested too deep");
  return decode_layout(layout, in, kind, count, inside + 1);
}

// 4.1
Patterns decode_raw(Input& in, Kind kind, std::uint64_t count) {
  const auto symbols = decode_stream(in, count * kind.width, 256);
  const Data bytes(symbols.begin(), symbols.end());
  Input elements(bytes);
  Patterns out;
  while (!elements.at_end()) out.push_back(elements.number(kind.width));
  return out;
}

// 4.2
Patterns decode_planes(Input& in, Kind kind, std::uint64_t count) {
  const auto head_bits = static_cast<unsigned>(in.number(1));
  require(kind.width > 1 && head_bits >= 8 && head_bits <= 12, "head bits");
  Patterns out(count);
  const unsigned top = 8 * kind.width;
  for (unsigned low = 0; low < top;) {
    const unsigned below_head = top - head_bits - low;
    const unsigned bits = low + head_bits == top ? head_bits : std::min(8U, below_head);
    const auto plane = decode_stream(in, count, std::uint64_t{1} << bits);
    for (std::size_t i = 0; i < plane.size(); ++i) out[i] |= std::uint64_t{plane[i]} << low;
    low += bits;
  }
  if (kind.is_float) {
    for (std::uint64_t& element : out) element = element >> 1 | (element & 1) << (top - 1);
  }
  return out;
}

// 4.3
float widen_half(std::uint64_t bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const auto mantissa = static_cast<std::uint32_t>(bits & 1023);
  const std::uint32_t sign = (bits >> 15) != 0 ? 0x80000000U : 0;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | mantissa << 13);
  const auto whole = static_cast<float>(exponent == 0 ? mantissa : mantissa + 1024);
  return std::copysign(std::ldexp(whole, std::max(exponent, 1) - 25),
                       std::bit_cast<float>(sign | 0x3f800000U));
}

Patterns decode_narrow(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t code = in.number(1);
  require(kind.is_float && code <= 2 && kind.width == (code == 2 ? 8U : 4U), "narrow code");
  forms_met().insert("narrow " + std::to_string(code));
  Patterns out = decode_values(in, {kind.width / 2, true}, count, inside);
  for (std::uint64_t& element : out) {
    if (code == 0) {
      element = std::bit_cast<std::uint32_t>(widen_half(element));
    } else if (code == 1) {
      element <<= 16;
    } else {
      const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(element));
      element = std::isnan(single) ? 0 : std::bit_cast<std::uint64_t>(double{single});
    }
  }
  return out;
}

// 4.5
Patterns decode_palette(Input& in, Kind kind, std::uint64_t count) {
  const std::uint64_t entries = in.varint();
  require(entries >= 1 && entries <= 16384, "entries of a palette");
  const Patterns book = read_codebook(in, entries, kind);
  Patterns out;
  for (const std::uint32_t rank : decode_stream(in, count, entries)) out.push_back(book[rank]);
  return out;
}

// 4.6
Patterns decode_channel_palette(Input& in, Kind kind, std::uint64_t count) {
  const std::uint64_t channels = in.varint();
  const std::uint64_t stride = in.varint();
  const std::uint64_t first = in.varint();
  require(channels >= 1 && channels <= count && stride >= 1, "channels");
  require(first <= ~std::uint64_t{0} - count, "first element of a channel map");
  const auto sizes = decode_stream(in, channels, 256);
  require(std::accumulate(sizes.begin(), sizes.end(), channels) <= 1U << 24, "codebook entries");
  std::vector<Patterns> books;
  books.reserve(sizes.size());
  for (const std::uint32_t size : sizes) books.push_back(read_codebook(in, size + 1, kind));
  const auto ranks = decode_stream(in, count, 256);
  Patterns out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const Patterns& book = books[(first + i) / stride % channels];
    require(ranks[i] < book.size(), "rank");
    out.push_back(book[ranks[i]]);
  }
  return out;
}

// 4.7
Patterns decode_csr(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t head = in.number(1);
  const auto gap_bits = static_cast<unsigned>(head & 15);
  require(gap_bits >= 2 && gap_bits <= 8 && head < 32, "csr head");
  const std::uint64_t stored = in.varint();
  const std::uint64_t gap_count = in.varint();
  require(stored <= gap_count && gap_count <= count, "csr counts");
  const auto gaps = decode_stream(in, gap_count, std::uint64_t{1} << gap_bits);
  const Patterns values = decode_values(in, kind, stored, inside);
  const bool escapes = head >> 4 == 0;
  forms_met().insert(escapes ? "csr, escapes" : "csr, fillers");
  Patterns out(count);
  const std::uint32_t escape = (1U << gap_bits) - 1;
  require(!escapes || gaps.empty() || gaps.back() != escape, "an escape at the end");
  std::uint64_t position = 0;
  std::size_t next = 0;
  for (const std::uint32_t gap : gaps) {
    position += gap;
    if (escapes && gap == escape) continue;
    require(position < count && next < stored, "csr position");
    out[position++] = values[next++];
  }
  require(next == stored, "csr values");
  return out;
}

// 4.8
Patterns decode_bitmap(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t stored = in.varint();
  require(stored <= count, "bitmap count");
  const auto bitmap = decode_stream(in, (count + 7) / 8, 256);
  const Patterns values = decode_values(in, kind, stored, inside);
  Patterns out(count);
  std::size_t next = 0;
  for (std::uint64_t i = 0; i < 8 * bitmap.size(); ++i) {
    if ((bitmap[i / 8] >> (i % 8) & 1) == 0) continue;
    require(i < count && next < stored, "bitmap bits");
    out[i] = values[next++];
  }
  require(next == stored, "bitmap values");
  return out;
}

// 4.9 and 4.11
void require_mantissa(std::uint64_t mantissa, Kind kind) {
  const bool two_bytes = kind.width == 2 && (mantissa == 7 || mantissa == 10);
  require(two_bytes || (kind.width == 4 && mantissa == 23) || (kind.width == 8 && mantissa == 52),
          "mantissa");
}

// 4.9
Patterns decode_levels(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t set = in.number(1);
  require(kind.is_float && (set == 2 || set == 3 || set == 5), "set of levels");
  forms_met().insert("levels, set " + std::to_string(set));
  const std::uint64_t mantissa = set == 5 ? in.number(1) : 0;
  if (set == 5) require_mantissa(mantissa, kind);
  const std::uint64_t channels = in.varint();
  const std::uint64_t stride = in.varint();
  const std::uint64_t first = in.varint();
  require(channels >= 1 && channels <= count && stride >= 1 && first <= ~count, "channels");
  const Patterns scales = decode_values(in, kind, channels, inside);
  const std::uint64_t group = in.number(1);
  require(group >= 1, "group");
  std::uint64_t alphabet = 1;
  for (std::uint64_t i = 0; i < group; ++i) {
    alphabet *= set;
    require(alphabet <= 16384, "group");
  }
  const std::uint64_t symbols = count / group + (count % group != 0 ? 1 : 0);
  Patterns out;
  for (std::uint64_t symbol : decode_stream(in, symbols, alphabet)) {
    for (std::uint64_t digit = 0; digit < group; ++digit, symbol /= set) {
      const std::uint64_t i = out.size();
      if (i == count) {
        require(symbol == 0, "padding digits");
        break;
      }
      const int value = static_cast<int>(symbol % set);
      const int multiple = set == 2 ? 2 * value - 1 : value - static_cast<int>(set / 2);
      std::uint64_t pattern = scales[(first + i) / stride % channels];
      const std::uint64_t step = std::uint64_t{1} << mantissa;
      if (multiple == 2 || multiple == -2) pattern += pattern < step ? pattern : step;
      if (multiple < 0) pattern ^= sign_of(kind);
      pattern &= sign_of(kind) | (sign_of(kind) - 1);
      out.push_back(multiple == 0 ? 0 : pattern);
    }
  }
  return out;
}

// 4.10
Patterns decode_context_palette(Input& in, Kind kind, std::uint64_t count) {
  const std::uint64_t entries = in.varint();
  require(entries >= 1 && entries <= 16384, "entries of a palette");
  const Patterns book = read_codebook(in, entries, kind);
  const std::uint64_t turn = in.varint();
  const std::uint64_t zero = in.varint();
  const std::uint64_t below = zero / 2;
  const bool has_zero = zero % 2 == 1;
  require(turn < entries && below + (has_zero ? 1 : 0) <= entries, "order of a codebook");
  require(entries > (has_zero ? 1U : 0U), "a codebook of nothing but zero");
  const Places places = read_places(in, count);
  const View coded = in.take(in.varint());
  Patterns out;
  for (const std::uint64_t rank : decode_ranks(places, coded, count, entries, below, has_zero)) {
    out.push_back(book[(rank + turn) % entries]);
  }
  return out;
}

// 4.11
Patterns decode_context_floats(Input& in, Kind kind, std::uint64_t count) {
  const std::uint64_t mantissa = in.number(1);
  require(kind.is_float, "floats");
  require_mantissa(mantissa, kind);
  const auto exponent_bits = static_cast<unsigned>(8 * kind.width - 1 - mantissa);
  const std::uint64_t top = in.varint();
  require(top / 2 < std::uint64_t{1} << exponent_bits, "top exponent");
  const std::uint64_t stored = in.varint();
  require(stored <= count, "stored floats");
  const Places places = read_places(in, count);
  const auto rest = static_cast<unsigned>(mantissa - 3);
  Patterns rests(stored);
  for (unsigned low = 0; low < rest; low += 8) {
    const auto plane = decode_stream(in, stored, std::uint64_t{1} << std::min(8U, rest - low));
    for (std::size_t i = 0; i < stored; ++i) rests[i] |= std::uint64_t{plane[i]} << low;
  }
  const View coded = in.take(in.varint());
  Patterns out;
  std::size_t next = 0;
  for (const Head& head :
       decode_heads(places, coded, count, top / 2, top % 2 == 1, exponent_bits)) {
    if (head.zero) {
      out.push_back(0);
      continue;
    }
    require(next < stored, "more floats than stored");
    out.push_back((head.negative ? sign_of(kind) : 0) | head.exponent << mantissa |
                  head.mantissa << rest | rests[next++]);
  }
  require(next == stored, "fewer floats than stored");
  return out;
}

// 4.12
std::vector<std::uint64_t> decode_varints(Input& in, std::uint64_t count) {
  const auto symbols = decode_stream(in, in.varint(), 256);
  const Data bytes(symbols.begin(), symbols.end());
  Input varints(bytes);
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = 0; i < count; ++i) {
    numbers.push_back(varints.varint());
    require(numbers.back() >> 63 == 0, "a number of a run");
  }
  require(varints.at_end(), "numbers of no run");
  return numbers;
}

Patterns decode_repeats(Input& in, Kind kind, std::uint64_t count, int inside) {
  const std::uint64_t columns = in.varint();
  const std::uint64_t runs = in.varint();
  const std::uint64_t stored = in.varint();
  require(count > 0 && columns >= 1 && count % columns == 0, "columns");
  require(runs <= count && stored <= count, "runs");
  const auto skips = decode_varints(in, runs);
  const auto lengths = decode_varints(in, runs);
  const auto distances = decode_varints(in, runs);
  const Patterns values = decode_values(in, kind, stored, inside);
  Patterns order;
  std::size_t taken = 0;
  const auto take = [&](std::uint64_t some) {
    require(some <= values.size() - taken && some <= count - order.size(), "stored values");
    for (; some > 0; --some) order.push_back(values[taken++]);
  };
  std::int64_t going_on = -1;
  std::uint64_t direction = 0;
  for (std::uint64_t run = 0; run < runs; ++run) {
    take(skips[run]);
    const std::uint64_t length = lengths[run] / 4 + 1;
    const std::uint64_t backward = lengths[run] & 1;
    const std::uint64_t flip = (lengths[run] & 2) != 0 ? sign_of(kind) : 0;
    const auto place = static_cast<std::int64_t>(order.size());
    const auto skipped = static_cast<std::int64_t>(skips[run]);
    require(flip == 0 || kind.is_float, "a negated run of no floats");
    require(length <= count - order.size(), "length of a run");
    forms_met().insert(backward == 1 ? "repeats, backward" : "repeats, forward");
    std::int64_t source = 0;
    if (distances[run] > 0) {
      require(distances[run] <= order.size(), "distance of a run");
      source = place - static_cast<std::int64_t>(distances[run]);
    } else {
      require(run > 0 && direction == backward, "a run that goes on");
      source = backward == 1 ? going_on - skipped : going_on + skipped;
      require(source >= 0 && source < place, "a run that goes on");
    }
    for (std::uint64_t i = 0; i < length; ++i) {
      require(source >= 0, "a source before the first element");
      order.push_back(order[static_cast<std::size_t>(source)] ^ flip);
      source += backward == 1 ? -1 : 1;
    }
    going_on = source;
    direction = backward;
  }
  take(values.size() - taken);
  require(order.size() == count, "elements");
  Patterns out(count);
  const std::uint64_t rows = count / columns;
  for (std::uint64_t i = 0; i < count; ++i) out[i % rows * columns + i / rows] = order[i];
  return out;
}

Patterns decode_layout(std::uint64_t layout, Input& in, Kind kind, std::uint64_t count,
                       int inside) {
  forms_met().insert("layout " + std::to_string(layout));
  switch (layout) {
    case 0:
      return decode_raw(in, kind, count);
    case 1:
      return decode_planes(in, kind, count);
    case 2:
      return decode_narrow(in, kind, count, inside);
    case 3:
      return Patterns(count, in.number(kind.width));
    case 4:
      return decode_palette(in, kind, count);
    case 5:
      return decode_channel_palette(in, kind, count);
    case 6:
      return decode_csr(in, kind, count, inside);
    case 7:
      return decode_bitmap(in, kind, count, inside);
    case 8:
      return decode_levels(in, kind, count, inside);
    case 9:
      return decode_context_palette(in, kind, count);
    case 10:
      return decode_context_floats(in, kind, count);
    case 11:
      return decode_repeats(in, kind, count, inside);
    default:
      throw Broken("unknown layout");
  }
}

}  // namespace

Data decode_tensor(View coded, std::uint64_t size) {
  Input in(coded);
  const std::uint64_t layout = in.number(1);
  const std::uint64_t element = in.number(1);
  const Kind kind = {static_cast<unsigned>(element & 15), element >> 4 == 1};
  require(element < 32 && kind.width > 0 && kind.width <= 8, "element");
  require(std::has_single_bit(kind.width), "element");
  require(size % kind.width == 0, "size of a tensor");
  const Patterns elements = decode_layout(layout, in, kind, size / kind.width, 0);
  require(in.at_end(), "bytes left over");
  Data out;
  for (const std::uint64_t pattern : elements) {
    for (unsigned byte = 0; byte < kind.width; ++byte) {
      out.push_back(static_cast<std::uint8_t>(pattern >> 8 * byte));
    }
  }
  return out;
}

}  // namespace qc::spec
