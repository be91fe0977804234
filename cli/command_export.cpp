// qcompress export: models in forms that other runtimes read
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "emit/compressible.h"
#include "emit/export_model.h"
#include "emit/runtimes.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::string_view kFloat = "float";
constexpr std::string_view kBrotli = "brotli";

// What --as takes; kFloat and kBrotli code no weights.
const std::vector<std::pair<std::string, std::optional<FormFamily>>>& kinds() {
  static const std::vector<std::pair<std::string, std::optional<FormFamily>>> kAll = {
      {"compact", FormFamily::kCompact},
      {"codebook", FormFamily::kCodebook},
      {"qdq", FormFamily::kQdq},
      {std::string(kFloat), std::nullopt},
      {std::string(kBrotli), std::nullopt}};
  return kAll;
}

struct Compressed {
  CompressedSizes before;
  CompressedSizes after;
};

struct Export {
  ExportedModel model;
  std::optional<Compressed> compressed;  // of kBrotli
};

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
  std::string target;

  void run() const {
    const auto start = std::chrono::steady_clock::now();
    std::function<bool(const TensorForm&)> allows;
    if (!target.empty()) allows = forms_for(target);
    const OnnxModel model = open_any_model(input, common.threads, common.limits, common.links());
    const std::filesystem::path path =
        common.output_or(with_extension(input, fmt::format(".{}.onnx", kind)));
    require_different(input, path);
    require_absent(path, common.overwrite());
    std::optional<Export> made;
    naming_errors(input, [&] { made = make(model, allows); });
    warn_of_left(made->model.model.write(path, {}, common.overwrite()));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (common.json) {
      print_json(as_json(model, *made, path, seconds.count()));
    } else if (common.prints()) {
      print(as_text(model, *made, path));
    }
  }

  Export make(const OnnxModel& model, const std::function<bool(const TensorForm&)>& allows) const {
    if (kind == kBrotli) {
      CompressibleModel made = make_compressible(model, common.threads);
      return {{std::move(made.model), {}, std::move(made.notes)},
              Compressed{made.before, made.after}};
    }
    const auto family =
        std::ranges::find(kinds(), kind, &std::pair<std::string, std::optional<FormFamily>>::first)
            ->second;
    if (!family) return {{model, {}, {}}, std::nullopt};
    return {export_model(model, {.family = *family, .allows = allows}), std::nullopt};
  }

  static std::map<std::string_view, FormSum> sums(const ExportedModel& exported) {
    std::map<std::string_view, FormSum> by_form;
    for (const ExportedTensor& tensor : exported.tensors) by_form[tensor.form].add(tensor);
    return by_form;
  }

  nlohmann::ordered_json as_json(const OnnxModel& model, const Export& made,
                                 const std::filesystem::path& path, double seconds) const {
    const ExportedModel& exported = made.model;
    nlohmann::ordered_json document = {{"schema", "qcompress.export/1"},
                                       {"input", input},
                                       {"output", path.string()},
                                       {"as", kind},
                                       {"for", target},
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
    if (made.compressed) {
      const auto sizes = [](const CompressedSizes& of) -> nlohmann::ordered_json {
        return {{"brotli_11", of.brotli}, {"zstd_19", of.zstd}};
      };
      document["compressed"] = {{"original", sizes(made.compressed->before)},
                                {"output", sizes(made.compressed->after)}};
    }
    document["seconds"] = seconds;
    return document;
  }

  std::string as_text(const OnnxModel& model, const Export& made,
                      const std::filesystem::path& path) const {
    const ExportedModel& exported = made.model;
    std::string text;
    if (!exported.tensors.empty()) text += forms_text(exported);
    if (made.compressed) {
      const auto& [original, output] = *made.compressed;
      Table table({"compressor", "bytes before", "bytes"});
      table.add_row({"brotli -11", size_text(original.brotli), size_text(output.brotli)});
      table.add_row({"zstd -19", size_text(original.zstd), size_text(output.zstd)});
      text += table.text();
    }
    for (const std::string& note : exported.notes) {
      text += fmt::format("note: {}\n", printable(note));
    }
    const std::uint64_t before = model.total_size();
    const std::uint64_t after = exported.model.total_size();
    text += fmt::format("{}  {} -> {}  {}  ({})\n", printable(input), size_text(before),
                        printable(path.string()), size_text(after), ratio_text(before, after));
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
  sub->add_option(
         "--as", command->kind,
         "compact: the smallest form of each tensor; codebook: Gather(codebook, codes); "
         "qdq: DequantizeLinear where that gives the same bits, or, --for a runtime that folds "
         "all but that operator, the same integers by Cast and Mul; float: a plain file; "
         "brotli: a plain file that brotli and zstd make small")
      ->check(CLI::IsMember(names))
      ->type_name("FORM")
      ->capture_default_str();
  sub->add_option("--for", command->target,
                  fmt::format("Use only what a runtime runs: {}, and from its version on, as in "
                              "onnxruntime:1.20; without it, all forms",
                              fmt::join(runtime_names(), ", ")))
      ->type_name("RUNTIME");
  add_common_options(*sub, command->common, Writes::kFile);
  add_limit_options(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
