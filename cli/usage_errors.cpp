#include "cli/usage_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "system/near_names.h"
#include "system/printable.h"

namespace qc {
namespace {

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

// The first of the arguments left over that is a flag, without its value.
std::optional<std::string> unknown_flag(const std::vector<std::string>& arguments) {
  const auto found = std::ranges::find_if(arguments, [](const std::string& argument) {
    return argument.size() > 1 && argument.front() == '-' && argument != "--";
  });
  if (found == arguments.end()) return std::nullopt;
  return printable(found->substr(0, found->find('=')));
}

std::string command_message(const CLI::App& app) {
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  const std::vector<std::string> rest = app.remaining();
  if (const auto flag = unknown_flag(rest)) {
    const bool goes_after = std::ranges::any_of(app.get_subcommands({}), [&](const auto* command) {
      return std::ranges::count(flags_of(*command), *flag) > 0;
    });
    return fmt::format(
        "qcompress: there is no flag {}{}", *flag,
        goes_after
            ? fmt::format(" of all commands; name the command first: qcompress COMMAND {}", *flag)
            : did_you_mean(*flag, flags_of(app), "there are"));
  }
  if (rest.empty()) return fmt::format("qcompress: name a command\n\n{}", app.help());
  return fmt::format("qcompress: there is no command {}{}", printable(rest.front()),
                     did_you_mean(rest.front(), commands, "there are"));
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  std::string message;
  std::string name = "qcompress";
  if (app.get_subcommands().empty()) {
    message = command_message(app);
  } else {
    const CLI::App& command = *app.get_subcommands().front();
    name += " " + command.get_name();
    const std::vector<std::string> flags = flags_of(command);
    if (const auto flag = unknown_flag(app.remaining(/*recurse=*/true))) {
      message = fmt::format("{}: there is no flag {}", name, *flag);
      if (std::ranges::count(flags, *flag) > 0) {
        message +=
            fmt::format(" before the command; write qcompress {} {}", command.get_name(), *flag);
      } else if (!nearest_names(*flag, flags, 1).empty()) {
        message += did_you_mean(*flag, flags, "");
      }
    } else {
      message = fmt::format("{}: {}", name, printable(error.what()));
    }
  }
  const char* end = message.ends_with('\n') ? "" : "\n";
  return fmt::format("{}{}{} --help tells more.\n", message, end, name);
}

}  // namespace qc
