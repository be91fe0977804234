// Models that updates are made of: --base.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "formats/qc/read/qc_reader.h"
#include "system/file.h"

namespace qc {

/// Adds --base, which may be given several times: each is the base of what was named before.
void add_base_option(CLI::App& command, std::vector<std::string>& chain);

/// The files of bases, in memory.
class BaseFiles {
 public:
  BaseFiles(const ReadLimits& limits, unsigned threads) : limits_(limits), threads_(threads) {}

  /// Gives an update its base: the first model of the chain, a .onnx file or a .qc file, which may
  /// be an update of the next. Lives as long as the reader decodes. Throws Error: kUsage when the
  /// chain is too short, too long or of other models, and what reading throws.
  void give_to(QcReader& reader, std::span<const std::string> chain);

 private:
  std::vector<ByteView> open_container(const std::filesystem::path& path,
                                       std::span<const std::string> chain);
  std::vector<ByteView> open_model(const std::filesystem::path& path,
                                   std::span<const QcFile> files);

  ReadLimits limits_;
  unsigned threads_;
  std::deque<MappedFile> mapped_;
  std::deque<Bytes> decoded_;
};

}  // namespace qc
