#include "cli/any_model.h"

#include "cli/common.h"
#include "formats/qc_reader.h"

namespace qc {

OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads) {
  if (!is_qc_file(path)) return OnnxModel::open(path);
  return OnnxModel::from_memory(QcReader::open(path).decode_to_memory(threads));
}

}  // namespace qc
