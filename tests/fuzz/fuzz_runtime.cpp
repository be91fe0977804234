// Bytes as a .qc container (container_of() in plain_container.h) for libqcompress: it takes no more
// memory than it may, gives all of it back, and reads what the program reads, to the same bytes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "core/error.h"
#include "formats/qc/read/qc_reader.h"
#include "plain_container.h"
#include "qcompress/qcompress.h"

namespace qc::fuzz {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 26;
// The container itself is no part of the limit, nor what aligns each block.
constexpr std::uint64_t kBeside = std::uint64_t{1} << 16;
// Larger files and tensors take too long.
constexpr std::uint64_t kLargest = std::uint64_t{1} << 24;

std::uint64_t live = 0;

constexpr std::size_t kHead = 16;

void* allocate(void* /*context*/, std::size_t size) {
  auto* block = static_cast<std::uint8_t*>(std::malloc(size + kHead));
  if (block == nullptr) return nullptr;
  std::memcpy(block, &size, sizeof size);
  live += size;
  if (live > kMostMemory + kBeside) std::abort();
  return block + kHead;
}

void release(void* /*context*/, void* memory) {
  auto* block = static_cast<std::uint8_t*>(memory) - kHead;
  std::size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  live -= size;
  std::free(block);
}

// The files of a container by the program; nothing when it is refused or too large.
std::optional<std::vector<std::pair<std::filesystem::path, Bytes>>> read_by_program(
    ByteView container, const Bytes& base) {
  try {
    QcReader reader = QcReader::from_bytes(container, {.memory = kMostMemory, .model = kLargest});
    const ByteView view = base;
    if (!reader.container().base_files().empty()) reader.set_base({&view, 1});
    return reader.decode_to_memory(1);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// An update of the base that the seeds have.
void set_base(qcompress_container* model, const Bytes& base) {
  qcompress_file file;
  if (qcompress_base_count(model) != 1) return;
  if (qcompress_get_base(model, 0, &file) != QCOMPRESS_OK || file.size != base.size()) return;
  const void* const bytes = base.data();
  qcompress_set_base(model, &bytes, 1, nullptr);
}

void decode_tensors(const qcompress_container* model) {
  for (std::size_t i = 0; i < qcompress_tensor_count(model); ++i) {
    qcompress_tensor tensor;
    if (qcompress_get_tensor(model, i, &tensor) != QCOMPRESS_OK) std::abort();
    if (std::strlen(tensor.name) + std::strlen(tensor.layout) == 0) std::abort();
    if (tensor.size > kLargest) continue;
    Bytes out(tensor.size);
    qcompress_decode_tensor(model, i, out.data(), out.size(), nullptr);
  }
}

void run(ByteView input) {
  Bytes built;
  const ByteView container = container_of(input, built);
  if (container.empty()) return;
  const qcompress_options options = {kMostMemory, allocate, release, nullptr};
  qcompress_container* model = nullptr;
  qcompress_error error;
  if (qcompress_open_memory(container.data(), container.size(), &options, &model, &error) ==
      QCOMPRESS_OK) {
    const Bytes base = base_of_updates();
    set_base(model, base);
    decode_tensors(model);
    const auto files = read_by_program(container, base);
    for (std::size_t i = 0; files && i < files->size(); ++i) {
      Bytes out((*files)[i].second.size());
      const qcompress_status status = qcompress_read_file(model, i, out.data(), out.size(), &error);
      if (status != QCOMPRESS_OK && status != QCOMPRESS_ERROR_LIMIT) std::abort();
      if (status == QCOMPRESS_OK && out != (*files)[i].second) std::abort();
    }
    if (files && qcompress_verify(model, &error) == QCOMPRESS_ERROR_CORRUPT) std::abort();
    qcompress_close(model);
  } else if (error.status == QCOMPRESS_OK || error.text[0] == '\0') {
    std::abort();
  }
  if (live != 0) std::abort();
}

}  // namespace
}  // namespace qc::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  qc::fuzz::run({data, size});
  return 0;
}
