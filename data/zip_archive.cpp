#include "data/zip_archive.h"

#include <fmt/format.h>
#include <zip.h>

#include <utility>

#include "core/error.h"
#include "system/file.h"

namespace qc {
namespace {

class MemberInflow final : public Inflow {
 public:
  MemberInflow(zip_t* archive, const std::string& member, std::string name)
      : name_(std::move(name)), file_(zip_fopen(archive, member.c_str(), 0)) {
    if (file_ == nullptr) fail(zip_strerror(archive));
  }
  ~MemberInflow() override { zip_fclose(file_); }
  MemberInflow(const MemberInflow&) = delete;
  MemberInflow& operator=(const MemberInflow&) = delete;

  std::size_t read(MutableBytes to) override {
    std::size_t done = 0;
    while (done < to.size()) {
      const zip_int64_t got = zip_fread(file_, to.data() + done, to.size() - done);
      if (got < 0) fail(zip_file_strerror(file_));
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

 private:
  [[noreturn]] void fail(const char* reason) const {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} cannot be read: {}", name_, reason));
  }

  std::string name_;
  zip_file_t* file_;
};

}  // namespace

struct ZipArchive::Handle {
  explicit Handle(const std::filesystem::path& path) : name(path.string()), file(path) {}

  std::string name;
  MappedFile file;  // libzip reads from it
  zip_t* zip = nullptr;
};

ZipArchive::ZipArchive(const std::filesystem::path& path)
    : handle_(std::make_unique<Handle>(path)) {
  const ByteView bytes = handle_->file.bytes();
  zip_error_t error;
  zip_error_init(&error);
  // libzip takes an empty file for an empty archive.
  if (bytes.empty()) zip_error_set(&error, ZIP_ER_NOZIP, 0);
  zip_source_t* source =
      bytes.empty() ? nullptr : zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source != nullptr) {
    handle_->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (handle_->zip == nullptr) zip_source_free(source);
  }
  const std::string reason = handle_->zip == nullptr ? zip_error_strerror(&error) : "";
  zip_error_fini(&error);
  if (handle_->zip == nullptr) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} is no zip archive or damaged: {}", handle_->name, reason));
  }
}

ZipArchive::~ZipArchive() { zip_discard(handle_->zip); }

bool ZipArchive::contains(const std::string& member) const {
  return zip_name_locate(handle_->zip, member.c_str(), 0) >= 0;
}

const std::string& ZipArchive::name() const noexcept { return handle_->name; }

std::vector<std::string> ZipArchive::members(std::size_t most) const {
  std::vector<std::string> names;
  const zip_int64_t count = zip_get_num_entries(handle_->zip, 0);
  for (zip_int64_t i = 0; i < count && names.size() < most; ++i) {
    const char* name = zip_get_name(handle_->zip, static_cast<zip_uint64_t>(i), 0);
    if (name != nullptr) names.emplace_back(name);
  }
  return names;
}

Blob ZipArchive::read(const std::string& member, const AnnouncedSize& announced) const {
  const std::string name = fmt::format("{} in {}", member, handle_->name);
  MemberInflow inflow(handle_->zip, member, name);
  return Blob(read_announced(inflow, name, handle_->file.bytes().size(), announced));
}

}  // namespace qc
