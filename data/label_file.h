// Label files: a CSV with a line "file,class index" per picture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace qc {

struct LabelLine {
  std::string file;
  std::int64_t label = 0;
};

/// Reads a label file. Further columns and a first line of column names are skipped. Throws Error:
/// kFile when it cannot be read, kCorrupt naming the line that is wrong, or when there is none.
std::vector<LabelLine> read_label_file(const std::filesystem::path& path);

}  // namespace qc
