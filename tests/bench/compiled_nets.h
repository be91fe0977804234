// Networks as programs in C, timed in one program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "emit/c/plan.h"

namespace qc::bench {

/// A call that is timed: of a network, or of a function in C.
struct TimedCall {
  std::string name;               ///< an identifier
  const c::Plan* plan = nullptr;  ///< of the network; null for the function `void NAME(void)`
};

/// Writes the networks and a program that times all calls into `folder`, builds it with the
/// system's compiler for this machine, and runs it there. `functions`: C with those of the calls
/// that are no networks. Gives the median microseconds of each call, which take turns; negative
/// for a function that has set its element of `missing` to 1. Throws std::runtime_error where a
/// program fails.
std::vector<double> time_calls(const std::vector<TimedCall>& calls, const std::string& functions,
                               const std::filesystem::path& folder, int rounds);

/// What the programs are built with.
std::string c_compiler();

}  // namespace qc::bench
