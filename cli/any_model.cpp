#include "cli/any_model.h"

#include "cli/common.h"
#include "formats/packed/pack_model.h"

namespace qc {

OnnxModel unpacked_model(const QcReader& reader, unsigned threads) {
  return OnnxModel::from_memory(reader.decode_to_memory(threads), reader.limits().memory);
}

OnnxModel open_any_model(const std::filesystem::path& path, unsigned threads,
                         const ReadLimits& limits, Links links) {
  if (!is_qc_file(path)) return OnnxModel::open(path, links);
  return unpacked_model(QcReader::open(path, limits), threads);
}

AnyContainer::AnyContainer(const std::filesystem::path& path, unsigned threads,
                           const ReadLimits& limits, Links links)
    : packed_now_(!is_qc_file(path)) {
  if (packed_now_) {
    PackOptions options;
    options.encode = presets::kDefault;  // as pack does
    options.threads = threads;
    pack_model(OnnxModel::open(path, links), options, packed_);
    reader_.emplace(QcReader::from_bytes(packed_.bytes(), ReadLimits::none()));
  } else {
    reader_.emplace(QcReader::open(path, limits));
  }
}

}  // namespace qc
