// Standard input and output as files: "-" on the command line.
#pragma once

#include <exception>
#include <string>

#include "system/file.h"

namespace qc {

/// True for "-".
bool is_standard_stream(const std::string& path) noexcept;

/// How messages name the input: its path, or "standard input".
std::string stream_name(const std::string& path);

/// All of standard input. Throws Error: kUsage when it is a terminal, kFile when reading fails.
Bytes read_standard_input();

/// Nobody reads standard output any more, which ends a program without a message.
class ReaderGone final : public std::exception {
 public:
  const char* what() const noexcept override { return "nobody reads standard output"; }
};

/// Writes to standard output. Throws Error(kFile) when that fails, and ReaderGone.
void write_to_stdout(ByteView bytes);

/// Standard output as an output file. What was written cannot be taken back.
class StandardOutput final : public ByteSink {
 public:
  /// Throws Error(kUsage) when it is a terminal, unless `force` says that bytes may go there.
  explicit StandardOutput(bool force);
  /// Throws as write_to_stdout() does.
  void write(ByteView bytes) override;
  void restart() override;
};

}  // namespace qc
