// The examples of formats/qc/FORMAT.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qc::spec {

/// A line of an example: bytes and what the document says of them.
struct ExampleLine {
  std::size_t offset = 0;
  std::vector<std::uint8_t> bytes;
  std::string note;
};

/// The whole document.
std::string document();

/// The text of the example of that name: the block after `<!-- example: NAME -->`.
std::string example_text(const std::string& name);

/// The lines `OFFSET: BYTES  NOTE` of an example, all numbers in hexadecimal. Throws
/// std::runtime_error when an offset is not the number of bytes before the line.
std::vector<ExampleLine> example_lines(const std::string& name);

/// The bytes of all lines.
std::vector<std::uint8_t> example_bytes(const std::string& name);

}  // namespace qc::spec
