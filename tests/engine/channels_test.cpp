// Removing channels is the same as setting all that belongs to them to zero: by the engine, and by
// ONNX Runtime.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "engine_fixture.h"
#include "harness.h"
#include "onnxruntime.h"
#include "passes/channels/network_channels.h"
#include "random_inputs.h"
#include "random_network.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr double kTolerance = 1e-5;
constexpr double kHalfTolerance = 5e-3;  // of float16
constexpr std::uint64_t kNetworks = 60;

// True where zero is the number of all that belongs to a channel; quantised values have others.
bool is_of_floats(const OnnxModel& model, const NetworkChannels& channels, const Channel& channel) {
  return std::ranges::all_of(channel.slices, [&](const ChannelSlice& slice) {
    return model.tensors()[channels.tensor_of(slice)].has_values();
  });
}

// Some channels of every group, but never all.
std::vector<const Channel*> some_channels(const OnnxModel& model, const NetworkChannels& channels,
                                          SplitMix64& random) {
  std::vector<const Channel*> some;
  for (const ChannelGroup& group : channels.found.groups) {
    const std::uint64_t stays = random.next() % group.channels.size();
    for (std::uint64_t i = 0; i < group.channels.size(); ++i) {
      const Channel& channel = group.channels[i];
      const bool goes = i != stays && random.next() % 2 == 0;
      if (goes && is_of_floats(model, channels, channel)) some.push_back(&channel);
    }
  }
  return some;
}

OnnxModel with_zeros(const OnnxModel& model, const NetworkChannels& channels,
                     const std::vector<const Channel*>& zeroed) {
  PayloadEdits edits;
  for (const Channel* channel : zeroed) {
    for (const ChannelSlice& slice : channel->slices) {
      const std::size_t index = channels.tensor_of(slice);
      const TensorInfo& tensor = model.tensors()[index];
      const ByteView payload = model.payload(tensor);
      Bytes& bytes = edits.try_emplace(index, payload.begin(), payload.end()).first->second;
      for (const std::size_t place : slice.places) {
        each_element(tensor.dims, slice.axis, place,
                     [&](std::size_t element) { store_value(tensor.type, bytes, element, 0); });
      }
    }
  }
  return model.edited(std::move(edits));
}

// Two models that have to give the same outputs, run by the engine.
struct Pair {
  test::Case zeroed;
  test::Case cut;
  std::size_t found = 0;    // channels
  std::size_t removed = 0;  // of them
  std::size_t faults = 0;   // nodes that were not seen through because of their shapes
};

class ChannelsTest : public test::EngineTest {
 protected:
  // Nothing where no channel can go.
  static std::optional<Pair> some_removed(const OnnxModel& model, const fs::path& folder,
                                          std::uint64_t seed) {
    FixedParts fixed;
    for (;;) {
      const NetworkChannels channels = find_channels(model, fixed);
      SplitMix64 random(seed);
      const std::vector<const Channel*> gone = some_channels(model, channels, random);
      if (gone.empty()) return std::nullopt;
      std::set<std::size_t> sets;
      for (const Channel* channel : gone) sets.insert(channel->set);
      const OnnxModel cut = without_channels(model, channels, sets);
      if (const auto fault = find_shape_fault(cut, channels, sets)) {
        if (!fixed.nodes.emplace(fault->output, fault->what).second)
          throw std::logic_error(fault->what);
        continue;
      }
      Pair pair;
      for (const ChannelGroup& group : channels.found.groups) pair.found += group.channels.size();
      pair.removed = gone.size();
      pair.faults = fixed.nodes.size();
      fs::create_directories(folder / "cut");
      pair.zeroed = run(with_zeros(model, channels, gone), folder / "m.onnx");
      pair.cut = run(cut, folder / "cut" / "m.onnx");
      EXPECT_EQ(difference(pair.zeroed.outputs, pair.cut.outputs), "");
      return pair;
    }
  }

  static test::Case run(const OnnxModel& model, const fs::path& path) {
    model.write(path, {}, Overwrite::kRefuse);
    test::Case result{path, model.graph()->main.inputs, {}, {}};
    SplitMix64 random(7);
    for (const GraphValue& input : result.inputs) {
      result.values.push_back(test::random_tensor(input, random));
    }
    result.outputs = load(model)->run(result.values);
    return result;
  }

  static std::string difference(const std::vector<HostTensor>& a,
                                const std::vector<HostTensor>& b) {
    if (a.size() != b.size()) return "another number of outputs";
    for (std::size_t i = 0; i < a.size(); ++i) {
      const bool is_half = a[i].type == DataType::kFloat16;
      const std::string found = test::difference(a[i], b[i], is_half ? kHalfTolerance : kTolerance);
      if (!found.empty()) return fmt::format("output {}: {}", i, found);
    }
    return "";
  }

  // What ONNX Runtime makes of both; models that it refuses as they were are passed over.
  static std::size_t judge(const std::vector<Pair>& pairs) {
    std::vector<test::Case> cases;
    for (const Pair& pair : pairs) cases.insert(cases.end(), {pair.zeroed, pair.cut});
    const std::vector<test::Verdict> verdicts = test::run_onnxruntime(cases);
    std::size_t judged = 0;
    for (std::size_t i = 0; i + 1 < verdicts.size(); i += 2) {
      if (!verdicts[i].error.empty()) continue;
      SCOPED_TRACE(cases[i].model.string());
      EXPECT_EQ(verdicts[i + 1].error, "");
      EXPECT_EQ(difference(verdicts[i].outputs, verdicts[i + 1].outputs), "");
      ++judged;
    }
    return judged;
  }
};

TEST_F(ChannelsTest, RemovingIsTheSameAsZeros) {
  const harness::TempDir temp;
  std::vector<Pair> pairs;
  std::size_t removed = 0;
  std::size_t found = 0;
  for (std::uint64_t seed = 0; seed < kNetworks; ++seed) {
    SCOPED_TRACE(seed);
    auto pair = some_removed(test::random_network(seed), temp / fmt::format("{}", seed), seed);
    if (!pair) continue;
    EXPECT_EQ(pair->faults, 0U);
    found += pair->found;
    removed += pair->removed;
    pairs.push_back(std::move(*pair));
  }
  fmt::print("{} networks, {} channels found, {} removed\n", pairs.size(), found, removed);
  EXPECT_EQ(pairs.size(), kNetworks);
  EXPECT_GT(removed, 10 * kNetworks);
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  EXPECT_EQ(judge(pairs), kNetworks);
}

TEST_F(ChannelsTest, SharedModelsComputeTheSame) {
  const auto shared = harness::shared_dir();
  if (!shared) GTEST_SKIP() << "needs the shared folder";
  const harness::TempDir temp;
  std::vector<Pair> pairs;
  for (const std::string& file : harness::list_models(*shared / "models")) {
    SCOPED_TRACE(file);
    const fs::path folder = temp / fmt::format("{}", pairs.size());
    try {
      const OnnxModel model = OnnxModel::open(*shared / "models" / file);
      if (auto pair = some_removed(model, folder, pairs.size())) {
        fmt::print("{}: {} of {} channels, {} nodes not seen through\n", file, pair->removed,
                   pair->found, pair->faults);
        pairs.push_back(std::move(*pair));
      }
    } catch (const Error& error) {
      fs::remove_all(folder);  // refused, as it is by every other command that executes
    }
  }
  EXPECT_GE(pairs.size(), 30U);
  if (const std::string missing = test::missing_runtime(); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  EXPECT_GE(judge(pairs), 25U);
}

}  // namespace
}  // namespace qc
