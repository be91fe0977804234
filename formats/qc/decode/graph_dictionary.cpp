#include "formats/qc/decode/graph_dictionary.h"

namespace qc {
namespace {

constexpr std::uint8_t kDictionary[] = {
#include "graph_dictionary.inc"  // made of graph_dictionary.bin
};

}  // namespace

ByteView graph_dictionary() noexcept { return kDictionary; }

}  // namespace qc
