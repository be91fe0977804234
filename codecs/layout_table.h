// The rows of the layout table, each defined in its own file under layouts/.
#pragma once

#include "codecs/layout.h"

namespace qc {

extern const Layout kRawLayout;
extern const Layout kPlanesLayout;
extern const Layout kNarrowLayout;
extern const Layout kConstantLayout;
extern const Layout kPaletteLayout;
extern const Layout kChannelPaletteLayout;
extern const Layout kCsrLayout;
extern const Layout kBitmapLayout;
extern const Layout kLevelsLayout;
extern const Layout kContextPaletteLayout;
extern const Layout kContextFloatsLayout;
extern const Layout kRepeatsLayout;

}  // namespace qc
