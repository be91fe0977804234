#include "engine/compiled/program_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "emit/c/writer.h"
#include "system/process.h"
#include "system/temporary_folder.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEntry = "run_network";

// Without -ffp-contract=off results would depend on whether the machine can multiply and add at
// once. What is called has another signature for each network, the entry always the same.
constexpr const char* kBuild =
    "${CC:-cc} -std=c99 -O2 -ffp-contract=off -fPIC -shared net.c net_weights.c entry.c "
    "-o net.so -lm";

std::string entry_text(const c::Plan& plan) {
  std::vector<std::string> arguments = {"&memory"};
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    arguments.push_back(fmt::format("inputs[{}]", i));
  }
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    arguments.push_back(fmt::format("outputs[{}]", i));
  }
  return fmt::format(
      "#include \"net.h\"\n\nstatic struct net memory;\n\n"
      "int {}(const void *const *inputs, void *const *outputs) {{\n"
      "  (void)inputs;\n  return net_run({});\n}}\n",
      kEntry, fmt::join(arguments, ", "));
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) {
    throw Error(ErrorCode::kFile, fmt::format("{}: cannot be written", path.string()));
  }
}

void build(const fs::path& folder) {
  ProcessOptions process;
  process.command = fmt::format("cd {} && {}", shell_quote(folder.string()), kBuild);
  const ProcessResult result = run_process(process);
  if (result.succeeded()) return;
  throw Error(ErrorCode::kFile,
              fmt::format("the program cannot be built; $CC, else cc, has to be a compiler of C: "
                          "{}\n{}",
                          kBuild, result.last_lines));
}

}  // namespace

void ProgramLibrary::Closer::operator()(void* handle) const noexcept { dlclose(handle); }

ProgramLibrary::ProgramLibrary(const c::Plan& plan) {
  // What is loaded needs its file no more.
  const TemporaryFolder folder;
  for (const c::ProgramFile& file : c::write_program(plan, {"net", "a model", "itself"})) {
    write_text(folder.path() / file.name, file.text);
  }
  write_text(folder.path() / "entry.c", entry_text(plan));
  build(folder.path());
  handle_.reset(dlopen((folder.path() / "net.so").c_str(), RTLD_NOW | RTLD_LOCAL));
  void* entry = handle_ == nullptr ? nullptr : dlsym(handle_.get(), kEntry);
  if (entry == nullptr) {
    throw Error(ErrorCode::kFile, fmt::format("the program cannot be loaded: {}", dlerror()));
  }
  run_ = reinterpret_cast<Run>(entry);
}

void ProgramLibrary::run(std::span<const void* const> inputs, std::span<void* const> outputs) {
  if (run_(inputs.data(), outputs.data()) == 0) return;
  throw Error(ErrorCode::kInternal, "the program in C does not run");
}

}  // namespace qc
