#include "formats/qc/write/source_digests.h"

#include <cstddef>
#include <map>

#include "system/parallel.h"

namespace qc {

std::vector<Digest> digest_files(const PackSource& source, unsigned threads) {
  std::vector<Digest> digests(source.files.size());
  parallel_for(digests.size(), threads, [&](std::size_t i) {
    const BytePieces& bytes = source.files[i].bytes;
    Hasher hasher;
    bytes.each(0, bytes.size(), [&](ByteView piece) { hasher.update(piece, source.release); });
    digests[i] = hasher.digest();
  });
  return digests;
}

std::vector<std::optional<Digest>> digest_slots(const PackSource& source, bool all,
                                                unsigned threads) {
  std::map<std::size_t, std::size_t> of_size;  // how many slots
  for (const Slot& slot : source.slots) ++of_size[slot.view.data.size()];
  std::vector<std::optional<Digest>> digests(source.slots.size());
  parallel_for(digests.size(), threads, [&](std::size_t i) {
    const ByteView data = source.slots[i].view.data;
    if (all || of_size.at(data.size()) > 1) digests[i] = xxh3_128(data, source.release);
  });
  return digests;
}

}  // namespace qc
