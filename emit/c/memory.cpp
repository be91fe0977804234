#include "emit/c/memory.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "emit/c/planner.h"

namespace qc::c {
namespace {

// Memory that is needed from one step to another.
struct Block {
  std::uint64_t bytes = 0;
  std::size_t first = std::numeric_limits<std::size_t>::max();
  std::size_t last = 0;
  std::uint64_t offset = 0;

  bool meets(const Block& other) const { return first <= other.last && other.first <= last; }
  void use(std::size_t step) {
    first = std::min(first, step);
    last = std::max(last, step);
  }
};

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t bytes_of(const Value& value) {
  return count_of(value.shape) * element_bytes(value.type);
}

// Outputs take the memory of inputs that nothing reads afterwards.
void share_in_place(Plan& plan) {
  std::map<ValueId, std::size_t> last_read;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    for (const Argument& argument : plan.steps[i].arguments) {
      if (const auto* read = std::get_if<Argument::Read>(&argument.what)) {
        last_read[storage_of(plan, read->value)] = i;
      }
    }
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    if (!step.in_place) continue;
    const ValueId from = storage_of(plan, *step.in_place);
    const Value& source = plan.values[from];
    if (source.is_input || source.is_output || source.constant || last_read[from] != i) continue;
    ValueId to = from;
    std::size_t written_values = 0;
    bool is_read_otherwise = false;
    for (const Argument& argument : step.arguments) {
      if (const auto* read = std::get_if<Argument::Read>(&argument.what)) {
        is_read_otherwise |= read->value != *step.in_place && storage_of(plan, read->value) == from;
      }
      if (const auto* written = std::get_if<Argument::Written>(&argument.what)) {
        to = storage_of(plan, written->value);
        ++written_values;
      }
    }
    if (written_values != 1 || to == from || is_read_otherwise) continue;
    const Value& target = plan.values[to];
    if (target.type != source.type || bytes_of(target) != bytes_of(source)) continue;
    // The later value is the storage of both: it is the one that may be an output.
    plan.values[from].storage = to;
    last_read[to] = std::max(last_read[to], i);
  }
}

// The offsets for an order of blocks: each goes to the lowest gap among those it meets.
std::uint64_t place(std::vector<Block>& blocks, const std::vector<std::size_t>& order) {
  std::uint64_t total = 0;
  std::vector<std::size_t> placed;
  std::vector<std::size_t> met;
  for (const std::size_t index : order) {
    Block& block = blocks[index];
    met.clear();
    for (const std::size_t other : placed) {
      if (blocks[other].meets(block)) met.push_back(other);
    }
    std::ranges::sort(met, {}, [&](std::size_t i) { return blocks[i].offset; });
    std::uint64_t offset = 0;
    for (const std::size_t other : met) {
      if (offset + block.bytes <= blocks[other].offset) break;
      offset = std::max(offset, blocks[other].offset + blocks[other].bytes);
    }
    block.offset = offset;
    total = std::max(total, offset + block.bytes);
    placed.push_back(index);
  }
  return total;
}

std::uint64_t bound_of(const std::vector<Block>& blocks, std::size_t steps) {
  std::vector<std::uint64_t> alive(steps + 1, 0);
  for (const Block& block : blocks) {
    for (std::size_t i = block.first; i <= block.last; ++i) alive[i] += block.bytes;
  }
  return *std::ranges::max_element(alive);
}

// The best placement of several greedy orders, and of changes to the best order.
std::uint64_t place_best(std::vector<Block>& blocks, std::uint64_t bound) {
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::vector<Block> best = blocks;
  std::vector<std::size_t> best_order = order;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  const auto attempt = [&](const std::vector<std::size_t>& tried) {
    const std::uint64_t total = place(blocks, tried);
    if (total > least) return;
    if (total < least) best = blocks;
    least = total;
    best_order = tried;
  };
  const auto attempt_by = [&](const auto& key) {
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(),
                             [&](std::size_t i) { return key(blocks[i]); });
    attempt(order);
  };
  attempt_by([](const Block& block) { return block.bytes; });
  attempt_by([](const Block& block) { return block.bytes * (block.last - block.first + 1); });
  attempt_by([](const Block& block) { return block.last - block.first; });
  attempt_by(
      [](const Block& block) { return std::numeric_limits<std::size_t>::max() - block.first; });
  attempt_by([](const Block& block) { return block.last; });
  // Most blocks of large networks never meet: swapping a few finds what orders by a key miss.
  SplitMix64 random(1);
  const std::size_t tries =
      blocks.size() < 2 ? 0 : 4'000'000 / (blocks.size() * blocks.size()) + 50;
  for (std::size_t i = 0; i < tries && least > bound; ++i) {
    order = best_order;
    const std::size_t from = random.next() % order.size();
    const std::size_t to = random.next() % order.size();
    const std::size_t moved = order[from];
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(from));
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(to), moved);
    attempt(order);
  }
  blocks = std::move(best);
  return least == std::numeric_limits<std::uint64_t>::max() ? 0 : least;
}

}  // namespace

void place_values(Plan& plan) {
  share_in_place(plan);
  std::map<ValueId, std::size_t> block_of;
  std::vector<Block> blocks;
  std::vector<std::pair<Argument::Scratch*, std::size_t>> scratches;
  const auto use = [&](ValueId value, std::size_t step) {
    const ValueId root = storage_of(plan, value);
    const Value& storage = plan.values[root];
    if (storage.is_input || storage.is_output || storage.constant) return;
    const auto [found, is_new] = block_of.try_emplace(root, blocks.size());
    if (is_new) blocks.push_back({aligned(bytes_of(storage))});
    blocks[found->second].use(step);
  };
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    for (Argument& argument : plan.steps[i].arguments) {
      if (const auto* read = std::get_if<Argument::Read>(&argument.what)) use(read->value, i);
      if (const auto* written = std::get_if<Argument::Written>(&argument.what)) {
        use(written->value, i);
      }
      if (auto* scratch = std::get_if<Argument::Scratch>(&argument.what)) {
        scratches.emplace_back(scratch, blocks.size());
        blocks.push_back({aligned(scratch->bytes)});
        blocks.back().use(i);
      }
    }
  }
  plan.arena_bound = bound_of(blocks, plan.steps.size());
  plan.arena_bytes = place_best(blocks, plan.arena_bound);
  if (plan.arena_bytes > kLargestMemory) {
    throw Error(ErrorCode::kLimit, "the network needs more than 2 GiB of memory");
  }
  for (const auto& [value, block] : block_of) plan.values[value].offset = blocks[block].offset;
  for (const auto& [scratch, block] : scratches) scratch->offset = blocks[block].offset;
}

}  // namespace qc::c
