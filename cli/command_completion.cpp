// qcompress completion and qcompress man: what shells and packages want of the command line.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "core/choices.h"
#include "system/atomic_file.h"

namespace qc {
namespace {

using MakeScript = std::string (*)(const ProgramHelp&);

constexpr auto kShells = make_choices<MakeScript>(
    {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}});

void write_pages(const CLI::App& app, const std::filesystem::path& folder, Overwrite overwrite) {
  const CLI::App* root = app.get_parent();
  const ProgramHelp help = describe_program(*root);
  const auto write = [&](const CommandHelp& command, const std::string& name) {
    AtomicFile file(folder / (name + ".1"), overwrite);
    const std::string page = man_page(help, command, root->version());
    file.write(as_bytes(page));
    file.commit();
  };
  write(help.program, "qcompress");
  for (const CommandHelp& command : help.commands) write(command, "qcompress-" + command.name);
}

}  // namespace

void add_completion_command(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* sub = add_command(app, "completion", "Print a script that completes the command line",
                              "source <(qcompress completion bash)");
  const auto names = kShells.names();
  sub->add_option("shell", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>(names.begin(), names.end())));
  sub->callback([sub, shell] { print(kShells.find(*shell).value()(describe_program(*sub))); });
}

void add_man_command(CLI::App& app) {
  struct ManCommand {
    std::string folder;
    bool force = false;
  };
  auto command = std::make_shared<ManCommand>();
  CLI::App* sub = add_command(app, "man", "Write the man pages of all commands, for packages",
                              "qcompress man share/man/man1");
  sub->add_option("folder", command->folder, "A folder that exists")->required()->type_name("DIR");
  sub->add_flag("-f,--force", command->force, "Overwrite pages that exist");
  sub->callback([sub, command] {
    write_pages(*sub, command->folder, command->force ? Overwrite::kReplace : Overwrite::kRefuse);
  });
}

}  // namespace qc
