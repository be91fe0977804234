// qcompress test: is a .qc file whole?
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/base_files.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/text.h"
#include "formats/qc/read/qc_reader.h"
#include "system/printable.h"
#include "system/progress.h"

namespace qc {
namespace {

struct TestCommand {
  CommonOptions common;
  std::string input;
  std::vector<std::string> base;

  void run() const {
    const Bytes stdin_bytes = is_standard_stream(input) ? read_standard_input() : Bytes();
    QcReader reader = open_container(input, stdin_bytes, common.limits);
    BaseFiles base_files(common.limits, common.threads);
    naming_errors(stream_name(input), [&] { base_files.give_to(reader, base); });
    const std::uint64_t total = reader.model_size();
    const std::size_t files = reader.files().size();
    {
      Progress progress("testing", total, common.prints());
      naming_errors(stream_name(input), [&] {
        reader.decode_files(std::vector<ByteSink*>(files, nullptr), common.threads,
                            [&](std::uint64_t bytes) { progress.advance(bytes); });
      });
    }
    if (common.json) {
      print_json({{"schema", "qcompress.test/1"},
                  {"input", input},
                  {"ok", true},
                  {"files", files},
                  {"original_bytes", total}});
    } else if (common.prints()) {
      print(fmt::format("{}  ok: {} decoded to {}, every checksum matches\n",
                        printable(stream_name(input)), plural(files, "file"), size_text(total)));
      if (common.verbose) print(file_list(reader));
    }
  }
};

}  // namespace

void add_test_command(CLI::App& app) {
  auto command = std::make_shared<TestCommand>();
  CLI::App* sub = add_command(app, "test", "Decode a .qc file and check every checksum",
                              "qcompress test model.qc");
  add_input(*sub, command->input, "container", "The .qc file; - for standard input");
  add_common_options(*sub, command->common, Writes::kNothing);
  add_base_option(*sub, command->base);
  add_limit_options(*sub, command->common.limits);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
