// How to pack, as parameters: flags of `pack` and keys of a recipe's [pack] table alike.
#pragma once

#include <span>

#include "codecs/encode/layout.h"
#include "passes/params.h"

namespace qc {

/// --huffman, --fast, --max, --layout, --gap-bits, --gaps.
std::span<const ParamSpec> pack_params();

/// Throws Error(kUsage) for flags that exclude each other.
EncodeOptions encode_options(const Params& params);

}  // namespace qc
