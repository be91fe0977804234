#include "pipeline/hashed_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"

namespace qc {

HashedFile::HashedFile(const std::filesystem::path& path, std::string_view magic,
                       Overwrite overwrite)
    : file_(path, overwrite) {
  write(as_bytes(magic));
}

void HashedFile::write(ByteView bytes) {
  hasher_.update(bytes);
  file_.write(bytes);
}

void HashedFile::write_number(std::uint64_t number) {
  Bytes bytes;
  append_le(bytes, number);
  write(bytes);
}

void HashedFile::write_text(std::string_view text) {
  write_number(text.size());
  write(as_bytes(text));
}

void HashedFile::commit() {
  file_.write(hasher_.digest());
  file_.commit();
}

ByteView hashed_content(ByteView bytes, std::string_view magic, std::string_view kind) {
  if (bytes.size() < magic.size() + sizeof(Digest) || as_text(bytes.first(magic.size())) != magic) {
    throw Error(ErrorCode::kCorrupt, fmt::format("is no {} of this version", kind));
  }
  const ByteView body = bytes.first(bytes.size() - sizeof(Digest));
  Digest stored;
  std::ranges::copy(bytes.last(sizeof(Digest)), stored.begin());
  if (!checksum_matches(xxh3_128(body), stored)) {
    throw Error(ErrorCode::kCorrupt, "is damaged: its checksum does not match");
  }
  return body.subspan(magic.size());
}

}  // namespace qc
