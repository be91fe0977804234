#include "compiled_nets.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "emit/c/writer.h"
#include "harness.h"

namespace qc::bench {
namespace {

// Times are of so many calls at once: clocks take time too.
constexpr int kCallsAtOnce = 8;

const std::vector<std::string> kFlags = {"-std=gnu99", "-O3", "-march=native", "-ffp-contract=off"};

std::string run_program(const std::string& program, const std::vector<std::string>& args,
                        const std::filesystem::path& folder) {
  harness::RunOptions options;
  options.program = program;
  options.cwd = folder;
  const harness::RunResult result = harness::run(args, options);
  if (result.exit_code != 0) throw std::runtime_error(program + ": " + result.err);
  return result.out;
}

// A function without arguments that runs a network on random numbers.
std::string caller(const TimedCall& call) {
  std::string arrays;
  std::string arguments = fmt::format("&{}_memory", call.name);
  std::string fills;
  const auto add = [&](c::ValueId id, const std::string& name, bool fill) {
    const c::Value& value = call.plan->values[id];
    arrays += fmt::format("static float {}[{}];\n", name, c::count_of(value.shape));
    arguments += ", " + name;
    if (fill) fills += fmt::format("  fill({0}, sizeof {0} / sizeof *{0});\n", name);
  };
  for (std::size_t i = 0; i < call.plan->inputs.size(); ++i) {
    add(call.plan->inputs[i], fmt::format("{}_in_{}", call.name, i), true);
  }
  for (std::size_t i = 0; i < call.plan->outputs.size(); ++i) {
    add(call.plan->outputs[i], fmt::format("{}_out_{}", call.name, i), false);
  }
  return fmt::format(
      "#include \"{0}.h\"\nstatic struct {0} {0}_memory;\n{1}"
      "static void {0}_call(void) {{\n  static int is_filled;\n  if (!is_filled) {{\n{2}"
      "    is_filled = 1;\n  }}\n  {0}_run({3});\n}}\n",
      call.name, arrays, fills, arguments);
}

// After the functions of the calls and before `calls`.
constexpr const char* kMain = R"(
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main(void) {
  static double times[COUNT][ROUNDS];
  int round, i, k;
  for (round = -1; round < ROUNDS; round++) {
    for (i = 0; i < COUNT; i++) {
      const double begin = now();
      for (k = 0; k < AT_ONCE; k++) calls[i]();
      if (round >= 0) times[i][round] = (now() - begin) / AT_ONCE;
    }
  }
  printf("[");
  for (i = 0; i < COUNT; i++) {
    qsort(times[i], ROUNDS, sizeof times[i][0], compare);
    printf("%s%.4f", i > 0 ? ", " : "", missing[i] ? -1.0 : times[i][ROUNDS / 2]);
  }
  printf("]\n");
  return 0;
}
)";

}  // namespace

std::string c_compiler() {
  const std::string version = run_program("cc", {"--version"}, ".");
  return fmt::format("{}, {}", version.substr(0, version.find('\n')), fmt::join(kFlags, " "));
}

std::vector<double> time_calls(const std::vector<TimedCall>& calls, const std::string& functions,
                               const std::filesystem::path& folder, int rounds) {
  std::vector<std::string> sources = {"main_of_all.c"};
  std::string callers;
  std::vector<std::string> names;
  for (const TimedCall& call : calls) {
    names.push_back(call.plan != nullptr ? call.name + "_call" : call.name);
    if (call.plan == nullptr) continue;
    for (const c::ProgramFile& file :
         c::write_program(*call.plan, {call.name, "a benchmark", ""})) {
      harness::write_file(folder / file.name, file.text);
    }
    sources.insert(sources.end(), {call.name + ".c", call.name + "_weights.c"});
    callers += caller(call);
  }
  const std::string text = fmt::format(
      "#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n#include <dlfcn.h>\n"
      "enum {{ COUNT = {0}, ROUNDS = {1}, AT_ONCE = {2} }};\n"
      "static int missing[COUNT];\n"
      "static void fill(float *x, size_t count) {{\n  size_t i;\n"
      "  for (i = 0; i < count; i++) x[i] = (float)rand() / (float)RAND_MAX - 0.5f;\n}}\n"
      "{3}\n{4}\nstatic void (*const calls[COUNT])(void) = {{{5}}};\n{6}",
      calls.size(), rounds, kCallsAtOnce, functions, callers, fmt::join(names, ", "), kMain);
  harness::write_file(folder / "main_of_all.c", text);
  std::vector<std::string> args = kFlags;
  args.insert(args.end(), sources.begin(), sources.end());
  args.insert(args.end(), {"-lm", "-ldl", "-o", "all"});
  run_program("cc", args, folder);
  return nlohmann::json::parse(run_program((folder / "all").string(), {}, folder))
      .get<std::vector<double>>();
}

}  // namespace qc::bench
