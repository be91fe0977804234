// Streams of symbols as in section 6 of formats/qc/FORMAT.md, and what they are read with; see
// spec_decoder.h.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace qc::spec {

using View = std::span<const std::uint8_t>;
using Data = std::vector<std::uint8_t>;

/// A rule of FORMAT.md that the input breaks.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

inline void require(bool holds, const char* rule) {
  if (!holds) throw Broken(rule);
}

/// Section 1: bytes read front to back. Throws Broken at the end.
class Input {
 public:
  explicit Input(View bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  View rest() const { return rest_; }
  View take(std::uint64_t size);
  /// A little-endian number of `size` bytes.
  std::uint64_t number(unsigned size);
  std::uint64_t varint();

 private:
  View rest_;
};

/// Section 1: a bit string, read bit by bit.
class Bits {
 public:
  explicit Bits(View bytes) : bytes_(bytes) {}

  std::uint64_t get(unsigned count) {
    std::uint64_t value = 0;
    for (unsigned i = 0; i < count; ++i, ++at_) {
      require(at_ / 8 < bytes_.size(), "a bit string is too short");
      value |= (std::uint64_t{bytes_[at_ / 8]} >> (at_ % 8) & 1) << i;
    }
    return value;
  }

  /// The bytes of a bit string that ends here.
  std::size_t end() const {
    require(at_ % 8 == 0 || bytes_[at_ / 8] >> (at_ % 8) == 0, "padding is not zero");
    return (at_ + 7) / 8;
  }

  void require_end() const { require(end() == bytes_.size(), "a stream is not used up"); }

 private:
  View bytes_;
  std::size_t at_ = 0;  // in bits
};

/// What the decoders here have met since the program began: layouts, stages and forms of them, for
/// tests of what a set of containers has.
std::set<std::string>& forms_met();

/// A zstd frame whose content must have `size` bytes. A raw-content dictionary may come with it.
Data zstd_content(View frame, std::uint64_t size, View dictionary = {});

/// Section 6: the next stream of `in`.
std::vector<std::uint32_t> decode_stream(Input& in, std::uint64_t count, std::uint64_t alphabet);

}  // namespace qc::spec
