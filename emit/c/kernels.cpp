#include "emit/c/kernels.h"

#include <fmt/format.h>

#include <map>

#include "core/bytes.h"
#include "core/error.h"

namespace qc::c {
namespace {

constexpr std::uint8_t kText[] = {
#include "kernels.inc"
};

constexpr std::string_view kMarker = "/* kernel ";
constexpr std::string_view kNextMarker = "\n/* kernel ";
constexpr char kEndOfFile = '\f';

std::string_view line_at(std::string_view text, std::size_t at) {
  return text.substr(at, text.find('\n', at) - at);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// A kernel from its marker, "/* kernel NAME: needs A, B" and the end of the comment or more of it.
// Names may go on in the next line after a comma.
Kernel parse(std::string_view block) {
  std::string_view head = line_at(block, 0);
  std::string names(head.substr(kMarker.size()));
  std::size_t end = head.size() + 1;
  while (names.ends_with(',') && end < block.size()) {
    head = line_at(block, end);
    names += head.substr(head.find_first_not_of(" *"));
    end += head.size() + 1;
  }
  const bool is_closed = names.ends_with("*/");
  if (is_closed) names.resize(names.size() - 2);
  // Of the block itself, which outlives the text put together here.
  const auto in_block = [&](std::string_view name) {
    return block.substr(block.find(name), name.size());
  };
  const std::size_t colon = names.find(':');
  Kernel kernel{in_block(trimmed(std::string_view(names).substr(0, colon))), {}, {}};
  if (colon != std::string::npos) {
    std::string_view rest = std::string_view(names).substr(colon + 1);
    rest = trimmed(rest);
    if (rest.starts_with("needs ")) rest.remove_prefix(6);
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view name = trimmed(rest.substr(0, comma));
      if (!name.empty()) kernel.needs.push_back(in_block(name.substr(0, name.find(' '))));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  if (!is_closed) kernel.text = fmt::format("/* {}:\n", kernel.name);
  kernel.text += block.substr(std::min(end, block.size()));
  while (kernel.text.ends_with("\n\n")) kernel.text.pop_back();
  return kernel;
}

std::vector<Kernel> parse_all(std::string_view text) {
  std::vector<Kernel> all;
  while (!text.empty()) {
    const std::size_t size = text.find(kEndOfFile);
    std::string_view file = text.substr(0, size);
    text.remove_prefix(std::min(text.size(), file.size() + 1));
    std::size_t begin = file.find(kMarker);
    while (begin != std::string_view::npos) {
      // Markers begin lines.
      std::size_t end = file.find(kNextMarker, begin);
      if (end != std::string_view::npos) ++end;
      all.push_back(parse(file.substr(begin, end == std::string_view::npos ? end : end - begin)));
      begin = end;
    }
  }
  return all;
}

class Closure {
 public:
  std::vector<const Kernel*> order;

  explicit Closure(const std::vector<Kernel>& all) {
    for (const Kernel& kernel : all) by_name_.emplace(kernel.name, &kernel);
  }

  void add(std::string_view name) {
    if (!seen_.insert(name).second) return;
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      throw Error(ErrorCode::kInternal, fmt::format("there is no kernel {}", name));
    }
    for (const std::string_view needed : found->second->needs) add(needed);
    order.push_back(found->second);
  }

 private:
  std::map<std::string_view, const Kernel*> by_name_;
  std::set<std::string_view> seen_;
};

}  // namespace

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> kAll = parse_all(as_text(kText));
  return kAll;
}

std::vector<const Kernel*> kernels_for(const std::set<std::string>& names) {
  Closure closure(kernels());
  for (const std::string& name : names) closure.add(name);
  return std::move(closure.order);
}

}  // namespace qc::c
