// Models as programs in C: written, built with the system's compiler, and run.
#pragma once

#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "emit/c/planner.h"
#include "formats/onnx/onnx_model.h"
#include "harness.h"

namespace qc::test {

/// Why no program can be built; empty when it can.
std::string missing_compiler();

/// What a program is built with beside warnings as errors: the vector instructions of this machine,
/// or sanitizers, and once more as C++.
enum class Checks { kWarnings, kNative, kAll };

class CompiledModel {
 public:
  /// Writes and builds the program.
  /// Throws Error where the model is refused, and std::runtime_error where a compiler complains.
  explicit CompiledModel(const OnnxModel& model, const c::PlanOptions& options = {},
                         Checks checks = Checks::kAll);

  /// Floats of every width come and go as float32. Throws std::runtime_error where the program
  /// fails.
  std::vector<HostTensor> run(const std::vector<HostTensor>& inputs) const;

  const c::Plan& plan() const { return plan_; }

 private:
  void build(Checks checks);

  c::Plan plan_;
  harness::TempDir folder_;
};

}  // namespace qc::test
