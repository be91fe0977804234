// What the program takes, read off its parser: completions and man pages are made of it.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace qc {

/// A flag, an option or a positional argument.
struct ArgumentHelp {
  std::vector<std::string> names;  ///< "-o", "--output"; a positional has its one name
  bool positional = false;
  bool repeats = false;
  std::string value;                 ///< "FILE"; empty for a flag
  std::vector<std::string> choices;  ///< of the value, where there are only these
  std::string help;
  std::string group;

  /// The value, or the positional, is a path.
  bool is_path() const { return value == "FILE" || value == "DIR"; }
};

struct CommandHelp {
  std::string name;
  std::string help;
  std::string footer;
  std::vector<ArgumentHelp> arguments;
};

struct ProgramHelp {
  CommandHelp program;
  std::vector<CommandHelp> commands;
};

/// The program of a subcommand's parser.
ProgramHelp describe_program(const CLI::App& app);

/// Scripts that complete the command line in a shell.
std::string bash_completion(const ProgramHelp& help);
std::string zsh_completion(const ProgramHelp& help);
std::string fish_completion(const ProgramHelp& help);

/// The page of a command, or of the program where `command` is ProgramHelp::program, in roff.
std::string man_page(const ProgramHelp& help, const CommandHelp& command,
                     const std::string& version);

}  // namespace qc
