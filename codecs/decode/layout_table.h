// The rows of the table of layouts, each defined in its own file under layouts/.
#pragma once

#include "codecs/decode/layout.h"

namespace qc {

extern const LayoutDecoder kRawDecoder;
extern const LayoutDecoder kPlanesDecoder;
extern const LayoutDecoder kNarrowDecoder;
extern const LayoutDecoder kConstantDecoder;
extern const LayoutDecoder kPaletteDecoder;
extern const LayoutDecoder kChannelPaletteDecoder;
extern const LayoutDecoder kCsrDecoder;
extern const LayoutDecoder kBitmapDecoder;
extern const LayoutDecoder kLevelsDecoder;
extern const LayoutDecoder kContextPaletteDecoder;
extern const LayoutDecoder kContextFloatsDecoder;
extern const LayoutDecoder kRepeatsDecoder;

}  // namespace qc
