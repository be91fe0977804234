// The rows of the table of stages, each defined in its own file under stages/.
#pragma once

#include "codecs/decode/stage_table.h"
#include "codecs/encode/stage.h"

namespace qc {

extern const StageEncoder kBitpackEncoder;
extern const StageEncoder kHuffmanEncoder;
extern const StageEncoder kRansEncoder;
extern const StageEncoder kRadixEncoder;
extern const StageEncoder kZstdEncoder;

}  // namespace qc
