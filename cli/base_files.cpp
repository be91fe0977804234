#include "cli/base_files.h"

#include <fmt/format.h>

#include <utility>

#include "cli/common.h"
#include "core/error.h"

namespace qc {

void add_base_option(CLI::App& command, std::vector<std::string>& chain) {
  command
      .add_option("--base", chain,
                  "The model that this is an update of, .onnx or .qc; where that is an update too, "
                  "--base again names its own")
      ->type_name("MODEL")
      ->allow_extra_args(false);
}

void BaseFiles::give_to(QcReader& reader, std::span<const std::string> chain) {
  const std::span<const QcFile> wanted = reader.container().base_files();
  if (wanted.empty()) {
    if (chain.empty()) return;
    throw Error(ErrorCode::kUsage,
                fmt::format("it is no update, so --base {} has no use", chain.front()));
  }
  if (chain.empty()) {
    throw Error(ErrorCode::kUsage,
                "it is an update of another model, which is needed too: name that with --base");
  }
  const std::filesystem::path path = chain.front();
  const std::vector<ByteView> files =
      is_qc_file(path) ? open_container(path, chain.subspan(1)) : open_model(path, wanted);
  try {
    reader.set_base(files);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUsage) throw;
    throw Error(error.code(), fmt::format("{} is not the model that it updates", path.string()));
  }
}

std::vector<ByteView> BaseFiles::open_container(const std::filesystem::path& path,
                                                std::span<const std::string> chain) {
  QcReader reader = QcReader::open(path, limits_);
  std::vector<ByteView> files;
  naming_errors(path.string(), [&] {
    give_to(reader, chain);
    for (auto& [name, bytes] : reader.decode_to_memory(threads_)) {
      decoded_.push_back(std::move(bytes));
      files.emplace_back(decoded_.back());
    }
  });
  return files;
}

std::vector<ByteView> BaseFiles::open_model(const std::filesystem::path& path,
                                            std::span<const QcFile> files) {
  std::vector<ByteView> views;
  for (std::size_t i = 0; i < files.size(); ++i) {
    // Beside the model lie its external files.
    mapped_.emplace_back(i == 0 ? path : path.parent_path() / files[i].path);
    views.push_back(mapped_.back().bytes());
  }
  return views;
}

}  // namespace qc
