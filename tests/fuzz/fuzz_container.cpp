// Bytes as a .qc container: opened, described, decoded. The first byte tells whether the rest is a
// container or a plain one (plain_container.h). Checksums always match in this build.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "core/file.h"
#include "formats/breakdown.h"
#include "formats/qc_reader.h"
#include "plain_container.h"

namespace qc::fuzz {
namespace {

// A few bytes may rightly stand for gigabytes of zeros: those would only take time.
constexpr std::uint64_t kLargest = std::uint64_t{1} << 20;

class NullSink final : public ByteSink {
 public:
  void write(ByteView /*bytes*/) override {}
  void restart() override {}
};

bool is_small(const QcReader& reader) {
  std::uint64_t files = 0;
  std::uint64_t units = 0;
  for (const ManifestFile& file : reader.manifest().files) {
    if (file.size > kLargest - files) return false;
    files += file.size;
  }
  for (const QcUnit& unit : reader.units()) units += unit.size;
  return units <= kLargest;
}

void decode_all(const QcReader& reader) {
  NullSink nowhere;
  reader.decode_files(std::vector<ByteSink*>(reader.manifest().files.size(), &nowhere), 1, {});
  DecodeContext context;
  for (std::size_t slot = 0; slot < reader.slots().size(); ++slot) {
    if (reader.decode_slot(slot, context).size() != reader.slots()[slot].size) std::abort();
  }
  for (std::size_t file = 0; file < reader.manifest().files.size(); ++file) {
    if (reader.gapped(file).size() != reader.manifest().files[file].size) std::abort();
  }
  break_down(reader, 1);
}

void run(ByteView input) {
  // It reports text that is no UTF-8, which takes longer than everything else.
  [[maybe_unused]] static const auto kLogHandler = google::protobuf::SetLogHandler(nullptr);
  if (input.empty()) return;
  const Bytes built = input.front() % 2 == 0 ? Bytes() : from_plain(input.subspan(1));
  const ByteView container = built.empty() ? input.subspan(1) : ByteView(built);
  try {
    const QcReader reader = QcReader::from_bytes(container);
    if (is_small(reader)) decode_all(reader);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) std::abort();
  }
}

}  // namespace
}  // namespace qc::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qc::fuzz::run({data, size});
  return 0;
}
