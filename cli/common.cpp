#include "cli/common.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "formats/signatures/qc_magic.h"
#include "system/byte_size.h"
#include "system/printable.h"
#include "system/standard_streams.h"

namespace qc {

std::filesystem::path CommonOptions::output_or(const std::filesystem::path& otherwise) const {
  if (to_stdout()) {
    throw Error(ErrorCode::kUsage,
                "only pack and unpack write to standard output; name an output file with -o");
  }
  return output.empty() ? otherwise : std::filesystem::path(output);
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& help,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, help);
  command->footer(fmt::format("Example:\n  {}", example));
  return command;
}

void add_common_options(CLI::App& command, CommonOptions& options, Writes writes) {
  if (writes == Writes::kFile) {
    command.add_option("-o,--output", options.output, "Write to this file instead")
        ->type_name("FILE");
    command.add_flag("-f,--force", options.force, "Overwrite an output that exists");
  }
  command.add_flag("--json", options.json, "Print the result as JSON");
  command.add_flag("-q,--quiet", options.quiet, "Print nothing but errors");
  command.add_flag("-v,--verbose", options.verbose, "Print more");
  command.add_option("-j,--threads", options.threads, "Threads; 0 takes one per core")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
}

void add_links_option(CLI::App& command, CommonOptions& options) {
  command.add_flag("--follow-links", options.follow_links,
                   "Read external data through links that lead out of the model's folder");
}

void add_sync_option(CLI::App& command, CommonOptions& options) {
  command.add_flag("--no-sync", options.no_sync,
                   "Do not wait for the disk: a crash of the machine may lose the output");
}

CLI::Option* add_size_option(CLI::App& command, const std::string& name, std::uint64_t& bytes,
                             const std::string& help) {
  const auto set = [&bytes, name](const std::string& text) {
    try {
      bytes = parse_byte_size(text);
    } catch (const Error& error) {
      throw CLI::ValidationError(name, error.what());
    }
  };
  return command.add_option_function<std::string>(name, set, help)->type_name("SIZE");
}

CLI::Option* add_max_memory_option(CLI::App& command, std::uint64_t& bytes,
                                   const std::string& help) {
  return add_size_option(command, "--max-memory", bytes, help);
}

void add_max_size_option(CLI::App& command, std::uint64_t& bytes) {
  add_size_option(command, "--max-size", bytes,
                  "Bytes of the model that a container may hold (default: 1000 times its own, or "
                  "128 MiB)");
}

void add_memory_limit_option(CLI::App& command, ReadLimits& limits) {
  add_max_memory_option(command, limits.memory,
                        "Memory that reading a container may take (default: 1000 times its size or "
                        "128 MiB, at most a quarter of the machine's)");
}

void add_limit_options(CLI::App& command, ReadLimits& limits) {
  add_memory_limit_option(command, limits);
  add_max_size_option(command, limits.model);
}

void add_input(CLI::App& command, std::string& path, const std::string& name,
               const std::string& help) {
  command.add_option(name, path, help)->required()->type_name("FILE");
}

std::filesystem::path with_extension(const std::filesystem::path& path,
                                     const std::string& extension) {
  std::filesystem::path out = path;
  return out.replace_extension(extension);
}

void print(const std::string& text) { write_to_stdout(as_bytes(printable_lines(text))); }

void print_progress(const std::string& text) noexcept {
  // What fails now fails at the end too, where it is told.
  write_all(STDOUT_FILENO, as_bytes(printable_lines(text)));
}

void print_json(const nlohmann::ordered_json& document) {
  const auto text = document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  write_to_stdout(as_bytes(printable_json(text) + "\n"));
}

std::string indented_lines(std::string_view text) {
  std::string lines;
  for (const char c : printable_lines(text)) {
    if (!lines.empty() && lines.back() == '\n' && c != ' ') lines += "  ";
    lines += c;
  }
  return lines;
}

void warn(const std::string& text) {
  print_error(fmt::format("warning: {}\n", indented_lines(text)));
}

void warn_of_left(const std::vector<std::filesystem::path>& files) {
  for (const std::filesystem::path& file : files) {
    warn(fmt::format("{} cannot be removed; it is of no use any more", file.string()));
  }
}

std::string file_list(const QcReader& reader) {
  std::string text;
  for (const QcFile& file : reader.files()) {
    text += fmt::format("  {}  {} bytes  XXH3-128 {:02x}\n", printable(file.path), file.size,
                        fmt::join(file.digest, ""));
  }
  return text;
}

bool is_qc_file(const std::filesystem::path& path) { return is_qc(MappedFile(path).bytes()); }

void throw_named(const std::filesystem::path& path, const Error& error) {
  if (error.code() == ErrorCode::kFile) throw error;
  throw Error(error.code(), fmt::format("{}: {}", path.string(), error.what()));
}

QcReader open_container(const std::string& input, ByteView stdin_bytes, const ReadLimits& limits) {
  if (!is_standard_stream(input)) return QcReader::open(input, limits);
  return naming_errors(stream_name(input),
                       [&] { return QcReader::from_bytes(stdin_bytes, limits); });
}

Error error_of(const std::system_error& failure) {
  const std::string reason = failure.code().message();
  if (const auto* of_file = dynamic_cast<const std::filesystem::filesystem_error*>(&failure)) {
    return {ErrorCode::kFile, fmt::format("cannot read {}: {}", of_file->path1().string(), reason)};
  }
  if (failure.code() == std::errc::resource_unavailable_try_again) {
    return {ErrorCode::kLimit, "no thread can be started; -j 1 needs fewer"};
  }
  return {ErrorCode::kInternal, fmt::format("internal error: {}", failure.what())};
}

std::filesystem::path resolved(const std::filesystem::path& path) {
  return std::filesystem::weakly_canonical(std::filesystem::absolute(path));
}

bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) || resolved(a) == resolved(b);
}

void require_different(const std::filesystem::path& input, const std::filesystem::path& output) {
  if (is_same_file(input, output)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} is the input; name another output", output.string()));
  }
}

void require_other_output(const std::filesystem::path& output, std::string_view flag,
                          const std::filesystem::path& file) {
  if (is_same_file(output, file)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("{} {} is the output itself; name another file", flag, file.string()));
  }
}

}  // namespace qc
