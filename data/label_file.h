// Label files: a CSV with a line "file,class index" per picture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace qc {

struct LabelLine {
  std::string file;
  std::int64_t label = 0;
};

/// Reads a label file and gives its lines one by one. Further columns and a first line of column
/// names are skipped. Throws Error: kFile when it cannot be read, kCorrupt naming the line that is
/// wrong, or when there is none.
void read_label_file(const std::filesystem::path& path,
                     const std::function<void(const LabelLine&)>& take);

}  // namespace qc
