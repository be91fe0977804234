#include "formats/shared_content.h"

#include <unordered_map>

namespace qc {
namespace {

constexpr std::size_t kRun = 16;
constexpr std::size_t kStep = 4;
constexpr unsigned kSampleBits = 7;

std::uint64_t hash_of(const std::uint8_t* run) noexcept {
  constexpr std::uint64_t kFirst = 0x9e3779b97f4a7c15u;
  constexpr std::uint64_t kSecond = 0xc2b2ae3d27d4eb4fu;
  const std::uint64_t low = load_le<std::uint64_t>(run) * kFirst;
  const std::uint64_t high = load_le<std::uint64_t>(run + 8) * kSecond;
  const std::uint64_t mixed = (low ^ (low >> 29)) + high;
  return mixed ^ (mixed >> 32);
}

}  // namespace

std::uint64_t shared_bytes(std::span<const ByteView> payloads) {
  std::unordered_map<std::uint64_t, std::size_t> first;  // hash to the payload that has it first
  std::uint64_t shared = 0;
  for (std::size_t payload = 0; payload < payloads.size(); ++payload) {
    const ByteView bytes = payloads[payload];
    for (std::size_t at = 0; at + kRun <= bytes.size(); at += kStep) {
      const std::uint64_t hash = hash_of(bytes.data() + at);
      if ((hash & ((1u << kSampleBits) - 1)) != 0) continue;
      const auto [entry, is_new] = first.emplace(hash, payload);
      if (!is_new && entry->second != payload) ++shared;
    }
  }
  return (shared * kStep) << kSampleBits;
}

}  // namespace qc
