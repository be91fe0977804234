// Arithmetic on numbers that are known.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/bit_cast.h"
#include "emit/c/fold_rows.h"

namespace qc::c {
namespace {

constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;

// Both shapes broadcast; nothing where they do not fit.
std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::int64_t of_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t of_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (of_a != of_b && of_a != 1 && of_b != 1) return std::nullopt;
    result[result.size() - 1 - i] = of_a == 1 ? of_b : of_a;
  }
  const auto count = element_count(result);
  if (!count || *count > kMostElements) return std::nullopt;
  return result;
}

// Where element `at` of a broadcast shape comes from.
std::size_t source(std::size_t at, const Shape& to, const Shape& from) {
  std::size_t place = 0;
  std::size_t stride = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto to_size = static_cast<std::size_t>(to[to.size() - 1 - i]);
    const auto from_size = static_cast<std::size_t>(from[from.size() - 1 - i]);
    if (from_size != 1) place += at % to_size * stride;
    stride *= from_size;
    at /= to_size;
  }
  return place;
}

std::int64_t wrapped(std::uint64_t value) { return bit_cast<std::int64_t>(value); }
std::uint64_t bits(std::int64_t value) { return bit_cast<std::uint64_t>(value); }

struct Binary {
  double (*floats)(double, double);
  std::optional<std::int64_t> (*integers)(std::int64_t, std::int64_t);
  bool is_comparison = false;
};

std::optional<Numbers> combine(const FoldInputs& in, const Binary& with) {
  if (!in.has(0) || !in.has(1) || in[0].type != in[1].type) return std::nullopt;
  // Before opset 7 shapes were not broadcast unless an attribute said so, and how.
  if (in.opset < 7 && in[0].dims != in[1].dims && in[1].size() != 1) return std::nullopt;
  const auto dims = broadcast(in[0].dims, in[1].dims);
  if (!dims) return std::nullopt;
  Numbers result{with.is_comparison ? DataType::kBool : in[0].type, *dims, {}, {}};
  const auto count = static_cast<std::size_t>(*element_count(*dims));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t a = source(i, *dims, in[0].dims);
    const std::size_t b = source(i, *dims, in[1].dims);
    if (in[0].is_float()) {
      const double value = with.floats(in[0].floats[a], in[1].floats[b]);
      if (with.is_comparison) {
        result.integers.push_back(value != 0 ? 1 : 0);
      } else {
        result.floats.push_back(static_cast<double>(static_cast<float>(value)));
      }
    } else {
      const auto value = with.integers(in[0].integers[a], in[1].integers[b]);
      if (!value) return std::nullopt;
      result.integers.push_back(*value);
    }
  }
  return result;
}

using Integer = std::optional<std::int64_t>;

std::optional<Numbers> add(const FoldInputs& in) {
  return combine(
      in, {[](double a, double b) { return a + b; },
           [](std::int64_t a, std::int64_t b) -> Integer { return wrapped(bits(a) + bits(b)); }});
}

std::optional<Numbers> subtract(const FoldInputs& in) {
  return combine(
      in, {[](double a, double b) { return a - b; },
           [](std::int64_t a, std::int64_t b) -> Integer { return wrapped(bits(a) - bits(b)); }});
}

std::optional<Numbers> multiply(const FoldInputs& in) {
  return combine(
      in, {[](double a, double b) { return a * b; },
           [](std::int64_t a, std::int64_t b) -> Integer { return wrapped(bits(a) * bits(b)); }});
}

std::optional<Numbers> divide(const FoldInputs& in) {
  return combine(in, {[](double a, double b) { return a / b; },
                      [](std::int64_t a, std::int64_t b) -> Integer {
                        if (b == 0 || (b == -1 && a == std::numeric_limits<std::int64_t>::min())) {
                          return std::nullopt;
                        }
                        return a / b;
                      }});
}

std::optional<Numbers> modulo(const FoldInputs& in) {
  if (in.integer("fmod", 0) != 0 || !in.has(0) || in[0].is_float()) return std::nullopt;
  return combine(in, {nullptr, [](std::int64_t a, std::int64_t b) -> Integer {
                        if (b == 0 || b == -1) return b == 0 ? Integer() : Integer(0);
                        const std::int64_t rest = a % b;
                        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
                      }});
}

std::optional<Numbers> power(const FoldInputs& in) {
  if (!in.has(0) || !in[0].is_float()) return std::nullopt;
  return combine(in, {[](double a, double b) { return std::pow(a, b); }, nullptr});
}

std::optional<Numbers> equal(const FoldInputs& in) {
  return combine(in,
                 {[](double a, double b) { return a == b ? 1.0 : 0.0; },
                  [](std::int64_t a, std::int64_t b) -> Integer { return a == b ? 1 : 0; }, true});
}

std::optional<Numbers> less(const FoldInputs& in) {
  return combine(in,
                 {[](double a, double b) { return a < b ? 1.0 : 0.0; },
                  [](std::int64_t a, std::int64_t b) -> Integer { return a < b ? 1 : 0; }, true});
}

std::optional<Numbers> greater(const FoldInputs& in) {
  return combine(in,
                 {[](double a, double b) { return a > b ? 1.0 : 0.0; },
                  [](std::int64_t a, std::int64_t b) -> Integer { return a > b ? 1 : 0; }, true});
}

std::optional<Numbers> both(const FoldInputs& in) {
  return combine(in, {nullptr, [](std::int64_t a, std::int64_t b) -> Integer {
                        return a != 0 && b != 0 ? 1 : 0;
                      }});
}

std::optional<Numbers> either(const FoldInputs& in) {
  return combine(in, {nullptr, [](std::int64_t a, std::int64_t b) -> Integer {
                        return a != 0 || b != 0 ? 1 : 0;
                      }});
}

// Of all inputs.
std::optional<Numbers> accumulate(const FoldInputs& in,
                                  std::optional<Numbers> (*step)(const FoldInputs&)) {
  std::vector<std::optional<Numbers>> pair(2);
  pair[0] = in.inputs[0];
  for (std::size_t i = 1; i < in.inputs.size(); ++i) {
    pair[1] = in.inputs[i];
    pair[0] = step({in.node, in.opset, pair});
    if (!pair[0]) return std::nullopt;
  }
  return pair[0];
}

std::optional<Numbers> smallest(const FoldInputs& in) {
  return accumulate(in, [](const FoldInputs& two) {
    return combine(two, {[](double a, double b) { return std::isnan(a) || a < b ? a : b; },
                         [](std::int64_t a, std::int64_t b) -> Integer { return std::min(a, b); }});
  });
}

std::optional<Numbers> largest(const FoldInputs& in) {
  return accumulate(in, [](const FoldInputs& two) {
    return combine(two, {[](double a, double b) { return std::isnan(a) || a > b ? a : b; },
                         [](std::int64_t a, std::int64_t b) -> Integer { return std::max(a, b); }});
  });
}

std::optional<Numbers> each(const FoldInputs& in, double (*floats)(double),
                            std::int64_t (*integers)(std::int64_t)) {
  if (!in.has(0)) return std::nullopt;
  Numbers result = in[0];
  if (result.is_float()) {
    if (floats == nullptr) return std::nullopt;
    for (double& value : result.floats) {
      value = static_cast<double>(static_cast<float>(floats(value)));
    }
  } else {
    if (integers == nullptr) return std::nullopt;
    for (std::int64_t& value : result.integers) value = integers(value);
  }
  return result;
}

std::optional<Numbers> negate(const FoldInputs& in) {
  return each(
      in, [](double x) { return -x; }, [](std::int64_t x) { return wrapped(0 - bits(x)); });
}
std::optional<Numbers> absolute(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::abs(x); },
      [](std::int64_t x) { return x < 0 ? wrapped(0 - bits(x)) : x; });
}
std::optional<Numbers> floor_of(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::floor(x); }, nullptr);
}
std::optional<Numbers> ceil_of(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::ceil(x); }, nullptr);
}
std::optional<Numbers> round_of(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::nearbyint(x); }, nullptr);
}
std::optional<Numbers> root_of(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::sqrt(x); }, nullptr);
}
std::optional<Numbers> inverse_of(const FoldInputs& in) {
  return each(
      in, [](double x) { return 1.0 / x; }, nullptr);
}
std::optional<Numbers> exponential(const FoldInputs& in) {
  return each(
      in, [](double x) { return std::exp(x); }, nullptr);
}
std::optional<Numbers> negation(const FoldInputs& in) {
  return each(in, nullptr, [](std::int64_t x) -> std::int64_t { return x == 0 ? 1 : 0; });
}

std::optional<Numbers> cast(const FoldInputs& in) {
  auto type = static_cast<DataType>(in.integer("to", 0));
  if (!in.has(0) || data_type_bits(type) < 8) return std::nullopt;
  Numbers result{is_value_type(type) ? DataType::kFloat : type, in[0].dims, {}, {}};
  for (const double value : in[0].floats) {
    if (result.is_float()) {
      result.floats.push_back(value);
    } else if (type == DataType::kBool) {
      result.integers.push_back(value != 0 ? 1 : 0);
    } else {
      if (!(std::abs(value) < 9e18)) return std::nullopt;
      result.integers.push_back(static_cast<std::int64_t>(value));
    }
  }
  for (const std::int64_t value : in[0].integers) {
    if (result.is_float()) {
      result.floats.push_back(static_cast<double>(static_cast<float>(value)));
    } else {
      result.integers.push_back(type == DataType::kBool ? (value != 0 ? 1 : 0) : value);
    }
  }
  // Integers take the width of their type.
  return to_numbers(to_tensor(result));
}

std::optional<Numbers> choose(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || !in.has(2) || in[1].type != in[2].type) return std::nullopt;
  auto dims = broadcast(in[1].dims, in[2].dims);
  if (dims) dims = broadcast(*dims, in[0].dims);
  if (!dims) return std::nullopt;
  Numbers result{in[1].type, *dims, {}, {}};
  const auto count = static_cast<std::size_t>(*element_count(*dims));
  for (std::size_t i = 0; i < count; ++i) {
    const Numbers& from = in[0].integers.at(source(i, *dims, in[0].dims)) != 0 ? in[1] : in[2];
    const std::size_t at = source(i, *dims, from.dims);
    if (from.is_float()) {
      result.floats.push_back(from.floats[at]);
    } else {
      result.integers.push_back(from.integers[at]);
    }
  }
  return result;
}

std::optional<Numbers> range(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || !in.has(2) || in[0].size() != 1 || in[1].size() != 1 ||
      in[2].size() != 1 || in[1].type != in[0].type || in[2].type != in[0].type) {
    return std::nullopt;
  }
  Numbers result{in[0].type, {}, {}, {}};
  if (in[0].is_float()) {
    const double step = in[2].floats[0];
    const double count = std::ceil((in[1].floats[0] - in[0].floats[0]) / step);
    if (!(count < static_cast<double>(kMostElements))) return std::nullopt;
    for (std::size_t i = 0; static_cast<double>(i) < count; ++i) {
      result.floats.push_back(in[0].floats[0] + static_cast<double>(i) * step);
    }
  } else {
    const std::int64_t step = in[2].integers[0];
    const double span =
        static_cast<double>(in[1].integers[0]) - static_cast<double>(in[0].integers[0]);
    if (step == 0 || !(span / static_cast<double>(step) < static_cast<double>(kMostElements))) {
      return std::nullopt;
    }
    std::int64_t at = in[0].integers[0];
    while (step > 0 ? at < in[1].integers[0] : at > in[1].integers[0]) {
      result.integers.push_back(at);
      if (__builtin_add_overflow(at, step, &at)) break;
    }
  }
  result.dims = {static_cast<std::int64_t>(result.size())};
  return result;
}

// Weights and biases of models whose weights are coded in few bits.
std::optional<Numbers> dequantize(const FoldInputs& in) {
  if (!in.has(0) || !in.has(1) || in[0].is_float() || !in[1].is_float()) return std::nullopt;
  if (in.has(2) && in[2].size() != in[1].size()) return std::nullopt;
  if (in.integer("block_size", 0) != 0) return std::nullopt;
  std::int64_t axis = in.integer("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(in[0].dims.size());
  const bool is_whole = in[1].size() == 1;
  const ChannelMap channels =
      is_whole ? ChannelMap() : channel_map(in[0].dims, static_cast<int>(axis));
  if (channels.count != in[1].size()) return std::nullopt;
  Numbers result{DataType::kFloat, in[0].dims, {}, {}};
  for (std::size_t i = 0; i < in[0].size(); ++i) {
    const std::uint64_t channel = channels.channel_of(i);
    const std::int64_t zero = in.has(2) && !in[2].is_float() ? in[2].integers[channel] : 0;
    const double value = static_cast<double>(in[0].integers[i] - zero) * in[1].floats[channel];
    result.floats.push_back(static_cast<double>(static_cast<float>(value)));
  }
  return result;
}

constexpr std::array kRows = {FoldRow{"Add", add},
                              FoldRow{"Sub", subtract},
                              FoldRow{"Mul", multiply},
                              FoldRow{"Div", divide},
                              FoldRow{"Mod", modulo},
                              FoldRow{"Pow", power},
                              FoldRow{"Equal", equal},
                              FoldRow{"Less", less},
                              FoldRow{"Greater", greater},
                              FoldRow{"And", both},
                              FoldRow{"Or", either},
                              FoldRow{"Not", negation},
                              FoldRow{"Min", smallest},
                              FoldRow{"Max", largest},
                              FoldRow{"Neg", negate},
                              FoldRow{"Abs", absolute},
                              FoldRow{"Floor", floor_of},
                              FoldRow{"Ceil", ceil_of},
                              FoldRow{"Round", round_of},
                              FoldRow{"Sqrt", root_of},
                              FoldRow{"Reciprocal", inverse_of},
                              FoldRow{"Exp", exponential},
                              FoldRow{"Cast", cast},
                              FoldRow{"Where", choose},
                              FoldRow{"Range", range},
                              FoldRow{"DequantizeLinear", dequantize}};

}  // namespace

std::span<const FoldRow> arithmetic_fold_rows() { return kRows; }

}  // namespace qc::c
