// The programs that are compared, as they are started from a command line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "harness.h"

namespace qc::bench {

/// A command line and the file that it writes.
struct Command {
  std::string text;  ///< in a table
  std::filesystem::path program;
  std::vector<std::string> args;
  std::filesystem::path output;
};

/// qcompress on one thread. `words` are what a table shows: the subcommand and its flags.
Command qcompress_command(const std::vector<std::string>& words, const std::filesystem::path& input,
                          const std::filesystem::path& output);

/// zstd on one thread, likewise.
Command zstd_command(const std::vector<std::string>& words, const std::filesystem::path& input,
                     const std::filesystem::path& output);

/// xz or brotli, which name no output of their own: it is what they print.
Command stream_command(const std::string& program, const std::vector<std::string>& words,
                       const std::filesystem::path& input);

/// How many bytes such a program makes of some bytes.
std::uint64_t compressed_size(const std::string& program, const std::vector<std::string>& words,
                              ByteView bytes);

/// Runs it to its end. Throws std::runtime_error with what it printed when it fails.
harness::RunResult run_command(const Command& command);

/// What qcompress prints with --json. Throws std::runtime_error where it prints none; a gate that
/// was missed is no failure.
nlohmann::json run_json(std::vector<std::string> args);

/// The pictures of CIFAR-10 in ../shared, unpacked into `folder`. Gives their folder.
std::filesystem::path unpack_cifar(const std::filesystem::path& shared,
                                   const std::filesystem::path& folder);

}  // namespace qc::bench
