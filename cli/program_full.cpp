#include "cli/commands.h"
#include "cli/program.h"

namespace qc {

void hand_over(char** /*argv*/) {}

void add_commands(CLI::App& app) {
  add_step_commands(app);
  add_shrink_command(app);
  add_eval_command(app);
  add_run_command(app);
  add_pack_command(app);
  add_unpack_command(app);
  add_test_command(app);
  add_inspect_command(app);
  add_diff_command(app);
  add_check_command(app);
  add_export_command(app);
  add_compile_command(app);
  add_completion_command(app);
  add_man_command(app);
}

}  // namespace qc
