// A container unpacked to files on the disk.
#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/read/qc_reader.h"
#include "system/output_set.h"

namespace qc {
namespace {

// The state of a file that has just this content; nothing where there is none or another.
std::optional<FileState> state_of_same(const std::filesystem::path& path, const QcFile& file) {
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) return std::nullopt;
  if (std::filesystem::file_size(path, error) != file.size || error) return std::nullopt;
  const MappedFile there(path);
  const Digest digest = xxh3_128(there.bytes(), [&](ByteView piece) { there.release(piece); });
  if (digest != file.digest) return std::nullopt;
  return there.state();
}

}  // namespace

std::vector<std::filesystem::path> QcReader::unpack(const std::filesystem::path& path,
                                                    Overwrite overwrite, unsigned threads,
                                                    const ProgressFunction& progress,
                                                    Sync sync) const {
  std::vector<ByteSink*> sinks(files().size(), nullptr);
  require_no_input(path);
  OutputSet outputs(path, overwrite, sync);
  sinks[0] = &outputs.main();
  for (std::size_t i = 1; i < sinks.size(); ++i) {
    const QcFile& file = files()[i];
    const std::filesystem::path target = path.parent_path() / file.path;
    if (target.lexically_normal() == path.lexically_normal()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is where the model's external data goes; name another output",
                              path.string()));
    }
    require_no_input(target);
    if (const auto state = state_of_same(target, file)) {
      outputs.keep(file.path, *state);
      continue;
    }
    std::error_code error;
    if (overwrite == Overwrite::kRefuse && std::filesystem::exists(target, error)) {
      throw Error(ErrorCode::kFile,
                  fmt::format("{} exists already, with other content; unpack to another folder "
                              "with -o, or use -f to overwrite it",
                              target.string()));
    }
    sinks[i] = &outputs.add(file.path);
  }
  decode_files(sinks, threads, progress);
  outputs.start_sync();
  return outputs.commit();
}

void QcReader::require_no_input(const std::filesystem::path& target) const {
  if (mapping_.bytes().empty() || !mapping_.is_at(target)) return;
  throw Error(ErrorCode::kUsage,
              fmt::format("{} is the container itself, and a file of the model belongs there; name "
                          "an output in another folder",
                          target.string()));
}

}  // namespace qc
