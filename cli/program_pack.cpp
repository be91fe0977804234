#include "cli/commands.h"
#include "cli/program.h"

namespace qc {

void hand_over(char** /*argv*/) {}

void add_commands(CLI::App& app) { add_pack_command(app); }

}  // namespace qc
