// qcompress inspect: where the bytes of a model or a container go
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/html_pages.h"
#include "cli/inspect.h"
#include "cli/text.h"
#include "core/choices.h"
#include "core/error.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/read/qc_reader.h"
#include "passes/glob.h"
#include "pipeline/shrink/certificate.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr auto kSortNames = make_choices<SortBy>({{"model", SortBy::kModel},
                                                  {"size", SortBy::kSize},
                                                  {"ratio", SortBy::kRatio},
                                                  {"name", SortBy::kName}});

struct InspectCommand {
  CommonOptions common;
  std::string input;
  std::string sort = "model";
  std::string tensor;
  bool all = false;
  bool hardware = false;
  bool index = false;
  std::string input_shape;
  std::string html;
  std::string before;
  bool force = false;

  void run() const {
    if (index && (hardware || !tensor.empty())) {
      throw Error(ErrorCode::kUsage,
                  "--index looks at no weights; leave out --hardware and --tensor");
    }
    if (!input_shape.empty() && !hardware) {
      throw Error(ErrorCode::kUsage, "--input-shape is for --hardware");
    }
    if (html.empty() && (!before.empty() || force)) {
      throw Error(ErrorCode::kUsage, "--before and -f are for --html");
    }
    if (!html.empty() && (index || !tensor.empty())) {
      throw Error(ErrorCode::kUsage, "--html shows all tensors; leave out --index and --tensor");
    }
    const Overwrite overwrite = force ? Overwrite::kReplace : Overwrite::kRefuse;
    if (!html.empty()) require_writable(overwrite);
    const AnyContainer container(input, common.threads, common.limits, common.links());
    const QcReader& reader = container.reader();
    const InspectView view{input, container.packed_now(), all || common.verbose,
                           kSortNames.find(sort).value()};
    const auto depth = index ? BreakdownDepth::kIndex : BreakdownDepth::kElements;
    Breakdown breakdown;
    naming_errors(input, [&] { breakdown = break_down(reader, common.threads, depth); });
    if (!tensor.empty()) {
      show_tensor(reader, breakdown);
      return;
    }
    if (!html.empty()) write_page(reader, breakdown, overwrite);
    const std::map<std::string, std::string> metadata = reader.metadata();
    if (common.json) {
      nlohmann::ordered_json document = inspect_json(breakdown, view);
      if (!metadata.empty()) document["metadata"] = metadata;
      if (hardware) document["hardware"] = hardware_json(work(reader, breakdown));
      print_json(document);
      return;
    }
    if (common.prints()) print(inspect_text(breakdown, view));
    if (common.prints() && hardware) print(hardware_text(work(reader, breakdown)));
    const auto certificate = metadata.find(std::string(kCertificateKey));
    const bool certified = certificate != metadata.end() && common.prints();
    if (const auto read = certified ? read_certificate(certificate->second) : std::nullopt) {
      print("\ncertificate: " + printable_lines(certificate_text(*read)));
    }
    if (common.prints() && common.verbose) {
      for (const auto& [key, value] : metadata) {
        const std::string text = indented_lines(value);
        print(fmt::format("\n{}:\n  {}{}", printable(key), text, text.ends_with('\n') ? "" : "\n"));
      }
    }
    if (!common.quiet) {
      for (const std::string& warning : inspect_warnings(breakdown)) warn(warning);
    }
  }

  void require_writable(Overwrite overwrite) const {
    require_different(input, html);
    if (!before.empty()) require_different(before, html);
    require_absent(html, overwrite);
  }

  void write_page(const QcReader& reader, const Breakdown& breakdown, Overwrite overwrite) const {
    std::optional<OnnxModel> earlier;
    if (!before.empty()) {
      earlier.emplace(open_any_model(before, common.threads, common.limits, common.links()));
    }
    HtmlReport report = html_report_of(reader, breakdown, earlier ? &*earlier : nullptr);
    report.title = std::filesystem::path(input).filename().string();
    report.notes = inspect_warnings(breakdown);
    write_html(report, html, overwrite);
  }

  HardwareView work(const QcReader& reader, const Breakdown& breakdown) const {
    const OnnxModel model = is_qc_file(input) ? unpacked_model(reader, common.threads)
                                              : OnnxModel::open(input, common.links());
    return hardware_view(model, breakdown, parse_shape("--input-shape", input_shape),
                         common.threads);
  }

  void show_tensor(const QcReader& reader, Breakdown& breakdown) const {
    std::vector<std::string> names;
    for (TensorBreakdown& line : breakdown.tensors) {
      names.push_back(line.tensor.name);
      if (line.tensor.name != tensor) continue;
      if (common.json) {
        Breakdown one;
        one.tensors.push_back(line);
        one.totals = breakdown.totals;
        print_json(inspect_json(one, {input, !is_qc_file(input), true, SortBy::kModel}));
        return;
      }
      const Bytes bytes = packed_elements(reader, line.tensor);
      if (common.prints()) print(inspect_tensor_text(line, bytes));
      return;
    }
    throw Error(ErrorCode::kUsage, fmt::format("{}: no tensor is named {}; {}", input, tensor,
                                               names_hint(tensor, names)));
  }
};

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App* sub = add_command(app, "inspect", "Show where every byte of a .qc or .onnx file goes",
                              "qcompress inspect --sort size model.qc");
  add_input(*sub, command->input, "file", "A .qc file, or a .onnx file: shown as if packed now");
  sub->add_option("--sort", command->sort, "Order of the tensors (default: model)")
      ->check(CLI::IsMember(
          std::vector<std::string>(kSortNames.names().begin(), kSortNames.names().end())))
      ->type_name("model|size|ratio|name");
  sub->add_option("--tensor", command->tensor, "Show one tensor, with a histogram of its values")
      ->type_name("NAME");
  sub->add_flag("--all", command->all, "List biases, norms and constants too");
  sub->add_flag("--index", command->index,
                "Read only the index: at once, whatever the size, but without how many weights are "
                "kept and their entropies");
  sub->add_flag("--hardware", command->hardware,
                "Count the multiplications that zeros, signs, shifts and tables replace, estimate "
                "energy, and show how many kernels are unique");
  sub->add_option("--input-shape", command->input_shape,
                  "For --hardware: sizes of the model's input where the graph leaves them open")
      ->type_name("1x3x224x224");
  sub->add_option("--html", command->html,
                  "Also write a page with tables and pictures to this file: one file, without "
                  "scripts, that fetches nothing")
      ->type_name("FILE");
  sub->add_option("--before", command->before,
                  "For --html: the model it was made from, whose weights are drawn beside these")
      ->type_name("FILE");
  sub->add_flag("-f,--force", command->force, "For --html: overwrite the file");
  add_common_options(*sub, command->common, Writes::kNothing);
  add_limit_options(*sub, command->common.limits);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
