// The rows of the table of layouts, each defined in its own file under layouts/.
#pragma once

#include "codecs/decode/layout_table.h"
#include "codecs/encode/layout.h"

namespace qc {

extern const LayoutEncoder kRawEncoder;
extern const LayoutEncoder kPlanesEncoder;
extern const LayoutEncoder kNarrowEncoder;
extern const LayoutEncoder kConstantEncoder;
extern const LayoutEncoder kPaletteEncoder;
extern const LayoutEncoder kChannelPaletteEncoder;
extern const LayoutEncoder kCsrEncoder;
extern const LayoutEncoder kBitmapEncoder;
extern const LayoutEncoder kLevelsEncoder;
extern const LayoutEncoder kContextPaletteEncoder;
extern const LayoutEncoder kContextFloatsEncoder;
extern const LayoutEncoder kRepeatsEncoder;

}  // namespace qc
