// The containers in tests/compat: what earlier builds packed is read for ever.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "codecs/encode/layout_table.h"
#include "codecs/encode/stage.h"
#include "compat_models.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/graph_dictionary.h"
#include "formats/qc/read/qc_reader.h"
#include "harness.h"
#include "spec_container.h"

namespace qc::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDigests = "digests.txt";

/// A line of digests.txt: what a file of a container must come out as.
std::string digest_line(const std::string& container, const std::string& path, ByteView bytes) {
  return fmt::format("{} {} {} {:02x}", container, path, bytes.size(),
                     fmt::join(xxh3_128(bytes), ""));
}

std::vector<fs::path> compat_folders() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(harness::source_dir() / "tests/compat")) {
    folders.push_back(entry.path());
  }
  return folders;
}

/// The containers of a folder by name.
std::map<std::string, Bytes> containers_in(const fs::path& folder) {
  std::map<std::string, Bytes> all;
  for (const std::string& name : harness::list_files(folder)) {
    if (name == kDigests) continue;
    const std::string text = harness::read_file(folder / name);
    all[name] = Bytes(text.begin(), text.end());
  }
  return all;
}

std::vector<std::string> digests_in(const fs::path& folder) {
  std::vector<std::string> lines;
  std::istringstream text(harness::read_file(folder / kDigests));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(Compat, EveryContainerComesOutAsItWentIn) {
  std::size_t containers = 0;
  for (const fs::path& folder : compat_folders()) {
    SCOPED_TRACE(folder.string());
    std::vector<std::string> lines;
    for (const auto& [name, bytes] : containers_in(folder)) {
      for (const auto& [path, file] : QcReader::from_bytes(bytes).decode_to_memory(2)) {
        lines.push_back(digest_line(name, path.string(), file));
      }
      ++containers;
    }
    EXPECT_THAT(lines, testing::UnorderedElementsAreArray(digests_in(folder)));
  }
  EXPECT_GE(containers, 30U);
}

TEST(Compat, TheSpecReadsEveryContainer) {
  for (const fs::path& folder : compat_folders()) {
    SCOPED_TRACE(folder.string());
    std::vector<std::string> lines;
    for (const auto& [name, bytes] : containers_in(folder)) {
      for (const auto& [path, file] : spec::read_container(bytes, graph_dictionary())) {
        lines.push_back(digest_line(name, path, file));
      }
    }
    EXPECT_THAT(lines, testing::UnorderedElementsAreArray(digests_in(folder)));
  }
}

// A new layout or stage needs containers in tests/compat, too; see CONTRIBUTING.md.
TEST(Compat, ContainersHaveEveryForm) {
  spec::forms_met().clear();
  for (const fs::path& folder : compat_folders()) {
    for (const auto& [name, bytes] : containers_in(folder)) {
      spec::read_container(bytes, graph_dictionary());
    }
  }
  std::vector<std::string> wanted = {"one codebook of integers",
                                     "codebook, fixed lengths",
                                     "codebook, steps",
                                     "codebook, symmetric",
                                     "narrow 0",
                                     "narrow 1",
                                     "narrow 2",
                                     "csr, escapes",
                                     "csr, fillers",
                                     "levels, set 2",
                                     "levels, set 3",
                                     "levels, set 5",
                                     "repeats, forward",
                                     "repeats, backward",
                                     "zstd, 1 byte",
                                     "zstd, 2 bytes",
                                     "radix 3",
                                     "radix 5",
                                     "radix 6",
                                     "huffman, 2^0 parts",
                                     "huffman, 2^2 parts",
                                     "huffman, 2^6 parts",
                                     "huffman, 2^7 parts",
                                     "rans, 2^0 states",
                                     "rans, 2^2 states",
                                     "rans, 2^6 states",
                                     "repeat",
                                     "transposed repeat",
                                     "pool",
                                     "long slot",
                                     "external file",
                                     "aligned unit",
                                     "model as a whole"};
  for (const LayoutEncoder* layout : layout_encoders()) {
    wanted.push_back(fmt::format("layout {}", static_cast<int>(layout->id())));
  }
  for (const StageEncoder* stage : stage_encoders()) {
    wanted.push_back(fmt::format("stage {}", static_cast<int>(stage->id())));
  }
  std::vector<std::string> missing;
  for (const std::string& form : wanted) {
    if (!spec::forms_met().contains(form)) missing.push_back(form);
  }
  EXPECT_THAT(missing, testing::IsEmpty());
}

// With QC_WRITE_COMPAT=FOLDER the containers are also written to that folder, which must be new.
TEST(Compat, ModelsPackedNowComeBack) {
  const char* const target = std::getenv("QC_WRITE_COMPAT");
  if (target != nullptr) {
    ASSERT_TRUE(fs::create_directory(target)) << target << " exists";
  }
  std::string lines;
  for (const CompatModel& model : compat_models()) {
    const Bytes container = pack(open_files(model.files), model.options);
    EXPECT_TRUE(unpack(container) == model.files) << model.name;
    if (target == nullptr) continue;
    const std::string name = model.name + ".qc";
    harness::write_file(fs::path(target) / name, std::string(as_text(container)));
    for (const auto& [path, bytes] : model.files) {
      lines += digest_line(name, path.string(), bytes) + "\n";
    }
  }
  if (target != nullptr) harness::write_file(fs::path(target) / kDigests, lines);
}

}  // namespace
}  // namespace qc::test
