#include "programs.h"

#include <fmt/format.h>

#include <stdexcept>

namespace qc::bench {
namespace {

constexpr std::chrono::hours kHang{2};

Command make_command(const std::filesystem::path& program, const std::vector<std::string>& words,
                     const std::vector<std::string>& more, const std::filesystem::path& input,
                     const std::filesystem::path& output) {
  Command command{fmt::format("{} {}", program.filename().string(), fmt::join(words, " ")), program,
                  words, output};
  command.args.insert(command.args.end(), more.begin(), more.end());
  command.args.insert(command.args.end(), {"-q", "-f", "-o", output.string(), input.string()});
  return command;
}

}  // namespace

Command qcompress_command(const std::vector<std::string>& words, const std::filesystem::path& input,
                          const std::filesystem::path& output) {
  return make_command(harness::program(), words, {"-j1"}, input, output);
}

Command zstd_command(const std::vector<std::string>& words, const std::filesystem::path& input,
                     const std::filesystem::path& output) {
  return make_command("zstd", words, {"--single-thread"}, input, output);
}

Command stream_command(const std::string& program, const std::vector<std::string>& words,
                       const std::filesystem::path& input) {
  Command command{fmt::format("{} {}", program, fmt::join(words, " ")), program, words, {}};
  command.args.insert(command.args.end(), {"-c", input.string()});
  return command;
}

std::uint64_t compressed_size(const std::string& program, const std::vector<std::string>& words,
                              ByteView bytes) {
  const harness::TempDir temp;
  harness::write_file(temp / "bytes", std::string(as_text(bytes)));
  return run_command(stream_command(program, words, temp / "bytes")).out.size();
}

harness::RunResult run_command(const Command& command) {
  harness::RunOptions options;
  options.program = command.program;
  options.timeout = kHang;
  harness::RunResult result = harness::run(command.args, options);
  if (result.exit_code != 0) {
    throw std::runtime_error(fmt::format("{} failed: {}{}", command.text, result.out, result.err));
  }
  return result;
}

nlohmann::json run_json(std::vector<std::string> args) {
  harness::RunOptions options;
  options.timeout = kHang;
  args.emplace_back("--json");
  const harness::RunResult result = harness::run(args, options);
  if (result.out.empty()) throw std::runtime_error(result.err);
  return nlohmann::json::parse(result.out);
}

std::filesystem::path unpack_cifar(const std::filesystem::path& shared,
                                   const std::filesystem::path& folder) {
  const std::filesystem::path archive = shared / "data" / "cifar10-jpeg" / "cifar10-jpeg.tar.xz";
  run_command({"tar", "tar", {"-xJf", archive, "-C", folder}, {}});
  return folder / "cifar10-jpeg";
}

}  // namespace qc::bench
