// A container unpacked to files on the disk.
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "core/error.h"
#include "formats/checksum.h"
#include "formats/qc_reader.h"

namespace qc {

void QcReader::unpack(const std::filesystem::path& path, Overwrite overwrite, unsigned threads,
                      const ProgressFunction& progress, Sync sync) const {
  std::vector<std::unique_ptr<AtomicFile>> outputs(manifest_.files.size());
  std::vector<ByteSink*> sinks(manifest_.files.size(), nullptr);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const ManifestFile& file = manifest_.files[i];
    const std::filesystem::path target = i == 0 ? path : path.parent_path() / file.path;
    if (i > 0 && target.lexically_normal() == path.lexically_normal()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is where the model's external data goes; name another output",
                              path.string()));
    }
    std::error_code error;
    if (i > 0 && std::filesystem::file_size(target, error) == file.size && !error) {
      const MappedFile there(target);
      const Digest digest = xxh3_128(there.bytes(), [&](ByteView piece) { there.release(piece); });
      if (digest == file.digest) continue;
    }
    if (i > 0) {
      if (overwrite == Overwrite::kRefuse && std::filesystem::exists(target, error)) {
        throw Error(ErrorCode::kFile,
                    fmt::format("{} exists already, with other content; unpack to another folder "
                                "with -o, or use -f to overwrite it",
                                target.string()));
      }
      std::filesystem::create_directories(target.parent_path(), error);
    }
    outputs[i] = std::make_unique<AtomicFile>(target, overwrite, sync);
    sinks[i] = outputs[i].get();
  }
  decode_files(sinks, threads, progress);
  for (const auto& output : outputs) {
    if (output) output->start_sync();
  }
  // The .onnx file last: it never refers to data that is not there yet.
  for (std::size_t i = outputs.size(); i-- > 0;) {
    if (outputs[i]) outputs[i]->commit();
  }
}

}  // namespace qc
