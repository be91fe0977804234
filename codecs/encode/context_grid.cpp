#include "codecs/encode/context_grid.h"

namespace qc::context {

Grid context_grid(const Grid& grid, std::uint64_t count) noexcept {
  constexpr std::uint64_t kFewestRows = 8;
  if (grid.columns > count || grid.taps > count || grid.columns * grid.taps * kFewestRows > count) {
    return {1, 1, 1, 0};
  }
  return grid;
}

void write_grid(const Grid& grid, Bytes& out) {
  for (const std::uint64_t number : {grid.columns, grid.taps, grid.width, grid.first}) {
    append_varint(out, number);
  }
}

}  // namespace qc::context
