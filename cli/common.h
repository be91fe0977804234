// What all subcommands share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "cli/streams.h"
#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "system/file.h"

namespace qc {

/// A signal ended a command early; what was done until then has been written.
class Interruption : public std::runtime_error {
 public:
  Interruption(int signal, const std::string& message)
      : std::runtime_error(message), signal_(signal) {}

  /// What shells show for it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
  int exit_status() const noexcept { return 128 + signal_; }

 private:
  int signal_;
};

/// The flags that every subcommand has.
struct CommonOptions {
  std::string output;
  bool force = false;
  bool no_sync = false;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  unsigned threads = 0;
  ReadLimits limits;
  bool follow_links = false;

  Links links() const noexcept { return follow_links ? Links::kAnywhere : Links::kInside; }
  Overwrite overwrite() const noexcept { return force ? Overwrite::kReplace : Overwrite::kRefuse; }
  Sync sync() const noexcept { return no_sync ? Sync::kLater : Sync::kToDisk; }
  /// The output goes to standard output: -o -.
  bool to_stdout() const noexcept { return is_standard_stream(output); }
  /// Text for people goes to standard output: not with --json or -q, nor where the output does.
  bool prints() const noexcept { return !json && !quiet && !to_stdout(); }
  /// The output path: -o, or `otherwise`. Throws Error(kUsage) for -o -.
  std::filesystem::path output_or(const std::filesystem::path& otherwise) const;
};

/// Adds a subcommand with an example at the end of its help.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& help,
                      const std::string& example);

/// Which of the flags a subcommand takes.
enum class Writes { kNothing, kFile };

/// Adds -o and -f (for commands that write a file), --json, -q, -v and -j.
void add_common_options(CLI::App& command, CommonOptions& options, Writes writes);

/// Adds --follow-links, for commands that read models.
void add_links_option(CLI::App& command, CommonOptions& options);

/// Adds --no-sync.
void add_sync_option(CLI::App& command, CommonOptions& options);

/// Adds --max-memory, for commands that read containers.
void add_memory_limit_option(CLI::App& command, ReadLimits& limits);

/// Adds --max-memory and --max-size, for commands that decode containers.
void add_limit_options(CLI::App& command, ReadLimits& limits);

/// Adds the second of them, which sets `bytes`.
void add_max_size_option(CLI::App& command, std::uint64_t& bytes);

/// Adds an option that sets `bytes` to a size such as 2GiB.
CLI::Option* add_size_option(CLI::App& command, const std::string& name, std::uint64_t& bytes,
                             const std::string& help);

/// Adds --max-memory, which sets `bytes`.
CLI::Option* add_max_memory_option(CLI::App& command, std::uint64_t& bytes,
                                   const std::string& help);

/// Adds the positional input file.
void add_input(CLI::App& command, std::string& path, const std::string& name,
               const std::string& help);

/// "model.onnx" with ".qc" for its extension and so on; the folder stays.
std::filesystem::path with_extension(const std::filesystem::path& path,
                                     const std::string& extension);

/// Prints lines to standard output, as printable_lines() has them: names from files that are part
/// of a line go through printable() before. Throws as write_to_stdout() does.
void print(const std::string& text);

/// The same while work is under way, which ends as it would if this fails: a later print() tells.
void print_progress(const std::string& text) noexcept;

/// Prints a JSON document and a newline. Strings that are not UTF-8 are repaired.
void print_json(const nlohmann::ordered_json& document);

/// Text of an error, a warning or a file: printable, and with lines after the first indented, so
/// that none passes for a line of the program's own.
std::string indented_lines(std::string_view text);

/// Prints "warning: ..." to standard error.
void warn(const std::string& text);

/// Warns of files that could not be removed, and that nobody needs any more.
void warn_of_left(const std::vector<std::filesystem::path>& files);

/// The files of a packed model with sizes and checksums, a line each.
std::string file_list(const QcReader& reader);

/// True when the file starts like a .qc container. Throws Error(kFile) when it cannot be read.
bool is_qc_file(const std::filesystem::path& path);

/// Throws an error again with the path in front of its message, so that it says which file. Errors
/// of files stay as they are: they name the file that could not be read or written.
[[noreturn]] void throw_named(const std::filesystem::path& path, const Error& error);

/// What the body returns. An error that it throws is thrown by throw_named() instead: the body
/// opens no file whose opening names it.
template <typename Body>
auto naming_errors(const std::filesystem::path& path, const Body& body) {
  try {
    return body();
  } catch (const Error& error) {
    throw_named(path, error);
  }
}

/// A container in a file or, where the input is "-", in the bytes of standard input, which must
/// outlive it. Errors name it.
QcReader open_container(const std::string& input, ByteView stdin_bytes, const ReadLimits& limits);

/// What an error of the system means to the user: kFile where a file is named, kLimit for a thread
/// that cannot be started, else kInternal.
Error error_of(const std::system_error& failure);

/// Without links, from the root; the end of it need not exist.
std::filesystem::path resolved(const std::filesystem::path& path);

/// Whether both paths name one file, or would once it is there.
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b);

/// Throws Error(kUsage) when an output is an input, which would be lost.
void require_different(const std::filesystem::path& input, const std::filesystem::path& output);

/// Throws Error(kUsage) when the file of a flag is the output itself.
void require_other_output(const std::filesystem::path& output, std::string_view flag,
                          const std::filesystem::path& file);

}  // namespace qc
