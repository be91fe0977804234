// The one exception type of the project and the exit codes it maps to.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace qc {

/// What went wrong; the values are the exit codes of the command line.
enum class ErrorCode : int {
  kInternal = 1,     ///< a bug in qcompress
  kUsage = 2,        ///< wrong flags or arguments
  kFile = 3,         ///< a file is missing, unreadable, unwritable, or exists already
  kCorrupt = 4,      ///< the input is damaged, hostile or not of the kind it claims to be
  kUnsupported = 5,  ///< well-formed, but of a version or form that is not handled
  kLimit = 6,        ///< beyond a documented limit
  kGate = 7,         ///< an accuracy gate was missed
};

/// An error with its code and a message that says what, where and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}

  ErrorCode code() const noexcept { return code_; }
  int exit_status() const noexcept { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

}  // namespace qc
