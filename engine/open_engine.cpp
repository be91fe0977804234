#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"
#include "engine/engine.h"
#include "system/byte_size.h"
#include "system/installation.h"
#include "system/parallel.h"

namespace qc {
namespace {

constexpr const char* kModuleName = "qcompress_torch.so";
constexpr const char* kModuleVariable = "QCOMPRESS_ENGINE";

// A module named by the user, or that of the installation.
std::vector<std::filesystem::path> candidates() {
  if (const char* named = std::getenv(kModuleVariable)) return {named};
  const auto paths = installed_paths(kModuleName);
  return {paths.begin(), paths.end()};
}

[[noreturn]] void unavailable(const std::string& reason) {
  throw Error(ErrorCode::kUnsupported,
              fmt::format("running and training networks needs libtorch, which cannot be loaded: "
                          "{}\n  install it with: apt-get install libtorch1.13 "
                          "libopenblas0-pthread\n  (pack, unpack, inspect, test and diff do "
                          "not need it)",
                          reason));
}

// BLAS does not look whether its threads could be made: it would send the program SIGINT, or wait
// for ever.
void require_threads(unsigned count) {
  std::latch all_are_there(1);
  std::vector<std::jthread> threads;
  try {
    for (unsigned i = 0; i < count; ++i) threads.emplace_back([&] { all_are_there.wait(); });
    all_are_there.count_down();
  } catch (const std::system_error& error) {
    all_are_there.count_down();
    throw Error(ErrorCode::kLimit,
                fmt::format("running networks needs {} threads: {}; raise the limit on processes "
                            "(ulimit -u), or lower --threads",
                            count, error.what()));
  }
}

EngineEntry load_module() {
  const std::vector<std::filesystem::path> paths = candidates();
  for (const std::filesystem::path& path : paths) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) unavailable(dlerror());
    void* entry = dlsym(handle, kEngineEntry);
    if (entry == nullptr) unavailable(dlerror());
    return reinterpret_cast<EngineEntry>(entry);
  }
  unavailable(fmt::format("no {} (built where libtorch-dev was there)", paths.front().string()));
}

}  // namespace

std::unique_ptr<Engine> open_engine(const EngineOptions& options) {
  // OpenMP threads that spin while they wait steal the cores from everybody else; what is set here
  // counts only before the first OpenMP library is loaded. A user's own setting stays.
  setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  EngineOptions resolved = options;
  resolved.threads = thread_count(options.threads);
  if (resolved.limits.memory == 0) resolved.limits.memory = default_memory_limit();
  // BLAS keeps a pool of its own. Its threads yield in a loop for 2^26 cycles after each product,
  // in the way of everybody else's; 2^24 is long enough to bridge small layers.
  setenv("OPENBLAS_THREAD_TIMEOUT", "24", 0);
  setenv("OPENBLAS_NUM_THREADS", fmt::format("{}", resolved.threads).c_str(), 0);
  require_threads(resolved.threads);
  static const EngineEntry kEntry = load_module();
  Engine* engine = kEntry(kEngineInterface, resolved);
  if (engine == nullptr) unavailable("the module is of another version of qcompress");
  return std::unique_ptr<Engine>(engine);
}

}  // namespace qc
