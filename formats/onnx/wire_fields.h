// The fields of ONNX's messages in protobuf's wire format, read one after the other.
#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.h"
#include "formats/onnx/gapped_bytes.h"

namespace qc {

enum class OnnxWireType : std::uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kFixed32 = 5
};

/// A field of a message, by places in the file.
struct OnnxField {
  std::uint32_t number = 0;
  OnnxWireType type = OnnxWireType::kVarint;
  std::uint64_t begin = 0;    ///< of its tag
  std::uint64_t content = 0;  ///< of its value; after the length of a length-delimited field
  std::uint64_t end = 0;
  std::uint64_t value = 0;  ///< of a varint

  bool is_delimited() const noexcept { return type == OnnxWireType::kLengthDelimited; }
  bool is_varint() const noexcept { return type == OnnxWireType::kVarint; }
};

/// Reads fields of a file. Fed with untrusted bytes: every function throws Error(kCorrupt) where
/// they are no message, or lie in a gap.
class WireFields {
 public:
  explicit WireFields(const GappedBytes& file) : file_(file) {}

  std::uint64_t size() const noexcept { return file_.size(); }

  /// Reads the field that starts at `at`, of a message that ends at `end`, and moves `at` behind
  /// it.
  OnnxField next(std::uint64_t& at, std::uint64_t end) const;

  /// A number at `at`, which moves behind it.
  std::uint64_t varint(std::uint64_t& at, std::uint64_t end) const;

  /// Bytes of the file that are not in a gap.
  ByteView bytes(std::uint64_t begin, std::uint64_t end) const;
  std::string text(const OnnxField& field) const;

  [[noreturn]] static void damaged(std::uint64_t at, const char* what);

 private:
  const GappedBytes& file_;
};

/// Calls body(field) for every field of the message from `begin` to `end`.
template <typename Body>
void each_field(const WireFields& fields, std::uint64_t begin, std::uint64_t end,
                const Body& body) {
  for (std::uint64_t at = begin; at < end;) body(fields.next(at, end));
}

}  // namespace qc
