#pragma once

#include <memory>
#include <span>

#include "emit/c/plan.h"

namespace qc {

/// A plan as a program in C, built by the system's compiler as a shared library and loaded.
class ProgramLibrary {
 public:
  /// The compiler is $CC, or cc. Throws Error(kFile) that quotes it where it is missing or fails,
  /// and where the library cannot be loaded.
  explicit ProgramLibrary(const c::Plan& plan);

  /// Runs the network. Inputs and outputs are arrays in the order of the plan's, with its types in
  /// C. Throws Error(kInternal) where the program says that it failed.
  void run(std::span<const void* const> inputs, std::span<void* const> outputs);

 private:
  using Run = int (*)(const void* const* inputs, void* const* outputs);
  struct Closer {
    void operator()(void* handle) const noexcept;
  };

  std::unique_ptr<void, Closer> handle_;
  Run run_ = nullptr;
};

}  // namespace qc
