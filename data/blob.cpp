#include "data/blob.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"

namespace qc {
namespace {

constexpr std::uint64_t kGrowth = std::uint64_t{16} << 20;
// From so many bytes on there is room for all: more is not copied again and again. The system
// provides it page by page, as it is filled.
constexpr std::uint64_t kSetAside = std::uint64_t{64} << 20;
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest window, in a gzip wrapper

// A gzip file, of several members perhaps.
class GzipInflow final : public Inflow {
 public:
  GzipInflow(ByteView compressed, std::string name) : rest_(compressed), name_(std::move(name)) {
    if (inflateInit2(&stream_, kGzipWindow) != Z_OK) throw std::bad_alloc();
  }
  ~GzipInflow() override { inflateEnd(&stream_); }
  GzipInflow(const GzipInflow&) = delete;
  GzipInflow& operator=(const GzipInflow&) = delete;

  std::size_t read(MutableBytes to) override {
    std::size_t done = 0;
    while (done < to.size() && !at_end_) done += step(to.subspan(done));
    return done;
  }

 private:
  static uInt at_most(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  }

  std::size_t step(MutableBytes to) {
    stream_.next_in = const_cast<Bytef*>(rest_.data());  // zlib does not write there
    stream_.avail_in = at_most(rest_.size());
    stream_.next_out = to.data();
    stream_.avail_out = at_most(to.size());
    const int status = inflate(&stream_, Z_NO_FLUSH);
    const auto taken = static_cast<std::size_t>(stream_.next_in - rest_.data());
    rest_ = rest_.subspan(taken);
    const auto made = static_cast<std::size_t>(stream_.next_out - to.data());
    if (status == Z_STREAM_END) {
      at_end_ = rest_.empty();
      if (!at_end_) inflateReset(&stream_);
    } else if (status == Z_MEM_ERROR) {
      throw std::bad_alloc();
    } else if (status != Z_OK || (taken == 0 && made == 0)) {
      const char* what = rest_.empty() ? "truncated" : "damaged";
      throw Error(
          ErrorCode::kCorrupt,
          fmt::format("{} is {}: its gzip data ends in an error; fetch it again", name_, what));
    }
    return made;
  }

  ByteView rest_;
  std::string name_;
  z_stream stream_{};
  bool at_end_ = false;
};

[[noreturn]] void wrong_size(const std::string& name, std::uint64_t size, std::uint64_t expected) {
  throw Error(
      ErrorCode::kCorrupt,
      fmt::format("{} is {}: its header announces {} bytes, {} are there", name,
                  size < expected ? "truncated" : "not what it claims to be", expected, size));
}

void grow_and_read(Inflow& inflow, Bytes& bytes, std::uint64_t more) {
  const std::size_t had = bytes.size();
  bytes.resize(memory_size(had + more));
  bytes.resize(had + inflow.read(MutableBytes(bytes).subspan(had)));
}

}  // namespace

void require_memory(const std::string& name, std::uint64_t bytes, std::uint64_t limit) {
  if (bytes <= limit) return;
  throw Error(
      ErrorCode::kLimit,
      fmt::format("{} takes more than {} bytes of memory, the limit for a file of a data "
                  "set; decompress it (.gz), write .npy files (.npz), or take fewer samples",
                  name, limit));
}

Bytes read_announced(Inflow& inflow, const std::string& name, std::uint64_t stored,
                     const AnnouncedSize& announced) {
  Bytes bytes;
  grow_and_read(inflow, bytes, kHeaderBytes);
  const std::optional<std::uint64_t> expected = announced(bytes);
  const std::uint64_t limit = std::max(kMaxInMemory, stored);
  if (expected) require_memory(name, *expected, limit);
  const std::uint64_t most = expected.value_or(limit);
  while (bytes.size() < most) {
    const std::size_t had = bytes.size();
    const bool set_aside = had >= kSetAside;
    if (set_aside) bytes.reserve(most);
    const std::uint64_t step = set_aside ? kGrowth : std::max<std::uint64_t>(kGrowth, had);
    grow_and_read(inflow, bytes, std::min(most - had, step));
    if (bytes.size() == had) break;
  }
  std::uint8_t beyond = 0;
  const bool more = bytes.size() > most || inflow.read({&beyond, 1}) != 0;
  if (more && !expected) require_memory(name, limit + 1, limit);
  if (more) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} holds more than the {} bytes its header announces", name, most));
  }
  if (expected && bytes.size() != *expected) wrong_size(name, bytes.size(), *expected);
  return bytes;
}

Blob read_blob(const std::filesystem::path& path, const AnnouncedSize& announced) {
  MappedFile file(path);
  if (path.extension() == ".gz") {
    GzipInflow inflow(file.bytes(), path.string());
    return Blob(read_announced(inflow, path.string(), file.bytes().size(), announced));
  }
  const ByteView bytes = file.bytes();
  const auto expected = announced(bytes.first(std::min(bytes.size(), kHeaderBytes)));
  if (expected && bytes.size() != *expected) wrong_size(path.string(), bytes.size(), *expected);
  return Blob(std::move(file));
}

}  // namespace qc
