// qcompress compile: networks as programs in C
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/plan_flags.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "emit/c/planner.h"
#include "emit/c/writer.h"
#include "formats/onnx/load_tensors.h"
#include "system/output_set.h"
#include "system/printable.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

// A call as a row of a table.
struct LayerRow {
  std::string layer;
  std::string op;
  c::Shape shape;
  std::string form;         // of its weights; empty where it has none
  std::uint64_t bytes = 0;  // of constants that no earlier layer has
  std::uint64_t operations = 0;
};

std::vector<LayerRow> layer_rows(const c::Plan& plan) {
  std::vector<LayerRow> rows;
  std::set<std::size_t> counted;
  for (const c::Step& step : plan.steps) {
    LayerRow row{step.layer, step.op, {}, {}, 0, step.operations};
    for (const c::Argument& argument : step.arguments) {
      if (const auto* written = std::get_if<c::Argument::Written>(&argument.what)) {
        if (row.shape.empty()) row.shape = plan.values[written->value].shape;
      }
      if (const auto* function = std::get_if<c::Argument::Function>(&argument.what)) {
        row.form = plan.products[function->product].form;
      }
    }
    c::each_argument(plan, step, [&](const c::Argument& argument) {
      const auto* array = std::get_if<c::Argument::Array>(&argument.what);
      if (array == nullptr || !counted.insert(array->index).second) return;
      row.bytes += plan.arrays[array->index].bytes.size();
    });
    rows.push_back(std::move(row));
  }
  return rows;
}

struct CompileCommand {
  CommonOptions common;
  std::string input;
  PlanFlags planning;
  std::string name = "net";
  bool arduino = false;
  std::uint64_t max_flash = 0;
  std::uint64_t max_ram = 0;

  void run() const {
    const auto start = std::chrono::steady_clock::now();
    const fs::path folder = common.output_or(with_extension(input, ".c"));
    const OnnxModel model = open_any_model(input, common.threads, common.limits, common.links());
    const c::PlanOptions options = planning.options();
    const std::string source = fs::path(input).filename().string();
    const auto [plan, files] = naming_errors(input, [&] {
      const LoadedModel loaded = load_model(model);
      c::Plan made = max_ram == 0 ? c::make_plan(loaded, options)
                                  : c::make_plan_within(loaded, options, max_ram);
      std::vector<c::ProgramFile> program =
          c::write_program(made, {name, source, QC_VERSION},
                           arduino ? c::ProgramLayout::kArduino : c::ProgramLayout::kFolder);
      return std::pair(std::move(made), std::move(program));
    });
    require_small("--max-flash", "constants", plan.constant_bytes(), max_flash);
    require_small("--max-ram", "memory", plan.arena_bytes, max_ram);
    write(folder, files);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (common.json) {
      print_json(as_json(plan, files, folder, seconds.count()));
    } else if (common.prints()) {
      print(as_text(plan, folder));
    }
  }

  static void require_small(std::string_view flag, std::string_view what, std::uint64_t bytes,
                            std::uint64_t most) {
    if (most == 0 || bytes <= most) return;
    throw Error(ErrorCode::kGate,
                fmt::format("{} bytes of {} are more than the {} of {}", bytes, what, most, flag));
  }

  void write(const fs::path& folder, const std::vector<c::ProgramFile>& files) const {
    std::error_code failure;
    fs::create_directories(folder, failure);
    if (failure) {
      throw Error(ErrorCode::kFile, fmt::format("{}: cannot make the folder: {}", folder.string(),
                                                failure.message()));
    }
    OutputSet outputs(folder / files[0].name, common.overwrite(), Sync::kToDisk);
    outputs.main().write(as_bytes(files[0].text));
    for (std::size_t i = 1; i < files.size(); ++i) {
      outputs.add(files[i].name).write(as_bytes(files[i].text));
    }
    warn_of_left(outputs.commit());
  }

  nlohmann::ordered_json as_json(const c::Plan& plan, const std::vector<c::ProgramFile>& files,
                                 const fs::path& folder, double seconds) const {
    nlohmann::ordered_json document = {{"schema", "qcompress.compile/1"},
                                       {"input", input},
                                       {"output", folder.string()},
                                       {"name", name},
                                       {"optimize", planning.goal},
                                       {"files", nlohmann::ordered_json::array()},
                                       {"constant_bytes", plan.constant_bytes()},
                                       {"arena_bytes", plan.arena_bytes},
                                       {"arena_lower_bound", plan.arena_bound},
                                       {"layers", nlohmann::ordered_json::array()}};
    for (const c::ProgramFile& file : files) document["files"].push_back(file.name);
    for (const LayerRow& row : layer_rows(plan)) {
      document["layers"].push_back({{"name", row.layer},
                                    {"operator", row.op},
                                    {"shape", row.shape},
                                    {"form", row.form},
                                    {"constant_bytes", row.bytes},
                                    {"operations", row.operations}});
    }
    document["seconds"] = seconds;
    return document;
  }

  std::string as_text(const c::Plan& plan, const fs::path& folder) const {
    Table table({"layer", "operator", "output", "form", "constants", "operations"});
    for (const LayerRow& row : layer_rows(plan)) {
      table.add_row({row.layer, row.op, shape_text(row.shape), row.form.empty() ? "-" : row.form,
                     row.bytes == 0 ? "-" : size_text(row.bytes),
                     row.operations == 0 ? "-" : count_text(row.operations)});
    }
    std::string text = table.text();
    text += fmt::format("flash  {} of constants\n", size_text(plan.constant_bytes()));
    text += fmt::format("RAM    {} for values between layers; no placement takes less than {}\n",
                        size_text(plan.arena_bytes), size_text(plan.arena_bound));
    text += fmt::format("{} -> {}\n", printable(input), printable(folder.string()));
    return text;
  }
};

}  // namespace

void add_compile_command(CLI::App& app) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App* sub = add_command(
      app, "compile",
      "Write a network as a program in C that needs no library but C's own, and no malloc",
      "qcompress compile model.qc -o net   # net.h, net.c, net_weights.c, main.c, CMakeLists.txt");
  add_input(*sub, command->input, "model", "A .onnx or .qc file");
  add_plan_flags(*sub, command->planning);
  sub->add_option("--name", command->name,
                  "What functions and files are called; an identifier of C")
      ->capture_default_str();
  sub->add_flag("--arduino", command->arduino,
                "Write a library for the Arduino IDE and PlatformIO: the sources in src/, and a "
                "sketch in place of main.c");
  add_size_option(*sub, "--max-flash", command->max_flash,
                  "Fail where constants take more than this, such as 64KiB");
  add_size_option(*sub, "--max-ram", command->max_ram,
                  "Have values between layers take no more than this, which may take time; fail "
                  "where they cannot");
  add_common_options(*sub, command->common, Writes::kFile);
  add_limit_options(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
