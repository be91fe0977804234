// The dictionary as a page fetches it: compressed to half.
#include <zstd.h>

#include <array>

#include "formats/qc/decode/graph_dictionary.h"

namespace qc {
namespace {

constexpr std::uint8_t kCompressed[] = {
#include "graph_dictionary.inc"  // made of graph_dictionary.bin
};

struct Dictionary {
  std::array<std::uint8_t, 8192> bytes;
  std::size_t size;

  Dictionary() noexcept
      : size(ZSTD_decompress(bytes.data(), bytes.size(), kCompressed, sizeof kCompressed)) {}
};

const Dictionary dictionary;

}  // namespace

ByteView graph_dictionary() noexcept { return {dictionary.bytes.data(), dictionary.size}; }

}  // namespace qc
