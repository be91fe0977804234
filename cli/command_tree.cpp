#include "cli/command_tree.h"

#include <algorithm>
#include <string_view>

namespace qc {
namespace {

// "METRIC:{snr,kl}" is a placeholder and choices, "N:INT in [0 - 9]" a placeholder and a check.
void read_type(std::string_view type, ArgumentHelp& argument) {
  const std::size_t colon = type.find(':');
  argument.value = type.substr(0, colon);
  if (colon == std::string_view::npos) return;
  std::string_view check = type.substr(colon + 1);
  if (!check.starts_with('{') || !check.ends_with('}')) return;
  check = check.substr(1, check.size() - 2);
  for (std::size_t at = 0; at <= check.size();) {
    const std::size_t end = std::min(check.find(',', at), check.size());
    argument.choices.emplace_back(check.substr(at, end - at));
    at = end + 1;
  }
}

ArgumentHelp describe_option(const CLI::Option& option) {
  ArgumentHelp argument;
  for (const std::string& name : option.get_snames()) argument.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) argument.names.push_back("--" + name);
  argument.positional = argument.names.empty();
  if (argument.positional) argument.names.push_back(option.get_name());
  argument.repeats = option.get_items_expected_max() > 1;
  if (option.get_type_size_max() > 0) read_type(option.get_type_name(), argument);
  argument.help = option.get_description();
  argument.group = option.get_group();
  return argument;
}

CommandHelp describe_command(const CLI::App& app) {
  CommandHelp command{app.get_name(), app.get_description(), app.get_footer(), {}};
  for (const CLI::Option* option : app.get_options()) {
    // CLI11 shows nothing of an option without a group.
    if (option->get_group().empty()) continue;
    command.arguments.push_back(describe_option(*option));
  }
  return command;
}

}  // namespace

ProgramHelp describe_program(const CLI::App& app) {
  const CLI::App* root = &app;
  while (root->get_parent() != nullptr) root = root->get_parent();
  ProgramHelp help{describe_command(*root), {}};
  for (const CLI::App* command : root->get_subcommands({})) {
    help.commands.push_back(describe_command(*command));
  }
  return help;
}

}  // namespace qc
