// Forms of tensors of which one value, mostly zero, takes a large part: the places of the other
// elements, and their values.
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "codecs/shared/element.h"
#include "emit/forms.h"

namespace qc {
namespace {

// The elements that are not the base.
struct Others {
  std::vector<std::uint64_t> places;  // rising
  Digits codes;                       // in the codebook without the base; empty without a codebook
  std::vector<std::uint64_t> patterns;  // where there is no codebook
};

bool is_base(const TensorCodes& tensor, std::size_t i) {
  if (!tensor.codes.empty()) return tensor.codes[i] == 0;
  return load_pattern(tensor.elements.data() + i * tensor.width(), tensor.width()) == tensor.base;
}

Others find_others(const TensorCodes& tensor) {
  Others others;
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    if (is_base(tensor, i)) continue;
    others.places.push_back(i);
    if (!tensor.codes.empty()) {
      others.codes.push_back(tensor.codes[i] - 1);
    } else {
      others.patterns.push_back(
          load_pattern(tensor.elements.data() + i * tensor.width(), tensor.width()));
    }
  }
  return others;
}

// Whether a form with places may pay, and fits into memory while it is decoded.
bool may_be_sparse(const TensorCodes& tensor) {
  constexpr std::uint64_t kLeastShare = 8;  // of the base: one in so many
  const std::uint64_t count = tensor.count();
  return tensor.base_count > count / kLeastShare && tensor.base_count < count &&
         count * sizeof(std::int64_t) <= kMaxStepBytes;
}

// A list of base values, as many as the tensor has elements.
std::string base_list(const TensorCodes& tensor, Decoding& decoding) {
  const std::string length = decoding.list({static_cast<std::int64_t>(tensor.count())});
  if (tensor.type == DataType::kFloat && tensor.base == 0) {
    return decoding.node("ConstantOfShape", {length});
  }
  const std::uint64_t base[] = {tensor.base};
  return decoding.node("Expand", {decoding.constant(tensor.values(base)), length});
}

void finish_scatter(const TensorCodes& tensor, const std::string& places, const std::string& values,
                    Decoding& decoding) {
  const std::string base = base_list(tensor, decoding);
  if (tensor.dims.size() == 1) {
    decoding.finish("ScatterElements", {base, places, values});
  } else {
    decoding.finish_reshaped(decoding.node("ScatterElements", {base, places, values}), tensor.dims);
  }
}

// Distances between places as digits below a radix. A distance beyond the largest digit takes
// several, each but the last of which stands on an element that is the base.
struct Gaps {
  Digits digits;
  Digits codes;  // 0 is the base, where it is used
};

std::uint64_t gap_digits(const std::map<std::uint64_t, std::uint64_t>& distances,
                         std::uint64_t most) {
  std::uint64_t count = 0;
  for (const auto& [distance, uses] : distances) {
    count += uses * std::max<std::uint64_t>(1, (distance + most - 1) / most);
  }
  return count;
}

// How many digits of each kind the groups hold, and how many there are: padding repeats the last
// element (a distance of 0), so that both are of one length.
struct GapPlan {
  Packing gaps;
  Packing codes;
  std::uint64_t length = 0;
  std::uint64_t bytes = UINT64_MAX;
};

std::uint64_t rounded_up(std::uint64_t count, std::uint64_t step) {
  return (count + step - 1) / step * step;
}

GapPlan plan_gaps(const TensorCodes& tensor,
                  const std::map<std::uint64_t, std::uint64_t>& distances, std::uint64_t count) {
  constexpr std::uint32_t kMostGapRadix = 1 << 12;
  const std::uint64_t value_width = tensor.codes.empty() ? tensor.width() : 0;
  GapPlan best;
  for (unsigned bytes = 1; bytes <= kMaxGroupBytes; ++bytes) {
    for (unsigned digits = 1; digits <= 8 * bytes; ++digits) {
      const std::uint32_t radix = std::min(largest_radix(bytes, digits), kMostGapRadix);
      if (radix < 2) continue;
      const Packing gaps{radix, bytes, digits};
      const std::uint64_t needed = gap_digits(distances, radix - 1);
      if (needed > 4 * count + 64) continue;  // mostly fillers
      const bool fills = needed > count;
      const auto consider = [&](const Packing& codes, std::uint64_t step) {
        const std::uint64_t length = rounded_up(needed, step);
        const std::uint64_t values =
            value_width > 0 ? length * value_width : codes.size(length) + codes.overhead();
        const std::uint64_t total = gaps.size(length) + gaps.overhead() + values;
        if (total < best.bytes) best = {gaps, codes, length, total};
      };
      if (value_width > 0) {
        consider({}, digits);
        continue;
      }
      const auto entries = static_cast<std::uint32_t>(tensor.codebook.size()) - (fills ? 0 : 1);
      for (const Packing& codes : packings(std::max<std::uint32_t>(entries, 2))) {
        consider(codes, std::lcm(std::uint64_t{digits}, std::uint64_t{codes.digits}));
      }
    }
  }
  return best;
}

bool make_gaps(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  if (!may_be_sparse(tensor)) return false;
  const Others others = find_others(tensor);
  std::map<std::uint64_t, std::uint64_t> distances;
  for (std::size_t i = 0; i < others.places.size(); ++i) {
    ++distances[others.places[i] - (i > 0 ? others.places[i - 1] : 0)];
  }
  const GapPlan plan = plan_gaps(tensor, distances, others.places.size());
  if (plan.bytes == UINT64_MAX) return false;

  const bool coded = !tensor.codes.empty();
  const std::uint64_t most = plan.gaps.radix - 1;
  const bool fills = gap_digits(distances, most) > others.places.size();
  Digits gaps;
  Digits codes;
  std::vector<std::uint64_t> patterns;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < others.places.size(); ++i) {
    std::uint64_t distance = others.places[i] - at;
    at = others.places[i];
    for (; distance > most; distance -= most) {
      gaps.push_back(static_cast<std::uint32_t>(most));
      coded ? codes.push_back(0) : patterns.push_back(tensor.base);
    }
    gaps.push_back(static_cast<std::uint32_t>(distance));
    coded ? codes.push_back(others.codes[i] + (fills ? 1 : 0))
          : patterns.push_back(others.patterns[i]);
  }
  gaps.resize(plan.length, 0);
  if (coded) {
    codes.resize(plan.length, codes.back());
  } else {
    patterns.resize(plan.length, patterns.back());
  }

  const std::string distances_value = unpack_list(decoding, gaps, plan.gaps);
  const std::string places =
      decoding.node("CumSum", {distances_value, decoding.scalar(DataType::kInt32, 0)});
  std::string values;
  if (coded) {
    const std::span<const std::uint64_t> codebook(tensor.codebook);
    const std::string list = unpack_list(decoding, codes, plan.codes);
    values = decoding.node("Gather",
                           {decoding.tensor(tensor.values(codebook.subspan(fills ? 0 : 1))), list});
  } else {
    values = decoding.tensor(tensor.values(patterns));
  }
  finish_scatter(tensor, places, values, decoding);
  return true;
}

// Golomb's code of the distances, in two lists: quotients in unary, remainders as digits. The place
// of the i-th element is M * p[i] - (r[0] + ... + r[i]), where p are the places of the ones among
// the unary bits.
struct GolombPlan {
  Packing remainders;  // of radix M; no digits where M is 1
  std::uint64_t bytes = UINT64_MAX;
};

std::uint64_t unary_bits(const std::map<std::uint64_t, std::uint64_t>& distances,
                         std::uint64_t divisor) {
  std::uint64_t bits = 1;
  for (const auto& [distance, uses] : distances) {
    bits += uses * ((distance + divisor - 1) / divisor);
  }
  return bits;
}

GolombPlan plan_golomb(const std::map<std::uint64_t, std::uint64_t>& distances,
                       std::uint64_t count) {
  constexpr std::uint64_t kSlice = 60;
  GolombPlan best;
  const auto consider = [&](const Packing& remainders, std::uint64_t size) {
    const std::uint64_t bits = unary_bits(distances, remainders.radix);
    if (bits > 16 * count + 64) return;
    const std::uint64_t total = bits / 8 + size;
    if (total < best.bytes) best = {remainders, total};
  };
  consider({1, 1, 1}, 0);
  for (unsigned bytes = 1; bytes <= kMaxGroupBytes; ++bytes) {
    for (unsigned digits = 1; digits <= 8 * bytes; ++digits) {
      const std::uint32_t radix = largest_radix(bytes, digits);
      if (radix < 2) continue;
      const Packing packing{radix, bytes, digits};
      consider(packing,
               packing.size(count) + packing.overhead() + (count % digits == 0 ? 0 : kSlice));
    }
  }
  return best;
}

bool make_golomb(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  if (!may_be_sparse(tensor)) return false;
  const Others others = find_others(tensor);
  std::map<std::uint64_t, std::uint64_t> distances;
  for (std::size_t i = 0; i < others.places.size(); ++i) {
    ++distances[others.places[i] - (i > 0 ? others.places[i - 1] : 0)];
  }
  const GolombPlan plan = plan_golomb(distances, others.places.size());
  if (plan.bytes == UINT64_MAX) return false;
  const std::uint64_t divisor = plan.remainders.radix;
  Digits unary;
  Digits remainders;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < others.places.size(); ++i) {
    const std::uint64_t distance = others.places[i] - at;
    at = others.places[i];
    const std::uint64_t quotient = (distance + divisor - 1) / divisor;
    remainders.push_back(static_cast<std::uint32_t>(quotient * divisor - distance));
    // The first place counts from the first bit, the others from the one after the last one.
    if (i == 0) unary.assign(quotient, 0);
    if (i > 0) unary.resize(unary.size() + quotient - 1, 0);
    unary.push_back(1);
  }
  const Packing bits{2, 1, 8};
  const Unpacked ones = unpack_digits(decoding, unary, bits);
  // NonZero would do, but has an output of unknown size, which ONNX Runtime 1.30 does not fold. Of
  // equal elements TopK gives the first ones first.
  std::string places = decoding.second_output(
      "TopK", {decoding.flatten(ones.value),
               decoding.list({static_cast<std::int64_t>(others.places.size())})});
  if (divisor > 1) {
    std::string list = unpack_list(decoding, remainders, plan.remainders);
    if (plan.remainders.type() != DataType::kInt64) list = decoding.cast(list, DataType::kInt64);
    const std::string sums = decoding.node("CumSum", {list, decoding.scalar(DataType::kInt32, 0)});
    const std::string scaled = decoding.node(
        "Mul", {places, decoding.scalar(DataType::kInt64, static_cast<std::int64_t>(divisor))});
    places = decoding.node("Sub", {scaled, sums});
  }
  std::string values;
  if (!tensor.codes.empty()) {
    const auto entries = static_cast<std::uint32_t>(tensor.codebook.size()) - 1;
    const std::span<const std::uint64_t> codebook(tensor.codebook);
    const Packing packing = best_packing(std::max<std::uint32_t>(entries, 2), others.codes.size());
    values = decoding.node("Gather", {decoding.tensor(tensor.values(codebook.subspan(1))),
                                      unpack_list(decoding, others.codes, packing)});
  } else {
    values = decoding.tensor(tensor.values(others.patterns));
  }
  finish_scatter(tensor, places, values, decoding);
  return true;
}

}  // namespace

const TensorForm kGapsForm = {
    .name = "gaps",
    .families = {FormFamily::kCompact},
    .opset = 11,
    .operators = {"Cast", "ConstantOfShape", "CumSum", "Div", "Expand", "Gather", "MatMul", "Mod",
                  "Reshape", "ScatterElements"},
    .make = make_gaps};

const TensorForm kGolombForm = {
    .name = "golomb",
    .families = {FormFamily::kCompact},
    .opset = 11,
    .operators = {"Cast", "ConstantOfShape", "CumSum", "Div", "Expand", "Gather", "MatMul", "Mod",
                  "Mul", "Reshape", "ScatterElements", "Slice", "Sub", "TopK"},
    .make = make_golomb};

}  // namespace qc
