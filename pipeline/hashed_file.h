// Files of the program's own that end with a digest of all before it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "core/bytes.h"
#include "formats/qc/decode/checksum.h"
#include "system/atomic_file.h"

namespace qc {

/// Writes such a file, which appears on commit(). `magic` is what it begins with.
class HashedFile {
 public:
  /// Throws Error as AtomicFile does.
  HashedFile(const std::filesystem::path& path, std::string_view magic, Overwrite overwrite);

  void write(ByteView bytes);
  void write_number(std::uint64_t number);
  /// A text after its length.
  void write_text(std::string_view text);
  void commit();

 private:
  AtomicFile file_;
  Hasher hasher_;
};

/// What is in such a file between magic and digest. Throws Error(kCorrupt) where it begins with
/// something else, which `kind` names ("checkpoint"), or does not agree with its digest.
ByteView hashed_content(ByteView bytes, std::string_view magic, std::string_view kind);

}  // namespace qc
