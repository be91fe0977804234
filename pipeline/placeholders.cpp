#include "pipeline/placeholders.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "core/error.h"
#include "system/process.h"

namespace qc {
namespace {

std::string variable_of(const std::string& placeholder) {
  std::string name = "QCOMPRESS_";
  for (const char c : placeholder) name += static_cast<char>(c - 'a' + 'A');
  return name;
}

// The text with `replace` of every placeholder's name in its place.
template <typename Replace>
std::string expand(std::string_view text, const Replace& replace) {
  std::string result;
  while (true) {
    const std::size_t open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) return result;
    text.remove_prefix(open);
    const std::size_t braces = text.starts_with("{{") ? 2 : 1;
    std::size_t end = braces;
    while (end < text.size() && text[end] >= 'a' && text[end] <= 'z') ++end;
    const bool closed = end > braces && text.substr(end).starts_with(braces == 2 ? "}}" : "}");
    if (!closed) {
      result += '{';
      text.remove_prefix(1);
      continue;
    }
    const std::string name(text.substr(braces, end - braces));
    result += braces == 2 ? fmt::format("{{{}}}", name) : replace(name);
    text.remove_prefix(end + braces);
  }
}

}  // namespace

const CommandKind& evaluation() {
  static const CommandKind kKind{"evaluation", {"model", "step"}};
  return kKind;
}

const CommandKind& fine_tuning() {
  static const CommandKind kKind{"fine-tuning", {"model", "out", "masks", "step"}};
  return kKind;
}

void check_placeholders(const CommandKind& kind, const std::string& command) {
  bool writes_output = command.find("QCOMPRESS_OUT") != std::string::npos;
  expand(command, [&](const std::string& name) {
    if (std::ranges::find(kind.placeholders, name) == kind.placeholders.end()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{{{}}} in the {} command is not known; there are {{{}}}; write "
                              "{{{{{}}}}} for the text itself",
                              name, kind.name, fmt::join(kind.placeholders, "} {"), name));
    }
    if (name == "out") writes_output = true;
    return std::string();
  });
  if (&kind == &fine_tuning() && !writes_output) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the fine-tuning command does not say where to write the model; give "
                            "it {{out}}, or use $QCOMPRESS_OUT in it: {}",
                            command));
  }
}

std::string with_values(std::string_view command, const PlaceholderValues& values) {
  return expand(command, [&](const std::string& name) { return shell_quote(values.at(name)); });
}

std::map<std::string, std::string> environment_of(const PlaceholderValues& values) {
  std::map<std::string, std::string> environment;
  for (const auto& [name, value] : values) environment[variable_of(name)] = value;
  return environment;
}

}  // namespace qc
