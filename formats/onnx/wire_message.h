// Messages under construction: bytes of a file, new ones, and tensors, without copies of payloads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/byte_pieces.h"
#include "core/bytes.h"
#include "core/host_tensor.h"

namespace qc {

/// The content of a message, or a part of it. New bytes are in a buffer that the messages of a file
/// share.
class WireMessage {
 public:
  explicit WireMessage(Bytes& buffer) : buffer_(&buffer) {}

  /// An empty one with the same buffer.
  WireMessage another() const { return WireMessage(*buffer_); }

  std::uint64_t size() const noexcept { return size_; }

  /// Appends bytes of the original file.
  void copy(std::uint64_t begin, std::uint64_t end) { add(Source::kFile, begin, end); }
  void append(const WireMessage& other);

  void varint(std::uint32_t field, std::uint64_t value);
  void fixed32(std::uint32_t field, float value);
  void text(std::uint32_t field, std::string_view value);
  void message(std::uint32_t field, const WireMessage& value);
  /// The elements of tensor `index`, which has `size` bytes.
  void payload(std::uint32_t field, std::size_t index, std::uint64_t size);

  /// The bytes where they lie. Invalid once the buffer grows.
  BytePieces resolve(const BytePieces& file, const std::vector<HostTensor>& tensors) const;

 private:
  enum class Source { kFile, kBuffer, kTensor };
  // From `begin` to `end` in the file or buffer; of a tensor the whole, `begin` is its index.
  struct Run {
    Source source;
    std::uint64_t begin;
    std::uint64_t end;
  };

  void add(Source source, std::uint64_t begin, std::uint64_t end);
  void header(std::uint32_t field, std::uint64_t size);
  void own(ByteView bytes);

  Bytes* buffer_;
  std::vector<Run> runs_;
  std::uint64_t size_ = 0;
};

}  // namespace qc
