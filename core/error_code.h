// What can go wrong, for code with and without exceptions.
#pragma once

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

}  // namespace qc
