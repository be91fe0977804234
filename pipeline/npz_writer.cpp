#include "pipeline/npz_writer.h"

#include <fmt/format.h>
#include <zip.h>

#include "core/error.h"
#include "system/file.h"

namespace qc {
namespace {

constexpr std::size_t kAlignment = 64;  // of the elements, as NumPy writes them

// What libzip, which writes no archive without members, leaves to do.
void write_empty(const std::filesystem::path& path) {
  constexpr std::size_t kEndRecord = 22;
  Bytes record(kEndRecord);
  store_le<std::uint32_t>(record.data(), 0x06054b50);
  AtomicFile file(path, Overwrite::kReplace);
  file.write(record);
  file.commit();
}

class Archive {
 public:
  explicit Archive(const std::filesystem::path& path) : path_(path) {
    int error = 0;
    zip_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &error);
    if (zip_ != nullptr) return;
    zip_error_t reason;
    zip_error_init_with_code(&reason, error);
    const std::string text = zip_error_strerror(&reason);
    zip_error_fini(&reason);
    fail(text);
  }
  ~Archive() {
    if (zip_ != nullptr) zip_discard(zip_);
  }
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  /// `bytes` must live until close().
  void add(const std::string& member, ByteView bytes) {
    zip_source_t* source = zip_source_buffer(zip_, bytes.data(), bytes.size(), 0);
    if (source == nullptr) fail(zip_strerror(zip_));
    const zip_int64_t index = zip_file_add(zip_, member.c_str(), source, ZIP_FL_ENC_GUESS);
    if (index < 0) {
      zip_source_free(source);
      fail(fmt::format("{}: {}", member, zip_strerror(zip_)));
    }
    if (zip_set_file_compression(zip_, static_cast<zip_uint64_t>(index), ZIP_CM_STORE, 0) != 0) {
      fail(zip_strerror(zip_));
    }
  }

  void close() {
    if (zip_close(zip_) != 0) fail(zip_strerror(zip_));
    zip_ = nullptr;
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw Error(ErrorCode::kFile, fmt::format("cannot write {}: {}", path_.string(), reason));
  }

  std::filesystem::path path_;
  zip_t* zip_ = nullptr;
};

}  // namespace

Bytes make_npy(const NpzArray& array) {
  std::string shape;
  for (const std::int64_t dim : array.shape) shape += fmt::format("{}, ", dim);
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", array.descr, shape);
  std::string before("\x93NUMPY\x01\x00", 8);
  const std::size_t size = before.size() + sizeof(std::uint16_t) + header.size() + 1;
  header.append((kAlignment - size % kAlignment) % kAlignment, ' ');
  header += '\n';
  before += static_cast<char>(header.size() & 0xff);
  before += static_cast<char>(header.size() >> 8);
  Bytes bytes;
  bytes.reserve(before.size() + header.size() + array.elements.size());
  append(bytes, as_bytes(before + header));
  append(bytes, array.elements);
  return bytes;
}

void write_npz(const std::filesystem::path& path, std::span<const NpzArray> arrays) {
  if (arrays.empty()) return write_empty(path);
  std::vector<Bytes> members;
  Archive archive(path);
  for (const NpzArray& array : arrays) members.push_back(make_npy(array));
  for (std::size_t i = 0; i < arrays.size(); ++i) archive.add(arrays[i].name + ".npy", members[i]);
  archive.close();
}

}  // namespace qc
