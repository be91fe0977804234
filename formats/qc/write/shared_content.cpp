#include "formats/qc/write/shared_content.h"

#include <bit>
#include <cstddef>
#include <unordered_map>

namespace qc {
namespace {

constexpr std::size_t kRun = 16;
constexpr std::size_t kStep = 4;
constexpr unsigned kSampleBits = 7;

constexpr std::uint64_t kFirst = 0x9e3779b97f4a7c15u;
constexpr std::uint64_t kSecond = 0xc2b2ae3d27d4eb4fu;

// Whether a run is in the sample, by its first half alone: it is asked at every place. Zeros are
// not: they cost next to nothing where they are, too.
bool is_sampled(const std::uint8_t* run) noexcept {
  const auto half = load_le<std::uint64_t>(run);
  return half != 0 && (half * kFirst) >> (64 - kSampleBits) == 0;
}

std::uint64_t hash_of(const std::uint8_t* run) noexcept {
  const std::uint64_t mixed =
      load_le<std::uint64_t>(run) * kFirst ^ load_le<std::uint64_t>(run + 8) * kSecond;
  return mixed ^ (mixed >> 32);
}

// The payload that has a hash first, by open addressing: there are many, each looked up once.
class FirstPayloads {
 public:
  explicit FirstPayloads(std::size_t most) : places_(std::bit_ceil(2 * most + 1)) {}

  // That of a hash, which becomes `payload` where there is none.
  std::size_t find_or_add(std::uint64_t hash, std::size_t payload) noexcept {
    const std::size_t mask = places_.size() - 1;
    std::size_t at = static_cast<std::size_t>(hash * kFirst >> 20) & mask;
    while (places_[at].is_used && places_[at].hash != hash) at = (at + 1) & mask;
    if (!places_[at].is_used) places_[at] = {hash, payload, true};
    return places_[at].payload;
  }

 private:
  struct Place {
    std::uint64_t hash = 0;
    std::size_t payload = 0;
    bool is_used = false;
  };

  std::vector<Place> places_;
};

}  // namespace

RunSample sample_runs(ByteView payload) {
  std::unordered_map<std::uint64_t, std::uint64_t> counts;
  for (std::size_t at = 0; at + kRun <= payload.size(); at += kStep) {
    if (is_sampled(payload.data() + at)) ++counts[hash_of(payload.data() + at)];
  }
  RunSample sample;
  sample.reserve(counts.size());
  for (const auto& [hash, count] : counts) sample.push_back({hash, count});
  return sample;
}

std::uint64_t shared_bytes(std::span<const RunSample> payloads) {
  std::size_t count = 0;
  for (const RunSample& sample : payloads) count += sample.size();
  FirstPayloads first(count);
  std::uint64_t shared = 0;
  for (std::size_t payload = 0; payload < payloads.size(); ++payload) {
    for (const SampledRun& run : payloads[payload]) {
      if (first.find_or_add(run.hash, payload) != payload) shared += run.count;
    }
  }
  return (shared * kStep) << kSampleBits;
}

}  // namespace qc
