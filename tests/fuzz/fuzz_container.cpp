// Bytes as a .qc container (container_of() in plain_container.h): opened, described, decoded.
// Checksums always match in this build.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/error.h"
#include "formats/packed/packed_tensors.h"
#include "formats/qc/read/qc_reader.h"
#include "plain_container.h"
#include "report/breakdown.h"
#include "system/file.h"

namespace qc::fuzz {
namespace {

// As small as a decoder would set them on a board: what they let through takes little time.
constexpr ReadLimits kLimits = {.memory = std::uint64_t{1} << 26, .model = std::uint64_t{1} << 24};

class NullSink final : public ByteSink {
 public:
  void write(ByteView /*bytes*/) override {}
  void restart() override {}
};

void decode_all(const QcReader& reader) {
  NullSink nowhere;
  reader.decode_files(std::vector<ByteSink*>(reader.files().size(), &nowhere), 1, {});
  DecodeContext context;
  for (std::size_t slot = 0; slot < reader.slots().size(); ++slot) {
    if (reader.decode_slot(slot, context).size() != reader.slots()[slot].size) std::abort();
  }
  for (std::size_t file = 0; file < reader.files().size(); ++file) {
    if (gapped_file(reader, file).size() != reader.files()[file].size) std::abort();
  }
  break_down(reader, 1);
}

void run(ByteView input) {
  // It reports text that is no UTF-8, which takes longer than everything else.
  [[maybe_unused]] static const auto kLogHandler = google::protobuf::SetLogHandler(nullptr);
  Bytes built;
  try {
    decode_all(QcReader::from_bytes(container_of(input, built), kLimits));
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
