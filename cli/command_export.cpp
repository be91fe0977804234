// qcompress export: models in forms that other runtimes read
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "emit/export_model.h"
#include "system/printable.h"

namespace qc {
namespace {

const std::map<std::string, std::optional<FormFamily>>& kinds() {
  static const std::map<std::string, std::optional<FormFamily>> kAll = {
      {"compact", FormFamily::kCompact},
      {"codebook", FormFamily::kCodebook},
      {"qdq", FormFamily::kQdq},
      {"float", std::nullopt}};
  return kAll;
}

// Of the tensors that are written in the same form.
struct FormSum {
  std::uint64_t tensors = 0;
  std::uint64_t elements = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes = 0;

  void add(const ExportedTensor& tensor) {
    ++tensors;
    elements += tensor.elements;
    bytes_before += tensor.bytes_before;
    bytes += tensor.bytes;
  }
};

struct ExportCommand {
  CommonOptions common;
  std::string input;
  std::string kind = "compact";

  void run() const {
    const auto start = std::chrono::steady_clock::now();
    const OnnxModel model = open_any_model(input, common.threads, common.limits, common.links());
    const std::filesystem::path target =
        common.output_or(with_extension(input, fmt::format(".{}.onnx", kind)));
    require_different(input, target);
    std::optional<ExportedModel> exported;
    naming_errors(input, [&] { exported = make(model); });
    warn_of_left(exported->model.write(target, {}, common.overwrite()));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (common.json) {
      print_json(as_json(model, *exported, target, seconds.count()));
    } else if (common.prints()) {
      print(as_text(model, *exported, target));
    }
  }

  ExportedModel make(const OnnxModel& model) const {
    const std::optional<FormFamily> family = kinds().at(kind);
    if (!family) return {model, {}, {}};
    return export_model(model, {.family = *family});
  }

  static std::map<std::string_view, FormSum> sums(const ExportedModel& exported) {
    std::map<std::string_view, FormSum> by_form;
    for (const ExportedTensor& tensor : exported.tensors) by_form[tensor.form].add(tensor);
    return by_form;
  }

  nlohmann::ordered_json as_json(const OnnxModel& model, const ExportedModel& exported,
                                 const std::filesystem::path& target, double seconds) const {
    nlohmann::ordered_json document = {{"schema", "qcompress.export/1"},
                                       {"input", input},
                                       {"output", target.string()},
                                       {"as", kind},
                                       {"original_bytes", model.total_size()},
                                       {"bytes", exported.model.total_size()},
                                       {"notes", exported.notes},
                                       {"tensors", nlohmann::ordered_json::array()}};
    for (const ExportedTensor& tensor : exported.tensors) {
      document["tensors"].push_back({{"name", tensor.name},
                                     {"form", tensor.form},
                                     {"elements", tensor.elements},
                                     {"original_bytes", tensor.bytes_before},
                                     {"bytes", tensor.bytes},
                                     {"left_alone", tensor.reason}});
    }
    document["seconds"] = seconds;
    return document;
  }

  std::string as_text(const OnnxModel& model, const ExportedModel& exported,
                      const std::filesystem::path& target) const {
    std::string text;
    if (!exported.tensors.empty()) text += forms_text(exported);
    for (const std::string& note : exported.notes) {
      text += fmt::format("note: {}\n", printable(note));
    }
    const std::uint64_t before = model.total_size();
    const std::uint64_t after = exported.model.total_size();
    text += fmt::format("{}  {} -> {}  {}  ({})\n", printable(input), size_text(before),
                        printable(target.string()), size_text(after), ratio_text(before, after));
    return text;
  }

  std::string forms_text(const ExportedModel& exported) const {
    Table table({"form", "tensors", "elements", "bytes before", "bytes", "ratio"});
    for (const auto& [form, sum] : sums(exported)) {
      table.add_row({std::string(form), fmt::format("{}", sum.tensors), count_text(sum.elements),
                     size_text(sum.bytes_before), size_text(sum.bytes),
                     ratio_text(sum.bytes_before, sum.bytes)});
    }
    std::string text = table.text();
    for (const ExportedTensor& tensor : exported.tensors) {
      if (!common.verbose) break;
      text += fmt::format("  {}  {}  {} -> {}{}\n", printable(tensor.name), tensor.form,
                          tensor.bytes_before, tensor.bytes,
                          tensor.reason.empty() ? "" : fmt::format("  ({})", tensor.reason));
    }
    return text;
  }
};

}  // namespace

void add_export_command(CLI::App& app) {
  auto command = std::make_shared<ExportCommand>();
  CLI::App* sub = add_command(
      app, "export", "Write a model as a small ONNX file that runtimes decode as they load it",
      "qcompress export model.qc -o model.compact.onnx   # standard operators, the same outputs");
  add_input(*sub, command->input, "model", "A .onnx or .qc file");
  std::vector<std::string> names;
  for (const auto& [name, family] : kinds()) names.push_back(name);
  sub->add_option("--as", command->kind,
                  "compact: the smallest form of each tensor; codebook: Gather(codebook, codes); "
                  "qdq: DequantizeLinear where that gives the same bits; float: a plain file")
      ->check(CLI::IsMember(names))
      ->type_name("FORM")
      ->capture_default_str();
  add_common_options(*sub, command->common, Writes::kFile);
  add_limit_options(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
