// A decoder of encoded tensors written from formats/FORMAT.md alone: plain and slow. It shares no
// code with the project, so that both can only agree when the document says what the code does.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

namespace qc::spec {

using View = std::span<const std::uint8_t>;
using Data = std::vector<std::uint8_t>;

/// A rule of FORMAT.md that the input breaks.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

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

/// A zstd frame whose content must have `size` bytes. A raw-content dictionary may come with it.
Data zstd_content(View frame, std::uint64_t size, View dictionary = {});

/// Section 6: the next stream of `in`.
std::vector<std::uint32_t> decode_stream(Input& in, std::uint64_t count, std::uint64_t alphabet);

/// Section 4: the bytes of a tensor.
Data decode_tensor(View coded, std::uint64_t size);

}  // namespace qc::spec
