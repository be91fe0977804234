// The one exception type of the project.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "core/error_code.h"

namespace qc {

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
