#include "cli/param_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace qc {
namespace {

std::string help_of(const ParamSpec& spec) {
  std::string help(spec.help);
  if (!spec.default_text.empty()) help += fmt::format(" (default: {})", spec.default_text);
  return help;
}

// As CLI11 writes choices that it checks itself.
std::string type_of(const ParamSpec& spec) {
  if (spec.choices.empty()) return std::string(spec.placeholder);
  return fmt::format("{}:{{{}}}", spec.placeholder, fmt::join(spec.choices, ","));
}

}  // namespace

void ParamFlags::add(CLI::App& command, const ParamSpec& spec, const std::string& group) {
  given_.push_back(std::make_unique<Given>());
  Given& given = *given_.back();
  given.name = spec.name;
  const std::string name = fmt::format("--{}", spec.name);
  CLI::Option* option = nullptr;
  if (spec.kind == ParamKind::kFlag) {
    option = command.add_flag(name, given.flag, help_of(spec));
  } else {
    option = command.add_option(name, given.values, help_of(spec))
                 ->type_name(type_of(spec))
                 ->expected(1)
                 ->allow_extra_args(false);
    if (spec.kind == ParamKind::kList) {
      option->take_all();
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
  }
  if (!group.empty()) option->group(group);
}

void ParamFlags::for_each(
    const std::function<void(const std::string& name, const std::string& value)>& set) const {
  for (const auto& given : given_) {
    if (given->flag) set(given->name, "true");
    for (const std::string& value : given->values) set(given->name, value);
  }
}

}  // namespace qc
