#include <algorithm>

#include "codecs/encode/entropy.h"
#include "codecs/encode/stage.h"

namespace qc {

SymbolStream::SymbolStream(std::span<const Symbol> all, std::uint32_t alphabet)
    : symbols(all), counts(alphabet) {
  // Several tables, so that a run of one symbol does not wait for its own count.
  constexpr std::size_t kTables = 4;
  std::size_t at = 0;
  if (all.size() > kTables * std::size_t{alphabet}) {
    std::vector<std::uint32_t> tables((kTables - 1) * std::size_t{alphabet});
    std::uint32_t* const second = tables.data();
    std::uint32_t* const third = second + alphabet;
    std::uint32_t* const fourth = third + alphabet;
    for (; at + kTables <= all.size(); at += kTables) {
      ++counts[all[at]];
      ++second[all[at + 1]];
      ++third[all[at + 2]];
      ++fourth[all[at + 3]];
    }
    for (std::uint32_t i = 0; i < alphabet; ++i) counts[i] += second[i] + third[i] + fourth[i];
  }
  for (; at < all.size(); ++at) ++counts[all[at]];
  entropy = entropy_bits(counts);
}

std::uint32_t SymbolStream::used_alphabet() const noexcept {
  std::uint32_t used = alphabet();
  while (used > 0 && counts[used - 1] == 0) --used;
  return used;
}

std::uint32_t SymbolStream::distinct() const noexcept {
  return static_cast<std::uint32_t>(
      std::count_if(counts.begin(), counts.end(), [](std::uint32_t count) { return count > 0; }));
}

}  // namespace qc
