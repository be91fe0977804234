// The subcommands. Each adds itself to the application and runs when it is parsed.
#pragma once

namespace CLI {
class App;
}

namespace qc {

/// One subcommand for every kind of step: prune, share, ..., train, finetune.
void add_step_commands(CLI::App& app);
void add_shrink_command(CLI::App& app);
void add_eval_command(CLI::App& app);
void add_run_command(CLI::App& app);
void add_pack_command(CLI::App& app);
void add_unpack_command(CLI::App& app);
void add_test_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_diff_command(CLI::App& app);
void add_check_command(CLI::App& app);
void add_export_command(CLI::App& app);
void add_compile_command(CLI::App& app);
void add_completion_command(CLI::App& app);
void add_man_command(CLI::App& app);

}  // namespace qc
