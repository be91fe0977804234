// Runs networks as the programs in C that are written for them.
#pragma once

#include <memory>

#include "emit/c/planner.h"
#include "engine/engine.h"

namespace qc {

/// An engine whose networks are built by the system's compiler of C. An input has one shape, from
/// the graph or `options`. load() throws Error as make_plan() and ProgramLibrary do. The networks
/// run and evaluate; what else a Network does throws Error(kUnsupported).
std::unique_ptr<Engine> compiled_engine(c::PlanOptions options);

}  // namespace qc
