#include "pipeline/score_memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "formats/qc/decode/checksum.h"

namespace qc {

std::string model_digest(const OnnxModel& model) {
  Hasher hasher;
  for (const ModelFile& file : model.files()) {
    const std::string label = fmt::format("{}\n{}\n", file.relative.string(), file.bytes.size());
    hasher.update(as_bytes(label));
    file.bytes.each(0, file.bytes.size(), [&](ByteView piece) { hasher.update(piece); });
  }
  return fmt::format("{:02x}", fmt::join(hasher.digest(), ""));
}

const Score& ScoreMemory::score_of(const OnnxModel& model, std::string_view data,
                                   const std::function<Score()>& evaluate) {
  const std::string key = fmt::format("{} {}", model_digest(model), data);
  const auto known = scores_.find(key);
  return known != scores_.end() ? known->second : scores_.emplace(key, evaluate()).first->second;
}

}  // namespace qc
