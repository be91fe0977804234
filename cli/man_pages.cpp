// Man pages in roff (man(7)).
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command_tree.h"

namespace qc {
namespace {

// Text whose signs mean nothing to roff.
std::string roff(std::string_view text) {
  std::string escaped;
  bool at_start = true;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else if (at_start && (c == '.' || c == '\'')) {
      escaped += "\\&";
      escaped += c;
    } else {
      escaped += c;
    }
    at_start = c == '\n';
  }
  return escaped;
}

std::string usage_of(const ArgumentHelp& argument) {
  if (argument.positional) {
    return fmt::format("\\fI{}\\fR{}", roff(argument.names.front()),
                       argument.repeats ? " ..." : "");
  }
  std::string text;
  for (const std::string& name : argument.names) {
    text += fmt::format("{}\\fB{}\\fR", text.empty() ? "" : ", ", roff(name));
  }
  if (!argument.value.empty()) text += fmt::format(" \\fI{}\\fR", roff(argument.value));
  return text;
}

std::string choices_of(const ArgumentHelp& argument) {
  std::string text;
  for (const std::string& choice : argument.choices) {
    text += fmt::format("{}\\fB{}\\fR", text.empty() ? "One of " : ", ", roff(choice));
  }
  return text.empty() ? text : ".br\n" + text + ".\n";
}

std::string list_of(const std::vector<ArgumentHelp>& arguments, std::string_view group) {
  std::string text;
  for (const ArgumentHelp& argument : arguments) {
    if (argument.group != group) continue;
    text += fmt::format(".TP\n{}\n{}\n{}", usage_of(argument), roff(argument.help),
                        choices_of(argument));
  }
  return text;
}

char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// In the order in which they appear first.
std::vector<std::string> groups_of(const CommandHelp& command) {
  std::vector<std::string> groups;
  for (const ArgumentHelp& argument : command.arguments) {
    if (std::ranges::find(groups, argument.group) == groups.end()) groups.push_back(argument.group);
  }
  return groups;
}

std::string arguments_of(const CommandHelp& command) {
  std::string text;
  for (const std::string& group : groups_of(command)) {
    std::string heading = roff(group);
    std::ranges::transform(heading, heading.begin(), ascii_upper);
    text += fmt::format(".SH {}\n{}", heading, list_of(command.arguments, group));
  }
  return text;
}

std::string synopsis_of(const CommandHelp& command, bool is_program) {
  if (is_program) return "\\fBqcompress\\fR \\fIcommand\\fR [\\fIoptions\\fR]\n";
  std::string text = fmt::format("\\fBqcompress {}\\fR [\\fIoptions\\fR]", roff(command.name));
  for (const ArgumentHelp& argument : command.arguments) {
    if (argument.positional) text += " " + usage_of(argument);
  }
  return text + "\n";
}

}  // namespace

std::string man_page(const ProgramHelp& help, const CommandHelp& command,
                     const std::string& version) {
  const bool is_program = &command == &help.program;
  const std::string name = is_program ? "qcompress" : "qcompress-" + command.name;
  std::string text =
      fmt::format(".TH {} 1 \"\" \"{}\" \"User Commands\"\n", roff(name), roff(version));
  text += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(command.help));
  text += fmt::format(".SH SYNOPSIS\n{}", synopsis_of(command, is_program));
  if (is_program) {
    text += ".SH COMMANDS\n";
    for (const CommandHelp& each : help.commands) {
      text += fmt::format(".TP\n\\fBqcompress\\-{}\\fR(1)\n{}\n", roff(each.name), roff(each.help));
    }
  }
  text += arguments_of(command);
  if (!command.footer.empty()) {
    text += fmt::format(".SH NOTES\n.nf\n{}\n.fi\n", roff(command.footer));
  }
  if (!is_program) text += ".SH SEE ALSO\n\\fBqcompress\\fR(1)\n";
  return text;
}

}  // namespace qc
