#include "formats/qc/write/shared_content.h"

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

}  // namespace

std::uint64_t shared_bytes(std::span<const ByteView> payloads) {
  if (payloads.size() < 2) return 0;
  std::unordered_map<std::uint64_t, std::size_t> first;  // hash to the payload that has it first
  std::uint64_t shared = 0;
  for (std::size_t payload = 0; payload < payloads.size(); ++payload) {
    const ByteView bytes = payloads[payload];
    for (std::size_t at = 0; at + kRun <= bytes.size(); at += kStep) {
      if (!is_sampled(bytes.data() + at)) continue;
      const auto [entry, is_new] = first.try_emplace(hash_of(bytes.data() + at), payload);
      if (!is_new && entry->second != payload) ++shared;
    }
  }
  return (shared * kStep) << kSampleBits;
}

}  // namespace qc
