// A small random generator whose numbers are the same on every machine and with every library, and
// the streams of numbers that all commands draw from.
#pragma once

#include <cstdint>

namespace qc {

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): 64 bits of state, any seed is good. All generators
/// go round one cycle of 2^64 states, in steps of a constant: seeds that are a few steps apart give
/// the same numbers, shifted. Start generators by random_stream().
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) noexcept : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

/// What the numbers of a stream are for. The values decide what is drawn: they stay as they are.
enum class StreamPurpose : std::uint64_t {
  kShuffle = 1,         ///< index: epoch
  kHoldOut = 2,         ///< the validation set
  kTrainingSubset = 3,  ///< a part of the training data
  kInitialWeights = 4,  ///< index: tensor
  kCentroids = 5,       ///< index: tensor
  kLowBitWeights = 6,   ///< index: tensor
  kBatch = 7,           ///< index: epoch and batch; gives the seed of what follows
  kDropout = 8,
  kAugmentation = 9,
  kGradientNoise = 10,  ///< index: place of the gradient in the batch
  kSamples = 11,        ///< made-up samples; index: sample and input
  kOutputDraws = 12,    ///< index: sample; labels or projections of a network's own outputs
  kBootstrap = 13,      ///< index: drawing
  kSampleSplit = 14,    ///< which samples calibrate, decide and certify
};

/// The seed of a stream: M(M(M(seed) ^ purpose) ^ index), where M gives a SplitMix64's first
/// number. M is a bijection whose values look random, so streams that differ in one of the three
/// start at different places of the cycle, and these are as good as drawn: of 2^20 streams of 2^20
/// numbers any two overlap with a chance of about 2^-4, of 2^10 such streams with one of 2^-24.
inline std::uint64_t stream_seed(std::uint64_t seed, StreamPurpose purpose,
                                 std::uint64_t index = 0) noexcept {
  const std::uint64_t of_seed = SplitMix64(seed).next();
  const std::uint64_t of_purpose = SplitMix64(of_seed ^ static_cast<std::uint64_t>(purpose)).next();
  return SplitMix64(of_purpose ^ index).next();
}

/// The stream of numbers for a purpose, the same on every machine.
inline SplitMix64 random_stream(std::uint64_t seed, StreamPurpose purpose,
                                std::uint64_t index = 0) noexcept {
  return SplitMix64(stream_seed(seed, purpose, index));
}

}  // namespace qc
