#include "spec_document.h"

#include <sstream>
#include <stdexcept>

#include "harness.h"

namespace qc::spec {

std::string document() {
  return harness::read_file(harness::source_dir() / "formats/qc/FORMAT.md");
}

std::string example_text(const std::string& name) {
  const std::string text = document();
  const std::string opening = "<!-- example: " + name + " -->\n```text\n";
  const std::size_t found = text.find(opening);
  if (found == std::string::npos) throw std::runtime_error("no example " + name);
  const std::size_t begin = found + opening.size();
  return text.substr(begin, text.find("```\n", begin) - begin);
}

std::vector<ExampleLine> example_lines(const std::string& name) {
  std::vector<ExampleLine> lines;
  std::size_t offset = 0;
  std::istringstream text(example_text(name));
  for (std::string row; std::getline(text, row);) {
    const std::size_t colon = row.find(": ");
    if (colon == std::string::npos) throw std::runtime_error("unreadable line: " + row);
    ExampleLine line{std::stoul(row.substr(0, colon), nullptr, 16), {}, {}};
    if (line.offset != offset) throw std::runtime_error("wrong offset: " + row);
    // Two spaces end the bytes.
    const std::size_t end = row.find("  ", colon + 2);
    std::istringstream bytes(row.substr(colon + 2, end - colon - 2));
    for (std::string byte; bytes >> byte;) {
      line.bytes.push_back(static_cast<std::uint8_t>(std::stoul(byte, nullptr, 16)));
    }
    if (end != std::string::npos) line.note = row.substr(row.find_first_not_of(' ', end));
    offset += line.bytes.size();
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::uint8_t> example_bytes(const std::string& name) {
  std::vector<std::uint8_t> all;
  for (const ExampleLine& line : example_lines(name)) {
    all.insert(all.end(), line.bytes.begin(), line.bytes.end());
  }
  return all;
}

}  // namespace qc::spec
