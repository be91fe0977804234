// How to pack, as parameters: flags of `pack` and keys of a recipe's [pack] table alike.
#pragma once

#include <span>

#include "codecs/layout.h"
#include "passes/params.h"

namespace qc {

/// --huffman, --layout, --gap-bits, --gaps.
std::span<const ParamSpec> pack_params();

EncodeOptions encode_options(const Params& params);

}  // namespace qc
