// qcompress pack: .onnx -> .qc
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/any_model.h"
#include "cli/base_files.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/inspect.h"
#include "cli/param_flags.h"
#include "cli/text.h"
#include "core/error.h"
#include "formats/onnx/negative_zeros.h"
#include "formats/packed/pack_model.h"
#include "formats/packed/update_source.h"
#include "formats/qc/read/qc_reader.h"
#include "formats/qc/write/qc_writer.h"
#include "pipeline/pack_params.h"
#include "system/byte_size.h"
#include "system/printable.h"
#include "system/progress.h"

namespace qc {
namespace {

// What the signs of zeros cost that tidy would make positive.
struct SignCost {
  std::uint64_t negative = 0;   // zeros, in all tensors
  std::uint64_t removable = 0;  // of them, by tidy
  std::uint64_t bytes = 0;      // of the signs of the removable ones, an estimate

  SignCost(const OnnxModel& model, unsigned threads) {
    double cost = 0;
    const std::vector<NegativeZeros> found = find_negative_zeros(model, threads);
    for (const NegativeZeros& one : found) negative += one.zeros.negative;
    removable = removable_zeros(found, cost).negative;
    bytes = static_cast<std::uint64_t>(std::llround(cost));
  }

  // A line for the user; empty where the signs are hardly worth one.
  std::string text(std::uint64_t packed) const {
    if (!is_worth_telling(bytes, packed)) return "";
    return fmt::format(
        "{} zeros are negative (-0.0), as masks leave them; their signs cost about {} or more: "
        "qcompress tidy makes them positive, and no output changes\n",
        count_text(removable), size_text(bytes));
  }

  nlohmann::ordered_json json() const {
    return {{"count", negative}, {"removable", removable}, {"estimated_bytes", bytes}};
  }
};

struct PackCommand {
  CommonOptions common;
  std::string input;
  std::vector<std::string> base;
  ParamFlags flags;

  void run() const {
    Params params(pack_params());
    flags.for_each([&](const auto& name, const auto& value) { params.set(name, value); });
    const bool from_stdin = is_standard_stream(input);
    if (from_stdin && common.output.empty()) {
      throw Error(ErrorCode::kUsage,
                  "a model from standard input has no name; name the output with -o");
    }
    if (common.to_stdout() && common.json) {
      throw Error(ErrorCode::kUsage, "--json and the container cannot both go to standard output");
    }
    const OnnxModel model =
        from_stdin ? model_from_stdin() : OnnxModel::open(input, common.links());
    const auto start = std::chrono::steady_clock::now();
    if (common.to_stdout()) {
      // A container may be started anew while it is made, which standard output cannot be.
      StandardOutput out(common.force);
      MemorySink container;
      pack(model, params, container);
      return out.write(container.bytes());
    }
    const std::filesystem::path target = common.output_or(with_extension(input, ".qc"));
    require_different(input, target);
    for (const std::string& each : base) require_different(each, target);
    model.refuse_input(target, true);
    AtomicFile out(target, common.overwrite(), common.sync());
    pack(model, params, out);
    const std::uint64_t packed = out.size();
    model.require_unchanged();
    out.commit();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const std::uint64_t likely = ReadLimits{}.for_container(packed).model;
    if (model.total_size() > likely && !common.quiet) {
      warn(fmt::format("it holds more than 1000 times its size: to unpack it, allow --max-size {}",
                       byte_size_text(model.total_size())));
    }
    if (common.quiet && !common.json) return;
    const SignCost signs(model, common.threads);
    if (common.json) {
      nlohmann::ordered_json document = {
          {"schema", "qcompress.pack/1"}, {"input", input},
          {"output", target.string()},    {"original_bytes", model.total_size()},
          {"packed_bytes", packed},       {"negative_zeros", signs.json()},
          {"seconds", seconds.count()}};
      if (!base.empty()) document["base"] = base.front();
      print_json(document);
    } else if (common.prints()) {
      print(fmt::format("{}  {} -> {}  {}  ({}, {:.2f} s)\n", printable(stream_name(input)),
                        size_text(model.total_size()), printable(target.string()),
                        size_text(packed), ratio_text(model.total_size(), packed),
                        seconds.count()));
      print(signs.text(packed));
      if (common.verbose) {
        const Breakdown breakdown =
            break_down(QcReader::open(target, ReadLimits::none()), common.threads);
        InspectView view;
        view.file = target.string();
        print(inspect_text(breakdown, view));
      }
    }
  }

  static OnnxModel model_from_stdin() {
    std::vector<std::pair<std::filesystem::path, Bytes>> files;
    files.emplace_back("model.onnx", read_standard_input());
    std::optional<OnnxModel> model;
    naming_errors("standard input", [&] { model = OnnxModel::from_memory(std::move(files)); });
    return std::move(*model);
  }

  OnnxModel open_base() const {
    if (!is_qc_file(base.front())) return OnnxModel::open(base.front(), common.links());
    QcReader reader = QcReader::open(base.front());
    BaseFiles files({}, common.threads);
    naming_errors(base.front(), [&] { files.give_to(reader, std::span(base).subspan(1)); });
    return unpacked_model(reader, common.threads);
  }

  void pack(const OnnxModel& model, const Params& params, ByteSink& out) const {
    Progress progress("packing", model.total_size(), common.prints());
    PackOptions options;
    options.encode = encode_options(params);
    options.threads = common.threads;
    options.progress = [&](std::uint64_t bytes) { progress.advance(bytes); };
    if (base.empty()) return pack_model(model, options, out);
    const OnnxModel before = open_base();
    write_container(UpdateSource(model, before, options).source(), options, out);
  }
};

}  // namespace

void add_pack_command(CLI::App& app) {
  auto command = std::make_shared<PackCommand>();
  CLI::App* sub = add_command(
      app, "pack", "Pack a model losslessly into the smallest .qc file",
      "qcompress pack --huffman model.pruned.shared.onnx   # -> model.pruned.shared.qc");
  add_input(*sub, command->input, "model",
            "The .onnx file; external data is packed along; - for standard input");
  for (const ParamSpec& spec : pack_params()) command->flags.add(*sub, spec);
  add_common_options(*sub, command->common, Writes::kFile);
  add_base_option(*sub, command->base);
  add_sync_option(*sub, command->common);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
