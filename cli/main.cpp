// The command line of qcompress.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <new>
#include <span>
#include <sstream>
#include <system_error>

#include "cli/common.h"
#include "cli/program.h"
#include "cli/usage_errors.h"
#include "cli/version.h"
#include "core/error.h"
#include "system/mapped_file.h"
#include "system/page_buffer.h"
#include "system/printable.h"
#include "system/standard_streams.h"

namespace {

constexpr int kUsage = static_cast<int>(qc::ErrorCode::kUsage);
constexpr int kFile = static_cast<int>(qc::ErrorCode::kFile);

int report(const std::string& message, qc::ErrorCode code) {
  qc::print_error(fmt::format("qcompress: {}\n", qc::indented_lines(message)));
  return static_cast<int>(code);
}

// As a program ends that does not look after SIGPIPE.
int end_without_reader() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  return kFile;
}

int run(int argc, char** argv) {
  CLI::App app("Makes trained neural networks small, and shows where every byte went.",
               "qcompress");
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  app.set_version_flag(
      "--version", [arguments] { return qc::version_text(QC_VERSION, arguments); },
      "Print the version and exit; with --json also that of the format");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  app.footer(
      "Example:\n"
      "  qcompress prune --rate 0.9 model.onnx\n"
      "  qcompress share --bits 5 model.pruned.onnx\n"
      "  qcompress pack --huffman model.pruned.shared.onnx\n"
      "  qcompress inspect model.pruned.shared.qc\n"
      "\n"
      "Exit status: 0 fine, 1 internal error, 2 usage, 3 file, 4 corrupt input,\n"
      "5 unsupported, 6 limit, 7 gate missed (accuracy, size); interrupted: 130 by Ctrl-C, 143 by\n"
      "SIGTERM, 129 by SIGHUP.");
  qc::add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    std::ostringstream help;
    const int status = app.exit(success, help, help);
    qc::print(help.str());
    return status;
  } catch (const CLI::ParseError& error) {
    qc::print_error(qc::printable_lines(qc::usage_message(app, error)));
    return kUsage;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (!qc::occupy_standard_streams()) return kFile;
  // A write beyond a limit or to a closed pipe is an error to report, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  qc::report_lost_mappings();
  qc::keep_freed_memory();
  try {
    qc::hand_over(argv);
    return run(argc, argv);
  } catch (const qc::Error& error) {
    return report(error.what(), error.code());
  } catch (const qc::Interruption& interruption) {
    qc::print_error(fmt::format("qcompress: {}\n", qc::indented_lines(interruption.what())));
    return interruption.exit_status();
  } catch (const qc::ReaderGone&) {
    return end_without_reader();
  } catch (const std::bad_alloc&) {
    return report("out of memory; fewer threads (-j 1) need less", qc::ErrorCode::kLimit);
  } catch (const std::system_error& failure) {
    const qc::Error error = qc::error_of(failure);
    return report(error.what(), error.code());
  } catch (const std::exception& error) {
    return report(fmt::format("internal error: {}", error.what()), qc::ErrorCode::kInternal);
  }
}
