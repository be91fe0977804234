// Where values are placed in the arena.
#include "emit/c/memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "core/random.h"
#include "emit/c/plan.h"

namespace qc::c {
namespace {

// Calls that read what some calls before them made.
class RandomPlan {
 public:
  RandomPlan(std::uint64_t seed, std::size_t steps) : random_(seed) {
    for (std::size_t i = 0; i < steps; ++i) add_step();
    plan.values.back().is_output = true;
    plan.outputs.push_back(plan.values.size() - 1);
  }

  Plan plan;

 private:
  void add_step() {
    Step step;
    const std::size_t made = plan.values.size();
    for (std::size_t i = 0; i < 2 && made > 0; ++i) {
      // Recent values, for the most part.
      const std::size_t back = random_.next() % (random_.next() % 4 == 0 ? 12 : 2) + 1;
      if (back <= made) step.arguments.emplace_back(Argument::Read{made - back});
    }
    if (random_.next() % 3 == 0) {
      step.arguments.emplace_back(Argument::Scratch{random_.next() % 3000 + 1});
    }
    Value value;
    value.shape = {static_cast<std::int64_t>(random_.next() % 2000 + 1)};
    value.storage = made;
    step.arguments.emplace_back(Argument::Written{made});
    if (made > 0 && random_.next() % 3 == 0) {
      value.shape = plan.values[made - 1].shape;
      step.in_place = made - 1;
      step.arguments.emplace_back(Argument::Read{made - 1});
    }
    plan.values.push_back(value);
    plan.steps.push_back(step);
  }

  SplitMix64 random_;
};

struct Range {
  std::uint64_t begin;
  std::uint64_t end;
};

// Every byte that a call writes must be there, unchanged by others, when it is read.
void expect_sound(const Plan& plan) {
  std::map<std::uint64_t, ValueId> owner;  // of bytes, by their place
  const auto range_of = [&](ValueId value) {
    const std::uint64_t begin = plan.values[storage_of(plan, value)].offset.value();
    return Range{begin, begin + 4 * count_of(plan.values[value].shape)};
  };
  const auto in_arena = [&](ValueId value) {
    return plan.values[storage_of(plan, value)].offset.has_value();
  };
  constexpr ValueId kScratch = static_cast<ValueId>(-1);
  for (const Step& step : plan.steps) {
    for (const Argument& argument : step.arguments) {
      const auto* scratch = std::get_if<Argument::Scratch>(&argument.what);
      if (scratch == nullptr) continue;
      ASSERT_LE(scratch->offset + scratch->bytes, plan.arena_bytes);
      for (std::uint64_t i = 0; i < scratch->bytes; ++i) owner[scratch->offset + i] = kScratch;
    }
    for (const Argument& argument : step.arguments) {
      const auto* read = std::get_if<Argument::Read>(&argument.what);
      if (read == nullptr || !in_arena(read->value)) continue;
      const Range range = range_of(read->value);
      for (std::uint64_t at = range.begin; at < range.end; ++at) ASSERT_EQ(owner[at], read->value);
    }
    for (const Argument& argument : step.arguments) {
      const auto* written = std::get_if<Argument::Written>(&argument.what);
      if (written == nullptr || !in_arena(written->value)) continue;
      const Range range = range_of(written->value);
      ASSERT_LE(range.end, plan.arena_bytes);
      for (std::uint64_t at = range.begin; at < range.end; ++at) {
        // What the call reads or uses itself may only be overwritten in place.
        const auto found = owner.find(at);
        if (found == owner.end()) continue;
        ASSERT_NE(found->second, kScratch);
        for (const Argument& other : step.arguments) {
          const auto* read = std::get_if<Argument::Read>(&other.what);
          const bool reads = read != nullptr && found->second == read->value;
          ASSERT_TRUE(!reads || step.in_place == read->value);
        }
      }
      for (std::uint64_t at = range.begin; at < range.end; ++at) owner[at] = written->value;
    }
    for (const Argument& argument : step.arguments) {
      const auto* scratch = std::get_if<Argument::Scratch>(&argument.what);
      if (scratch == nullptr) continue;
      for (std::uint64_t i = 0; i < scratch->bytes; ++i) owner.erase(scratch->offset + i);
    }
  }
}

TEST(Memory, HoldsValuesAsLongAsTheyAreRead) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomPlan random(seed * 1000, 3 + seed);
    place_values(random.plan);
    SCOPED_TRACE(seed);
    expect_sound(random.plan);
    if (HasFatalFailure()) return;
  }
}

TEST(Memory, IsCloseToTheLeastThatAnyPlacementTakes) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    RandomPlan random(seed * 1000 + 1, 10 + 2 * seed);
    place_values(random.plan);
    EXPECT_GE(random.plan.arena_bytes, random.plan.arena_bound);
    EXPECT_LE(10 * random.plan.arena_bytes, 11 * random.plan.arena_bound) << seed;
  }
}

TEST(Memory, OutputsAreInTheMemoryOfTheCaller) {
  Plan plan;
  for (ValueId i = 0; i < 2; ++i) {
    Value value;
    value.shape = {10};
    value.storage = i;
    plan.values.push_back(value);
  }
  plan.values[1].is_output = true;
  plan.outputs = {1};
  Step first;
  first.arguments.emplace_back(Argument::Written{0});
  Step second;
  second.arguments.emplace_back(Argument::Read{0});
  second.arguments.emplace_back(Argument::Written{1});
  second.in_place = 0;
  plan.steps = {first, second};
  place_values(plan);
  EXPECT_EQ(plan.arena_bytes, 0U);
  EXPECT_EQ(storage_of(plan, 0), 1U);
}

}  // namespace
}  // namespace qc::c
