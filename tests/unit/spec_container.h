// A reader of containers written from formats/qc/FORMAT.md alone, as spec_decoder.h is.
#pragma once

#include <string>
#include <vector>

#include "spec_decoder.h"

namespace qc::spec {

struct File {
  std::string path;
  Data bytes;

  friend bool operator==(const File&, const File&) = default;
};

/// The files in a container; the dictionary is that of section 10, the base that of an update, file
/// by file. Throws Broken.
std::vector<File> read_container(View container, View dictionary,
                                 const std::vector<View>& base = {});

}  // namespace qc::spec
