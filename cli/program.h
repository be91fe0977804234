// Three programs have one main(), since loading what a command does not need may take longer than
// the command: `qcompress` starts fast, unpacks and tests, and becomes `qcompress_pack` or, for all
// other commands, `qcompress_full`.
#pragma once

namespace CLI {
class App;
}

namespace qc {

/// Becomes the program that knows the command, and does not return, unless this is that program.
/// Throws Error(kFile) when that program cannot be started.
void hand_over(char** argv);

/// Adds the commands that this program knows.
void add_commands(CLI::App& app);

}  // namespace qc
