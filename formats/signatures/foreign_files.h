// Files of other frameworks, which people hand to a program for ONNX models.
#pragma once

#include <string>

#include "core/bytes.h"

namespace qc {

/// What a file is and how to make an ONNX model of it, where its first bytes (and of an archive its
/// directory) are those of a known format: "a PyTorch checkpoint; ...". Empty for any other.
std::string foreign_format(ByteView bytes);

}  // namespace qc
