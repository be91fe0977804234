// Completion scripts of shells. They hold all there is to complete, so that no key waits for the
// program.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "cli/command_tree.h"
#include "system/process.h"

namespace qc {
namespace {

std::vector<std::string> flag_names(const CommandHelp& command) {
  std::vector<std::string> names;
  for (const ArgumentHelp& argument : command.arguments) {
    if (argument.positional) continue;
    names.insert(names.end(), argument.names.begin(), argument.names.end());
  }
  return names;
}

std::vector<std::string> command_names(const ProgramHelp& help) {
  std::vector<std::string> names;
  for (const CommandHelp& command : help.commands) names.push_back(command.name);
  return names;
}

// "pack/-o|pack/--output": the command and the word before the one that is completed.
std::string bash_pattern(const CommandHelp& command, const ArgumentHelp& argument) {
  std::vector<std::string> patterns;
  for (const std::string& name : argument.names) {
    patterns.push_back(fmt::format("{}/{}", command.name, name));
  }
  return fmt::format("{}", fmt::join(patterns, "|"));
}

// Text within a line of zsh's _arguments, whose own signs are escaped.
std::string zsh_text(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (std::string_view("[]:\\").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zsh_value(const ArgumentHelp& argument) {
  const std::string name =
      zsh_text(argument.value.empty() ? argument.names.front() : argument.value);
  if (!argument.choices.empty()) {
    return fmt::format(":{}:({})", name, fmt::join(argument.choices, " "));
  }
  return fmt::format(":{}:{}", name, argument.is_path() || argument.positional ? "_files" : " ");
}

std::string zsh_argument(const ArgumentHelp& argument) {
  if (argument.positional) {
    return shell_quote((argument.repeats ? "*" : "") + zsh_value(argument));
  }
  std::string lines;
  for (const std::string& name : argument.names) {
    const std::string value = argument.value.empty() ? "" : zsh_value(argument);
    lines += fmt::format("{}{}", lines.empty() ? "" : " ",
                         shell_quote(fmt::format("{}{}[{}]{}", argument.repeats ? "*" : "", name,
                                                 zsh_text(argument.help), value)));
  }
  return lines;
}

std::string fish_names(const ArgumentHelp& argument) {
  std::string text;
  for (const std::string& name : argument.names) {
    text += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2))
                                   : fmt::format(" -s {}", name.substr(1));
  }
  return text;
}

std::string fish_argument(const std::string& condition, const ArgumentHelp& argument) {
  std::string line =
      fmt::format("complete -c qcompress -n {}{}", shell_quote(condition), fish_names(argument));
  if (!argument.choices.empty()) {
    line +=
        fmt::format(" -x -a {}", shell_quote(fmt::format("{}", fmt::join(argument.choices, " "))));
  } else if (argument.is_path()) {
    line += " -r -F";
  } else if (!argument.value.empty()) {
    line += " -x";
  }
  return line + fmt::format(" -d {}\n", shell_quote(argument.help));
}

}  // namespace

std::string bash_completion(const ProgramHelp& help) {
  std::string values;
  std::string flags;
  for (const CommandHelp& command : help.commands) {
    for (const ArgumentHelp& argument : command.arguments) {
      if (argument.positional || argument.value.empty()) continue;
      std::string reply = ":";
      if (!argument.choices.empty()) {
        reply = fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$word\")",
                            shell_quote(fmt::format("{}", fmt::join(argument.choices, " "))));
      } else if (argument.is_path()) {
        reply = "mapfile -t COMPREPLY < <(compgen -f -- \"$word\")";
      }
      values += fmt::format("    {}) {}; return ;;\n", bash_pattern(command, argument), reply);
    }
    flags += fmt::format("    {}) flags={} ;;\n", command.name,
                         shell_quote(fmt::format("{}", fmt::join(flag_names(command), " "))));
  }
  return fmt::format(
      "# Completes qcompress in bash: source it, or copy it to\n"
      "# ~/.local/share/bash-completion/completions/qcompress.\n"
      "_qcompress() {{\n"
      "  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  local command='' flags='' i\n"
      "  COMPREPLY=()\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    if [[ ${{COMP_WORDS[i]}} != -* ]]; then command=${{COMP_WORDS[i]}}; break; fi\n"
      "  done\n"
      "  case $command/$before in\n{}  esac\n"
      "  case $command in\n"
      "    '') flags={} ;;\n{}  esac\n"
      "  if [[ $word == -* || -z $command ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
      "  else\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
      "  fi\n"
      "}}\n"
      "complete -o filenames -F _qcompress qcompress\n",
      values,
      shell_quote(fmt::format("{} {}", fmt::join(command_names(help), " "),
                              fmt::join(flag_names(help.program), " "))),
      flags);
}

std::string zsh_completion(const ProgramHelp& help) {
  std::string commands;
  std::string cases;
  for (const CommandHelp& command : help.commands) {
    commands += fmt::format("    {}\n", shell_quote(command.name + ":" + zsh_text(command.help)));
    cases += fmt::format("    {})\n      _arguments", command.name);
    for (const ArgumentHelp& argument : command.arguments) {
      cases += fmt::format(" \\\n        {}", zsh_argument(argument));
    }
    cases += "\n      ;;\n";
  }
  return fmt::format(
      "#compdef qcompress\n"
      "# Completes qcompress in zsh: copy it as _qcompress to a folder of $fpath.\n"
      "_qcompress() {{\n"
      "  local -a commands=(\n{}  )\n"
      "  if (( CURRENT == 2 )); then\n"
      "    _describe command commands\n"
      "    return\n"
      "  fi\n"
      "  local command=$words[2]\n"
      "  shift words\n"
      "  (( CURRENT-- ))\n"
      "  case $command in\n{}  esac\n"
      "}}\n"
      "_qcompress \"$@\"\n",
      commands, cases);
}

std::string fish_completion(const ProgramHelp& help) {
  std::string text =
      "# Completes qcompress in fish: copy it to ~/.config/fish/completions/qcompress.fish.\n";
  const std::string names = fmt::format("{}", fmt::join(command_names(help), " "));
  const std::string none = fmt::format("not __fish_seen_subcommand_from {}", names);
  for (const ArgumentHelp& argument : help.program.arguments) {
    if (!argument.positional) text += fish_argument(none, argument);
  }
  for (const CommandHelp& command : help.commands) {
    text += fmt::format("complete -c qcompress -f -n {} -a {} -d {}\n", shell_quote(none),
                        command.name, shell_quote(command.help));
    const std::string seen = "__fish_seen_subcommand_from " + command.name;
    for (const ArgumentHelp& argument : command.arguments) {
      if (!argument.positional) text += fish_argument(seen, argument);
    }
  }
  return text;
}

}  // namespace qc
