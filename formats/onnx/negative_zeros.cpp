#include "formats/onnx/negative_zeros.h"

#include <fmt/format.h>

#include "graph/zero_signs.h"
#include "system/parallel.h"

namespace qc {
namespace {

// Tensors may share external data: who reads the same bytes as a tensor and may look at signs.
std::string reader_of_same_bytes(const OnnxModel& model, const std::vector<std::string>& readers,
                                 std::size_t tensor) {
  const TensorInfo& mine = model.tensors()[tensor];
  for (std::size_t i = 0; i < readers.size(); ++i) {
    const TensorInfo& other = model.tensors()[i];
    const bool apart = i == tensor || other.storage == Storage::kNone || other.file != mine.file ||
                       other.offset >= mine.offset + mine.size ||
                       mine.offset >= other.offset + other.size;
    if (apart) continue;
    const bool same =
        other.offset == mine.offset && other.size == mine.size && other.type == mine.type;
    if (!same || !readers[i].empty()) return fmt::format("{}, which has the same data", other.name);
  }
  return "";
}

}  // namespace

std::vector<NegativeZeros> find_negative_zeros(const OnnxModel& model, unsigned threads) {
  const std::vector<TensorInfo>& tensors = model.tensors();
  std::vector<ZeroCount> counts(tensors.size());
  parallel_for(tensors.size(), threads, [&](std::size_t i) {
    if (!tensors[i].has_values()) return;
    const ByteView payload = model.payload(tensors[i]);
    counts[i] = count_zeros(tensors[i].type, payload);
    model.release(payload);
  });
  std::vector<NegativeZeros> found;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].negative > 0) found.push_back({i, counts[i], ""});
  }
  if (found.empty()) return found;
  const std::vector<std::string> readers = zero_sign_readers(*model.graph(), tensors.size());
  for (NegativeZeros& one : found) {
    one.reader = readers[one.tensor];
    if (one.reader.empty()) one.reader = reader_of_same_bytes(model, readers, one.tensor);
  }
  return found;
}

ZeroCount removable_zeros(const std::vector<NegativeZeros>& found, double& sign_bytes) {
  ZeroCount sum;
  sign_bytes = 0;
  for (const NegativeZeros& one : found) {
    if (!one.reader.empty()) continue;
    sum += one.zeros;
    sign_bytes += one.zeros.sign_bytes();
  }
  return sum;
}

}  // namespace qc
