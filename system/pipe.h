// A pipe between processes.
#pragma once

#include "system/descriptor.h"

namespace qc {

/// Both ends of a pipe, which programs that are started do not inherit.
struct Pipe {
  /// Throws Error(kFile) when the system gives none.
  Pipe();

  Descriptor read;
  Descriptor write;
};

}  // namespace qc
