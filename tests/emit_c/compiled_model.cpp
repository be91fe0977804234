#include "compiled_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>

#include "emit/c/writer.h"
#include "formats/onnx/load_tensors.h"

namespace qc::test {
namespace {

const std::vector<std::string> kWarnings = {"-Wall", "-Wextra", "-Wconversion", "-Wpedantic",
                                            "-Werror"};

harness::RunResult run_program(const std::filesystem::path& program,
                               const std::vector<std::string>& args,
                               const std::filesystem::path& folder, std::string input = {}) {
  harness::RunOptions options;
  options.program = program;
  options.cwd = folder;
  options.stdin_text = std::move(input);
  return harness::run(args, options);
}

void compile(const std::string& compiler, std::vector<std::string> args,
             const std::filesystem::path& folder) {
  args.insert(args.begin(), kWarnings.begin(), kWarnings.end());
  const auto result = run_program(compiler, args, folder);
  if (result.exit_code != 0) throw std::runtime_error(compiler + ": " + result.err);
}

const char* type_in_c(DataType type) {
  switch (type) {
    case DataType::kInt32:
      return "int32_t";
    case DataType::kInt64:
      return "int64_t";
    case DataType::kBool:
    case DataType::kInt8:
    case DataType::kUint8:
      return "uint8_t";
    default:
      return "float";
  }
}

// A program that reads the inputs from its standard input, one after the other, and writes the
// outputs. All is in one file, which is built fastest.
std::string driver(const c::Plan& plan) {
  std::string arrays;
  std::string reads;
  std::string writes;
  std::vector<std::string> arguments = {"&memory"};
  const auto add = [&](c::ValueId id, const std::string& name) {
    const c::Value& value = plan.values[id];
    arrays +=
        fmt::format("static {} {}[{}];\n", type_in_c(value.type), name, c::count_of(value.shape));
    arguments.push_back(name);
  };
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    const std::string name = fmt::format("in_{}", i);
    add(plan.inputs[i], name);
    reads += fmt::format("  if (fread({0}, sizeof {0}, 1, stdin) != 1) return 2;\n", name);
  }
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const std::string name = fmt::format("out_{}", i);
    add(plan.outputs[i], name);
    writes += fmt::format("  if (fwrite({0}, sizeof {0}, 1, stdout) != 1) return 3;\n", name);
  }
  return fmt::format(
      "#include \"net.c\"\n#include \"net_weights.c\"\n#include <stdio.h>\n\n"
      "static struct net memory;\n{}\nint main(void) {{\n{}  if (net_run({}) != 0) return 4;\n{}"
      "  return 0;\n}}\n",
      arrays, reads, fmt::join(arguments, ", "), writes);
}

}  // namespace

std::string missing_compiler() {
  for (const char* compiler : {"gcc", "g++"}) {
    try {
      if (run_program(compiler, {"--version"}, ".").exit_code == 0) continue;
    } catch (const std::runtime_error&) {
    }
    return fmt::format("needs {}", compiler);
  }
  return {};
}

CompiledModel::CompiledModel(const OnnxModel& model, const c::PlanOptions& options, Checks checks)
    : plan_(c::make_plan(load_model(model), options)) {
  for (const c::ProgramFile& file : c::write_program(plan_, {"net", "model.onnx", "test"})) {
    harness::write_file(folder_ / file.name, file.text);
  }
  harness::write_file(folder_ / "driver.c", driver(plan_));
  build(checks);
}

void CompiledModel::build(Checks checks) {
  std::vector<std::string> args = {"-std=c99", "-O1", "-ffp-contract=off"};
  if (checks == Checks::kNative) args.insert(args.end(), {"-O3", "-march=native"});
  if (checks == Checks::kAll) {
    args.insert(args.end(), {"-fsanitize=address,undefined", "-fno-sanitize-recover=all"});
  }
  args.insert(args.end(), {"driver.c", "-o", "driver", "-lm"});
  compile("gcc", args, folder_.path());
  if (checks != Checks::kAll) return;
  compile("g++", {"-std=c++11", "-fsyntax-only", "-x", "c++", "driver.c"}, folder_.path());
}

std::vector<HostTensor> CompiledModel::run(const std::vector<HostTensor>& inputs) const {
  std::string bytes;
  for (const HostTensor& input : inputs) {
    const HostTensor in_c = c::as_float32(input);
    bytes.append(in_c.bytes.begin(), in_c.bytes.end());
  }
  const auto result = run_program(folder_ / "driver", {}, folder_.path(), bytes);
  if (result.exit_code != 0) {
    throw std::runtime_error(fmt::format("the program gives {}: {}", result.exit_code, result.err));
  }
  std::vector<HostTensor> outputs;
  std::size_t at = 0;
  for (const c::ValueId id : plan_.outputs) {
    const c::Value& value = plan_.values[id];
    const auto size =
        static_cast<std::size_t>(c::count_of(value.shape) * c::element_bytes(value.type));
    if (at + size > result.out.size()) throw std::runtime_error("the program gives too little");
    const auto begin = result.out.begin() + static_cast<std::ptrdiff_t>(at);
    outputs.push_back(
        {value.type, value.shape, Bytes(begin, begin + static_cast<std::ptrdiff_t>(size))});
    at += size;
  }
  return outputs;
}

}  // namespace qc::test
