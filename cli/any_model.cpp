#include "cli/any_model.h"

#include "cli/common.h"

namespace qc {

OnnxModel unpacked_model(const QcReader& reader, unsigned threads) {
  return OnnxModel::from_memory(reader.decode_to_memory(threads), reader.limits().memory);
}

OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links) {
  if (!is_qc_file(path)) return OnnxModel::open(path, links);
  return unpacked_model(QcReader::open(path, limits), threads);
}

}  // namespace qc
