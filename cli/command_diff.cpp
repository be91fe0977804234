// qcompress diff: what changed between two models
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/text.h"
#include "report/model_diff.h"
#include "system/printable.h"

namespace qc {
namespace {

struct DiffCommand {
  CommonOptions common;
  std::string before;
  std::string after;

  void run() const {
    const ModelDiff diff =
        diff_models(open_any_model(before, common.threads, common.limits, common.links()),
                    open_any_model(after, common.threads, common.limits, common.links()));
    if (common.json) {
      print_json(as_json(diff));
    } else if (common.prints()) {
      print(as_text(diff));
    }
  }

  nlohmann::ordered_json as_json(const ModelDiff& diff) const {
    nlohmann::ordered_json document = {{"schema", "qcompress.diff/1"},
                                       {"before", before},
                                       {"after", after},
                                       {"identical", diff.identical},
                                       {"graph_differs", diff.graph_differs},
                                       {"equal_tensors", diff.equal.size()},
                                       {"removed", diff.removed},
                                       {"added", diff.added},
                                       {"changed", nlohmann::ordered_json::array()}};
    for (const TensorDiff& tensor : diff.changed) {
      document["changed"].push_back({{"name", tensor.name},
                                     {"comparable", tensor.comparable},
                                     {"elements", tensor.count},
                                     {"changed", tensor.changed},
                                     {"nonzero_before", tensor.nonzero_before},
                                     {"nonzero_after", tensor.nonzero_after},
                                     {"rmse", tensor.rmse},
                                     {"max_error", tensor.max_error}});
    }
    return document;
  }

  std::string as_text(const ModelDiff& diff) const {
    if (diff.identical)
      return printable(fmt::format("{} and {} are identical", before, after)) + "\n";
    std::string text;
    if (!diff.changed.empty()) {
      Table table(
          {"tensor", "elements", "changed %", "kept % before", "after", "rmse", "max error"});
      for (const TensorDiff& tensor : diff.changed) table.add_row(row(tensor));
      text += table.text();
    }
    text += fmt::format("{} changed, {} equal\n", plural(diff.changed.size(), "tensor"),
                        diff.equal.size());
    if (common.verbose) {
      for (const std::string& name : diff.equal)
        text += fmt::format("equal: {}\n", printable(name));
    }
    for (const std::string& name : diff.removed) {
      text += printable(fmt::format("only in {}: {}", before, name)) + "\n";
    }
    for (const std::string& name : diff.added) {
      text += printable(fmt::format("only in {}: {}", after, name)) + "\n";
    }
    text += diff.graph_differs ? "the graph differs too (bytes outside the tensors)\n"
                               : "the graph is the same: no byte outside the tensors differs\n";
    return text;
  }

  static std::vector<std::string> row(const TensorDiff& tensor) {
    if (!tensor.comparable) {
      return {tensor.name, count_text(tensor.count), "type/shape", "-", "-", "-", "-"};
    }
    const auto count = static_cast<double>(tensor.count);
    return {tensor.name,
            count_text(tensor.count),
            percent_text(static_cast<double>(tensor.changed), count),
            percent_text(static_cast<double>(tensor.nonzero_before), count),
            percent_text(static_cast<double>(tensor.nonzero_after), count),
            fmt::format("{:.3g}", tensor.rmse),
            fmt::format("{:.3g}", tensor.max_error)};
  }
};

}  // namespace

void add_diff_command(CLI::App& app) {
  auto command = std::make_shared<DiffCommand>();
  CLI::App* sub = add_command(app, "diff", "Show what changed between two models, tensor by tensor",
                              "qcompress diff model.onnx model.pruned.onnx");
  add_input(*sub, command->before, "before", "A .onnx or .qc file");
  add_input(*sub, command->after, "after", "A .onnx or .qc file");
  add_common_options(*sub, command->common, Writes::kNothing);
  add_limit_options(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
