// Fields of ONNX's messages, read by someone who keeps what is in them: the memory that takes has a
// limit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/onnx/gapped_bytes.h"
#include "formats/onnx/wire_fields.h"

namespace qc {

/// Reads fields and counts, from above, what they take in memory. Throws Error(kLimit) when that is
/// too much, and Error(kCorrupt) as WireFields does.
class MeteredFields {
 public:
  /// `memory`: bytes; 0: a quarter of the machine's.
  MeteredFields(const GappedBytes& file, std::uint64_t memory) : fields_(file), memory_(memory) {}

  const WireFields& fields() const noexcept { return fields_; }

  void charge(std::uint64_t bytes);

  /// Calls body(field) for every field between two places.
  template <typename Body>
  void each(std::uint64_t begin, std::uint64_t end, const Body& body) {
    each_field(fields_, begin, end, [&](const OnnxField& field) {
      charge(kFieldBytes);
      body(field);
    });
  }

  /// The same for the fields of a message.
  template <typename Body>
  void each(const OnnxField& message, const Body& body) {
    charge(kMessageBytes);
    each(message.content, message.end, body);
  }

  /// The text of a field; empty for one of another type.
  std::string text(const OnnxField& field);

  /// Adds the numbers of a repeated field, one in the field or several packed.
  void add_numbers(const OnnxField& field, std::vector<std::int64_t>& numbers);
  void add_floats(const OnnxField& field, std::vector<float>& numbers);

 private:
  static constexpr std::uint64_t kMessageBytes = 256;
  static constexpr std::uint64_t kFieldBytes = 48;

  const WireFields fields_;
  std::uint64_t memory_;  // 0: not known yet
  std::uint64_t used_ = 0;
};

}  // namespace qc
