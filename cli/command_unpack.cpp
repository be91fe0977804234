// qcompress unpack: .qc -> .onnx, byte for byte what was packed
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/text.h"
#include "core/progress.h"
#include "formats/qc_reader.h"

namespace qc {
namespace {

struct UnpackCommand {
  CommonOptions common;
  std::string input;

  void run() const {
    const QcReader reader = QcReader::open(input);
    const std::filesystem::path target = common.output_or(with_extension(input, ".onnx"));
    require_different(input, target);
    std::uint64_t total = 0;
    for (const ManifestFile& file : reader.manifest().files) total += file.size;
    const auto start = std::chrono::steady_clock::now();
    {
      Progress progress("unpacking", total, common.prints());
      naming_errors(input, [&] {
        reader.unpack(target, common.overwrite(), common.threads,
                      [&](std::uint64_t bytes) { progress.advance(bytes); });
      });
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::vector<std::string> outputs = {target.string()};
    for (std::size_t i = 1; i < reader.manifest().files.size(); ++i) {
      outputs.push_back((target.parent_path() / reader.manifest().files[i].path).string());
    }
    if (common.json) {
      print_json({{"schema", "qcompress.unpack/1"},
                  {"input", input},
                  {"outputs", outputs},
                  {"packed_bytes", reader.container_size()},
                  {"original_bytes", total},
                  {"seconds", seconds.count()}});
    } else if (common.prints()) {
      print(fmt::format("{}  {} -> {}  {}\n", input, size_text(reader.container_size()),
                        fmt::join(outputs, ", "), size_text(total)));
      if (common.verbose) print(file_list(reader));
    }
  }
};

}  // namespace

void add_unpack_command(CLI::App& app) {
  auto command = std::make_shared<UnpackCommand>();
  CLI::App* sub = add_command(app, "unpack", "Give back the model of a .qc file, bit for bit",
                              "qcompress unpack model.qc -o back.onnx");
  add_input(*sub, command->input, "container", "The .qc file");
  add_common_options(*sub, command->common, Writes::kFile);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
