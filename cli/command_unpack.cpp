// qcompress unpack: .qc -> .onnx, byte for byte what was packed
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/base_files.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/text.h"
#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "system/printable.h"
#include "system/progress.h"

namespace qc {
namespace {

struct UnpackCommand {
  CommonOptions common;
  std::string input;
  std::vector<std::string> base;

  void run() const {
    const bool from_stdin = is_standard_stream(input);
    if (from_stdin && common.output.empty()) {
      throw Error(ErrorCode::kUsage,
                  "a container from standard input has no name; name the output with -o");
    }
    const Bytes stdin_bytes = from_stdin ? read_standard_input() : Bytes();
    QcReader reader = open_container(input, stdin_bytes, common.limits);
    BaseFiles base_files(common.limits, common.threads);
    naming_errors(stream_name(input), [&] { base_files.give_to(reader, base); });
    if (common.to_stdout()) return unpack_to_stdout(reader);
    const std::uint64_t total = reader.model_size();
    const std::filesystem::path target = common.output_or(with_extension(input, ".onnx"));
    require_different(input, target);
    for (const std::string& each : base) require_different(each, target);
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::filesystem::path> left;
    {
      Progress progress("unpacking", total, common.prints());
      naming_errors(stream_name(input), [&] {
        left = reader.unpack(
            target, common.overwrite(), common.threads,
            [&](std::uint64_t bytes) { progress.advance(bytes); }, common.sync());
      });
    }
    warn_of_left(left);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::vector<std::string> outputs = {target.string()};
    for (std::size_t i = 1; i < reader.files().size(); ++i) {
      outputs.push_back((target.parent_path() / reader.files()[i].path).string());
    }
    if (common.json) {
      print_json({{"schema", "qcompress.unpack/1"},
                  {"input", input},
                  {"outputs", outputs},
                  {"packed_bytes", reader.container_size()},
                  {"original_bytes", total},
                  {"seconds", seconds.count()}});
    } else if (common.prints()) {
      print(fmt::format("{}  {} -> {}  {}\n", printable(input), size_text(reader.container_size()),
                        printable(fmt::format("{}", fmt::join(outputs, ", "))), size_text(total)));
      if (common.verbose) print(file_list(reader));
    }
  }

  void unpack_to_stdout(const QcReader& reader) const {
    if (common.json) {
      throw Error(ErrorCode::kUsage, "--json and the model cannot both go to standard output");
    }
    if (const std::size_t files = reader.files().size(); files > 1) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{}: the model has {} files, and standard output takes one; name an "
                              "output file with -o",
                              stream_name(input), files));
    }
    StandardOutput out(common.force);
    naming_errors(stream_name(input), [&] { reader.decode_files({&out}, common.threads, {}); });
  }
};

}  // namespace

void add_unpack_command(CLI::App& app) {
  auto command = std::make_shared<UnpackCommand>();
  CLI::App* sub =
      add_command(app, "unpack", "Give back the model of a .qc file, bit for bit",
                  "qcompress unpack model.qc -o back.onnx   # -o -: to standard output");
  add_input(*sub, command->input, "container", "The .qc file; - for standard input");
  add_common_options(*sub, command->common, Writes::kFile);
  add_base_option(*sub, command->base);
  add_sync_option(*sub, command->common);
  add_limit_options(*sub, command->common.limits);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
