#include "cli/any_model.h"

#include "cli/common.h"
#include "formats/qc_reader.h"

namespace qc {

OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links) {
  if (!is_qc_file(path)) return OnnxModel::open(path, links);
  const QcReader reader = QcReader::open(path, limits);
  return OnnxModel::from_memory(reader.decode_to_memory(threads), reader.limits().memory);
}

}  // namespace qc
