// ONNX's protobuf wire format, walked without parsing payloads: where every tensor's bytes lie, and
// the same message without them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/tensor.h"
#include "formats/onnx/storage.h"

namespace qc {

/// A file with holes: bytes known everywhere but in the gaps. Payloads that were cut out are gaps.
class GappedBytes {
 public:
  struct Gap {
    std::uint64_t offset;  ///< in the file
    std::uint64_t size;
  };

  /// A file without gaps.
  explicit GappedBytes(ByteView bytes) : literal_(bytes), size_(bytes.size()) {}
  /// `literal` is the file without its gaps, which are sorted and do not overlap.
  GappedBytes(ByteView literal, std::vector<Gap> gaps);

  std::uint64_t size() const noexcept { return size_; }

  /// The bytes from `offset` on, up to the next gap; empty inside a gap and at the end.
  ByteView at(std::uint64_t offset) const noexcept;

 private:
  ByteView literal_;
  std::vector<Gap> gaps_;
  std::vector<std::uint64_t> gap_bytes_before_;  // in all gaps before each gap
  std::uint64_t size_;
};

/// One TensorProto, in the order of the file.
struct WireTensor {
  std::string name;
  std::int32_t data_type = 0;
  std::vector<std::int64_t> dims;
  Storage storage = Storage::kNone;
  std::uint64_t offset = 0;  ///< of the payload field's bytes in the file
  std::uint64_t size = 0;
  bool single_payload = true;                   ///< false when several fields hold elements
  std::map<std::string, std::string> external;  ///< keys and values of external_data
};

struct WireModel {
  std::vector<WireTensor> tensors;
  /// The ModelProto with every payload left out and, in raw_data, the tensor's index in `tensors`
  /// as four little-endian bytes instead.
  std::string skeleton;
};

/// Walks a ModelProto: initializers, sparse initializers, tensors in attributes, subgraphs at any
/// depth, functions and training info. Throws Error(kCorrupt) when the bytes are no well-formed
/// message, have no graph or are nested deeper than kMaxMessageNesting. Throws Error(kLimit) when
/// the graph, parsed, could take more than `memory` bytes: an empty message is two bytes in a file
/// and hundreds in memory. 0: a quarter of the machine's. Fed with untrusted bytes.
WireModel walk_model(const GappedBytes& file, std::uint64_t memory = 0);

/// Messages inside each other; ONNX needs three for each level of subgraphs.
inline constexpr int kMaxMessageNesting = 200;

}  // namespace qc
