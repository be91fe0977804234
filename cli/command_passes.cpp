// A subcommand for every pass: model -> model.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "passes/pass.h"

namespace qc {
namespace {

// What a flag was given, to be handed to the pass.
struct GivenParam {
  std::string_view name;
  std::vector<std::string> values;
};

struct PassCommand {
  const Pass* pass;
  CommonOptions common;
  std::string input;
  std::vector<std::unique_ptr<GivenParam>> given;

  // Beside the input; a model with external data gets a folder, so that its files keep their names.
  std::filesystem::path default_output(const OnnxModel& model) const {
    const std::filesystem::path path(input);
    if (model.files().size() == 1) {
      return with_extension(path, fmt::format(".{}.onnx", pass->suffix));
    }
    return with_extension(path, fmt::format(".{}", pass->suffix)) / path.filename();
  }

  void run() const {
    Params params(pass->params);
    for (const auto& param : given) {
      for (const std::string& value : param->values) params.set(param->name, value);
    }
    const OnnxModel model = OnnxModel::open(input);
    const std::filesystem::path target = common.output_or(default_output(model));
    require_different(input, target);
    require_absent(target, common.overwrite());
    PayloadEdits edits;
    PassReport report;
    naming_errors(input, [&] { report = pass->run(model, params, common.threads, edits); });
    write(model, edits, target);
    if (common.json) {
      print_json(as_json(report, target));
    } else if (common.prints()) {
      print(as_text(report, target));
    }
  }

  // The default output of a model with external data is in a folder of its own.
  void write(const OnnxModel& model, const PayloadEdits& edits,
             const std::filesystem::path& target) const {
    std::error_code error;
    const bool made = common.output.empty() && model.files().size() > 1 &&
                      std::filesystem::create_directory(target.parent_path(), error);
    try {
      model.write(target, edits, common.overwrite());
    } catch (const Error&) {
      if (made) std::filesystem::remove(target.parent_path(), error);
      throw;
    }
  }

  nlohmann::ordered_json as_json(const PassReport& report,
                                 const std::filesystem::path& target) const {
    nlohmann::ordered_json document = {{"schema", fmt::format("qcompress.{}/1", pass->name)},
                                       {"input", input},
                                       {"output", target.string()},
                                       {"changed", nlohmann::ordered_json::array()},
                                       {"untouched", nlohmann::ordered_json::array()},
                                       {"notes", report.notes}};
    if (report.seeded) document["seed"] = report.seed;
    for (const TensorReport& tensor : report.changed) {
      document["changed"].push_back({{"name", tensor.name},
                                     {"op", tensor.op},
                                     {"dims", tensor.dims},
                                     {"weights", tensor.count},
                                     {"nonzero_before", tensor.nonzero_before},
                                     {"nonzero_after", tensor.nonzero_after},
                                     {"distinct", tensor.distinct_after},
                                     {"rmse", tensor.rmse},
                                     {"max_error", tensor.max_error},
                                     {"iterations", tensor.iterations},
                                     {"threshold", tensor.threshold}});
    }
    for (const SkippedTensor& tensor : report.skipped) {
      document["untouched"].push_back(
          {{"name", tensor.name}, {"weights", tensor.count}, {"reason", tensor.reason}});
    }
    return document;
  }

  std::string as_text(const PassReport& report, const std::filesystem::path& target) const {
    const bool iterative = std::any_of(report.changed.begin(), report.changed.end(),
                                       [](const auto& tensor) { return tensor.iterations > 0; });
    const bool thresholds = std::any_of(report.changed.begin(), report.changed.end(),
                                        [](const auto& tensor) { return tensor.threshold > 0; });
    std::vector<std::string> headings = {"tensor", "op",       "shape", "weights",
                                         "kept %", "distinct", "rmse",  "max error"};
    if (thresholds) headings.emplace_back("threshold");
    if (iterative) headings.emplace_back("iterations");
    Table table(headings);
    std::uint64_t count = 0;
    std::uint64_t nonzero = 0;
    for (const TensorReport& tensor : report.changed) {
      count += tensor.count;
      nonzero += tensor.nonzero_after;
      std::vector<std::string> row = {tensor.name,
                                      tensor.op,
                                      shape_text(tensor.dims),
                                      count_text(tensor.count),
                                      percent_text(static_cast<double>(tensor.nonzero_after),
                                                   static_cast<double>(tensor.count)),
                                      count_text(tensor.distinct_after),
                                      fmt::format("{:.3g}", tensor.rmse),
                                      fmt::format("{:.3g}", tensor.max_error)};
      if (thresholds) row.push_back(fmt::format("{:.3g}", tensor.threshold));
      if (iterative) row.push_back(fmt::format("{}", tensor.iterations));
      table.add_row(std::move(row));
    }
    table.add_rule();
    std::vector<std::string> total = {
        plural(report.changed.size(), "tensor"),
        "",
        "",
        count_text(count),
        percent_text(static_cast<double>(nonzero), static_cast<double>(count)),
        "",
        "",
        ""};
    table.add_row(std::move(total));
    std::string text = table.text();
    text += untouched_text(report);
    if (report.seeded) text += fmt::format("seed {}\n", report.seed);
    for (const std::string& note : report.notes) text += fmt::format("note: {}\n", note);
    text += fmt::format("wrote {}: a plain ONNX file, as large as before; pack makes it small\n",
                        target.string());
    return text;
  }

  std::string untouched_text(const PassReport& report) const {
    if (report.skipped.empty()) return "";
    std::map<std::string, std::size_t> reasons;
    for (const SkippedTensor& tensor : report.skipped) ++reasons[tensor.reason];
    std::string text =
        fmt::format("untouched: {} of floats (", plural(report.skipped.size(), "tensor"));
    std::string separator;
    for (const auto& [reason, uses] : reasons) {
      text += fmt::format("{}{} {}", separator, uses, reason);
      separator = ", ";
    }
    text += common.verbose ? ")\n" : "); -v lists them\n";
    if (common.verbose) {
      for (const SkippedTensor& tensor : report.skipped) {
        text += fmt::format("  {}  {}  {}\n", tensor.name, count_text(tensor.count), tensor.reason);
      }
    }
    return text;
  }
};

std::string help_of(const ParamSpec& spec) {
  std::string help(spec.help);
  if (!spec.default_text.empty()) help += fmt::format(" (default: {})", spec.default_text);
  return help;
}

void add_pass_command(CLI::App& app, const Pass& pass) {
  auto command = std::make_shared<PassCommand>();
  command->pass = &pass;
  CLI::App* sub =
      add_command(app, std::string(pass.name), std::string(pass.help), std::string(pass.example));
  add_input(*sub, command->input, "model", "The .onnx file");
  for (const ParamSpec& spec : pass.params) {
    command->given.push_back(std::make_unique<GivenParam>());
    GivenParam& given = *command->given.back();
    given.name = spec.name;
    CLI::Option* option =
        sub->add_option(fmt::format("--{}", spec.name), given.values, help_of(spec))
            ->type_name(std::string(spec.placeholder))
            ->expected(1)
            ->allow_extra_args(false);
    if (spec.kind == ParamKind::kList) {
      option->take_all();
    } else {
      option->multi_option_policy(CLI::MultiOptionPolicy::Throw);
    }
  }
  add_common_options(*sub, command->common, Writes::kFile);
  sub->callback([command] { command->run(); });
}

}  // namespace

void add_pass_commands(CLI::App& app) {
  for (const Pass& pass : pass_table()) add_pass_command(app, pass);
}

}  // namespace qc
