// Failures of the decoder as exceptions.
#pragma once

#include "formats/qc/decode/container_failure.h"

namespace qc {

/// Throws the Error of a failure that is one, with what users of the program can do about it.
[[noreturn]] void throw_failure(const ContainerFailure& failure);

}  // namespace qc
