#include "emit/digits.h"

#include <algorithm>
#include <utility>

namespace qc {
namespace {

// base^exponent, or nothing where it is above `most`.
bool power_fits(std::uint64_t base, unsigned exponent, std::uint64_t most) {
  std::uint64_t power = 1;
  for (unsigned i = 0; i < exponent; ++i) {
    if (power > most / base) return false;
    power *= base;
  }
  return true;
}

std::uint64_t group_values(unsigned bytes) { return std::uint64_t{1} << (8 * bytes); }

// radix^(count - 1), ..., radix, 1
std::vector<std::int64_t> falling_powers(std::int64_t radix, unsigned count) {
  std::vector<std::int64_t> powers(count, 1);
  for (unsigned i = count - 1; i > 0; --i) powers[i - 1] = powers[i] * radix;
  return powers;
}

bool is_plain(const Packing& packing) { return packing.bytes == 1 && packing.digits == 1; }

}  // namespace

std::uint64_t Packing::overhead() const noexcept {
  constexpr std::uint64_t kCast = 25;
  constexpr std::uint64_t kNode = 20;
  constexpr std::uint64_t kTensor = 16;
  const std::uint64_t width = bytes <= 3 ? 4 : 8;
  if (bytes == 1 && digits == 1) return kCast;
  const std::uint64_t joining = bytes == 1 ? 0 : kNode + kTensor + width * bytes;
  return kCast + joining + 2 * (kNode + kTensor) + width * (digits + 1);
}

std::uint32_t largest_radix(unsigned bytes, unsigned digits) {
  std::uint32_t low = 1;
  std::uint32_t high = kMaxRadix;
  while (low < high) {
    const std::uint32_t middle = low + (high - low + 1) / 2;
    if (power_fits(middle, digits, group_values(bytes))) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

std::vector<Packing> packings(std::uint32_t radix) {
  std::vector<Packing> all;
  for (unsigned bytes = 1; bytes <= kMaxGroupBytes; ++bytes) {
    unsigned digits = 0;
    while (power_fits(radix, digits + 1, group_values(bytes))) ++digits;
    if (digits > 0) all.push_back({radix, bytes, digits});
  }
  return all;
}

Packing best_packing(std::uint32_t radix, std::uint64_t count) {
  const std::vector<Packing> all = packings(radix);
  return *std::ranges::min_element(
      all, {}, [&](const Packing& packing) { return packing.size(count) + packing.overhead(); });
}

Bytes pack_digits(std::span<const std::uint32_t> digits, const Packing& packing) {
  Bytes bytes;
  bytes.reserve(packing.size(digits.size()));
  for (std::size_t begin = 0; begin < digits.size(); begin += packing.digits) {
    std::uint64_t group = 0;
    for (unsigned i = 0; i < packing.digits; ++i) {
      group = group * packing.radix + (begin + i < digits.size() ? digits[begin + i] : 0);
    }
    for (unsigned i = packing.bytes; i-- > 0;) {
      bytes.push_back(static_cast<std::uint8_t>(group >> (8 * i)));
    }
  }
  return bytes;
}

Unpacked unpack_digits(Decoding& decoding, std::span<const std::uint32_t> digits,
                       const Packing& packing, const std::vector<std::int64_t>& dims) {
  Unpacked unpacked;
  unpacked.type = packing.type();
  unpacked.exact = digits.size() % packing.digits == 0;
  const auto groups = static_cast<std::int64_t>(packing.groups(digits.size()));
  HostTensor packed;
  packed.type = DataType::kUint8;
  packed.bytes = pack_digits(digits, packing);
  unpacked.shaped = is_plain(packing) && !dims.empty();
  packed.dims = unpacked.shaped
                    ? dims
                    : std::vector<std::int64_t>{groups, static_cast<std::int64_t>(packing.bytes)};
  std::string value = decoding.cast(decoding.tensor(std::move(packed)), unpacked.type);
  constexpr std::int64_t kByteValues = 256;
  if (packing.bytes > 1) {
    value = decoding.node(
        "MatMul",
        {value, decoding.integers(unpacked.type, falling_powers(kByteValues, packing.bytes),
                                  {packing.bytes, 1})});
  }
  if (!is_plain(packing)) {
    value = decoding.node(
        "Div",
        {value, decoding.integers(unpacked.type, falling_powers(packing.radix, packing.digits),
                                  {packing.digits})});
    value = decoding.node("Mod", {value, decoding.scalar(unpacked.type, packing.radix)});
  }
  unpacked.value = std::move(value);
  return unpacked;
}

std::string unpack_list(Decoding& decoding, std::span<const std::uint32_t> digits,
                        const Packing& packing) {
  const Unpacked unpacked = unpack_digits(decoding, digits, packing);
  const std::string list = decoding.flatten(unpacked.value);
  return unpacked.exact ? list : first_elements(decoding, list, digits.size());
}

std::string first_elements(Decoding& decoding, const std::string& list, std::uint64_t count) {
  return decoding.node(
      "Slice", {list, decoding.list({0}), decoding.list({static_cast<std::int64_t>(count)})});
}

}  // namespace qc
