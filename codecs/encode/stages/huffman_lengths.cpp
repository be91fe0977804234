#include "codecs/encode/stages/huffman_lengths.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace qc {
namespace {

// An item of a package-merge list: a leaf, or a package of two neighbours of the list before.
struct Item {
  std::uint64_t weight;
  std::int32_t leaf;  // index into the sorted leaves, -1 for a package
};

// A symbol that occurs.
struct Leaf {
  std::uint32_t count;
  std::uint32_t symbol;
};

// Huffman's algorithm with two queues (van Leeuwen, 1976): the depths of sorted leaves, which are
// at least two.
std::vector<unsigned> leaf_depths(std::span<const Leaf> leaves) {
  const std::size_t nodes = 2 * leaves.size() - 1;
  std::vector<std::uint64_t> weights(nodes);
  std::vector<std::size_t> parents(nodes);
  std::ranges::transform(leaves, weights.begin(), &Leaf::count);
  std::size_t next_leaf = 0;
  std::size_t next_inner = leaves.size();
  for (std::size_t node = leaves.size(); node < nodes; ++node) {
    for (int child = 0; child < 2; ++child) {
      const bool is_leaf = next_leaf < leaves.size() &&
                           (next_inner == node || weights[next_leaf] <= weights[next_inner]);
      const std::size_t taken = is_leaf ? next_leaf++ : next_inner++;
      weights[node] += weights[taken];
      parents[taken] = node;
    }
  }
  std::vector<unsigned> depths(nodes);
  for (std::size_t node = nodes - 1; node-- > 0;) depths[node] = depths[parents[node]] + 1;
  depths.resize(leaves.size());
  return depths;
}

// The package-merge algorithm (Larmore, Hirschberg, 1990): as above, none deeper than the limit.
std::vector<unsigned> limited_depths(std::span<const Leaf> leaves, unsigned limit) {
  std::vector<std::vector<Item>> lists(limit);
  for (unsigned level = 0; level < limit; ++level) {
    std::vector<Item>& list = lists[level];
    list.reserve(2 * leaves.size());
    std::size_t next_leaf = 0;
    std::size_t next_pair = 0;
    const std::vector<Item> none;
    const std::vector<Item>& before = level > 0 ? lists[level - 1] : none;
    while (next_leaf < leaves.size() || next_pair + 1 < before.size()) {
      const bool pair_left = next_pair + 1 < before.size();
      const std::uint64_t pair_weight =
          pair_left ? before[next_pair].weight + before[next_pair + 1].weight : 0;
      if (next_leaf < leaves.size() && (!pair_left || leaves[next_leaf].count <= pair_weight)) {
        list.push_back({leaves[next_leaf].count, static_cast<std::int32_t>(next_leaf)});
        ++next_leaf;
      } else {
        list.push_back({pair_weight, -1});
        next_pair += 2;
      }
    }
  }

  // The 2n-2 cheapest items of the last list; each time a leaf is among them, its code gets longer.
  std::vector<unsigned> depths(leaves.size());
  std::size_t taken = 2 * leaves.size() - 2;
  for (unsigned level = limit; level-- > 0;) {
    std::size_t packages = 0;
    for (std::size_t i = 0; i < taken; ++i) {
      const Item& item = lists[level][i];
      if (item.leaf < 0) {
        ++packages;
      } else {
        ++depths[static_cast<std::size_t>(item.leaf)];
      }
    }
    taken = 2 * packages;
  }
  return depths;
}

}  // namespace

std::vector<std::uint8_t> huffman_lengths(std::span<const std::uint32_t> counts, unsigned limit) {
  std::vector<Leaf> leaves;
  for (std::uint32_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (counts[symbol] > 0) leaves.push_back({counts[symbol], symbol});
  }
  std::ranges::sort(leaves, {},
                    [](const Leaf& leaf) { return std::pair(leaf.count, leaf.symbol); });
  std::vector<unsigned> depths = leaf_depths(leaves);
  if (*std::ranges::max_element(depths) > limit) depths = limited_depths(leaves, limit);
  std::vector<std::uint8_t> lengths(counts.size(), 0);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    lengths[leaves[i].symbol] = static_cast<std::uint8_t>(depths[i]);
  }
  return lengths;
}

}  // namespace qc
