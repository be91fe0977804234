#include "codecs/decode/context_grid.h"

#include "codecs/decode/varint.h"

namespace qc::context {

bool read_grid(ByteReader& in, std::uint64_t count, Grid& grid) noexcept {
  for (std::uint64_t* number : {&grid.columns, &grid.taps, &grid.width, &grid.first}) {
    *number = read_varint(in);
  }
  return in.ok() && grid.columns >= 1 && grid.taps >= 1 && grid.width >= 1 &&
         grid.width <= grid.taps && grid.first <= ~count && grid.columns <= count &&
         grid.taps <= count / grid.columns;
}

}  // namespace qc::context
