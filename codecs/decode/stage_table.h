// The rows of the table of stages, each defined in its own file under stages/.
#pragma once

#include "codecs/decode/stage.h"

namespace qc {

extern const StageDecoder kBitpackDecoder;
extern const StageDecoder kHuffmanDecoder;
extern const StageDecoder kRansDecoder;
extern const StageDecoder kRadixDecoder;
extern const StageDecoder kZstdDecoder;

}  // namespace qc
