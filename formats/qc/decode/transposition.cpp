#include "formats/qc/decode/transposition.h"

#include <cstring>

#include "codecs/shared/element.h"

namespace qc {

bool Transposition::fits(std::uint64_t size) const noexcept {
  if ((width != 1 && width != 2 && width != 4 && width != 8) || rows == 0 || columns == 0) {
    return false;
  }
  // Divisions: hostile numbers must not overflow.
  if (rows > size / width || columns > size / width / rows) return false;
  return size % (rows * columns * width) == 0;
}

void transpose(ByteView source, const Transposition& how, MutableBytes out) noexcept {
  with_width(static_cast<unsigned>(how.width), [&]<typename T>() {
    for_each_transposed(source.size() / sizeof(T), how, [&](std::uint64_t from, std::uint64_t to) {
      std::memcpy(out.data() + to * sizeof(T), source.data() + from * sizeof(T), sizeof(T));
      return true;
    });
  });
}

}  // namespace qc
