// How a network becomes a program in C, on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "emit/c/planner.h"

namespace qc {

struct PlanFlags {
  std::string goal = "size";
  std::string form;
  std::vector<std::string> shapes;

  /// Throws Error(kUsage) for shapes that are none.
  c::PlanOptions options() const;
};

/// Adds --optimize, --form and --shape.
void add_plan_flags(CLI::App& command, PlanFlags& flags);

}  // namespace qc
