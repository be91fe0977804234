#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "cli/commands.h"
#include "cli/program.h"
#include "core/error.h"
#include "system/installation.h"

namespace qc {
namespace {

// The program that knows a command; null for this one.
const char* program_for(const char* command) {
  if (command == nullptr) return "qcompress_full";
  const std::string_view word(command);
  if (word == "unpack" || word == "test" || word == "--version") return nullptr;
  return word == "pack" ? "qcompress_pack" : "qcompress_full";
}

}  // namespace

void hand_over(char** argv) {
  const char* program = program_for(argv[0] == nullptr ? nullptr : argv[1]);
  if (program == nullptr) return;
  const auto candidates = installed_paths(program);
  int reason = ENOENT;
  for (const std::filesystem::path& path : candidates) {
    ::execv(path.c_str(), argv);
    if (errno != ENOENT) reason = errno;
  }
  throw Error(ErrorCode::kFile,
              fmt::format("cannot start {}, which belongs beside this program: {}",
                          candidates.front().string(), std::strerror(reason)));
}

void add_commands(CLI::App& app) {
  add_unpack_command(app);
  add_test_command(app);
}

}  // namespace qc
