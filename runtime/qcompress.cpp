#include "qcompress/qcompress.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "codecs/decode/layout.h"
#include "formats/qc/decode/container.h"
#include "formats/qc/decode/limited_memory.h"
#include "runtime/file_bytes.h"
#include "runtime/tensor_list.h"

namespace qc {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kAlwaysAllowed = std::uint64_t{1} << 27;
constexpr std::uint64_t kRatio = 16;

// The caller's functions, whose memory need not be aligned for vectors.
class CallerMemory final : public Allocator {
 public:
  explicit CallerMemory(const qcompress_options& options) noexcept : options_(options) {}

  std::uint8_t* allocate(std::uint64_t size) noexcept override {
    // The block's own address stands in front of the aligned memory.
    const std::uint64_t whole = size + kAlignment + sizeof(void*);
    if (whole < size || whole > SIZE_MAX) return nullptr;
    void* const block = options_.allocate(options_.context, static_cast<std::size_t>(whole));
    if (block == nullptr) return nullptr;
    const auto first = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*);
    auto* const memory =
        static_cast<std::uint8_t*>(block) + sizeof(void*) + (kAlignment - first % kAlignment);
    std::memcpy(memory - sizeof(void*), &block, sizeof(void*));
    return memory;
  }

  void release(std::uint8_t* memory, std::uint64_t /*size*/) noexcept override {
    if (memory == nullptr) return;
    void* block = nullptr;
    std::memcpy(&block, memory - sizeof(void*), sizeof(void*));
    options_.release(options_.context, block);
  }

 private:
  const qcompress_options options_;
};

}  // namespace
}  // namespace qc

struct qcompress_container {
  explicit qcompress_container(const qcompress_options& options) noexcept
      : settings(options),
        caller(options),
        memory(options.max_memory, caller),
        bytes(memory),
        container(memory),
        tensors(memory),
        strings(memory),
        paths(memory),
        base_paths(memory),
        values(memory) {}

  const qcompress_options settings;
  qc::CallerMemory caller;
  mutable qc::LimitedMemory memory;
  qc::FileBytes bytes;  // of a container that was opened by its path
  qc::Container container;
  qc::TensorList tensors;
  qc::FixedArray<char> strings;  // the paths, those of the base, then the values of the metadata
  qc::FixedArray<const char*> paths;  // by file
  qc::FixedArray<const char*> base_paths;
  qc::FixedArray<const char*> values;  // by note
};

namespace qc {
namespace {

qcompress_status report(qcompress_error* error, qcompress_status status,
                        const char* text) noexcept {
  if (error == nullptr) return status;
  error->status = status;
  const std::size_t size = std::min(std::strlen(text), sizeof error->text - 1);
  std::memcpy(error->text, text, size);
  error->text[size] = '\0';
  return status;
}

qcompress_status report(qcompress_error* error, const LimitedMemory& memory,
                        const ContainerFailure& failed) noexcept {
  if (!failed) return report(error, QCOMPRESS_OK, "");
  qcompress_status status = QCOMPRESS_ERROR_CORRUPT;
  if (failed.code == ErrorCode::kUsage) status = QCOMPRESS_ERROR_USAGE;
  if (failed.code == ErrorCode::kFile) status = QCOMPRESS_ERROR_FILE;
  if (failed.code == ErrorCode::kUnsupported) status = QCOMPRESS_ERROR_UNSUPPORTED;
  if (failed.code == ErrorCode::kLimit) {
    // An allocator that gave nothing is no limit.
    const bool no_more = failed.wanted != 0 && !memory.ran_out();
    status = no_more ? QCOMPRESS_ERROR_MEMORY : QCOMPRESS_ERROR_LIMIT;
  }
  return report(error, status, failed.text.data());
}

void* allocate_by_malloc(void* /*context*/, std::size_t size) { return std::malloc(size); }
void release_by_free(void* /*context*/, void* memory) { std::free(memory); }

// Copies a text and a zero byte after it; gives the place after that.
char* copy_text(std::string_view text, char* to) noexcept {
  to = std::copy(text.begin(), text.end(), to);
  *to = '\0';
  return to + 1;
}

// Strings as C has them.
ContainerFailure copy_strings(qcompress_container& opened) noexcept {
  const auto files = opened.container.files();
  const auto base = opened.container.base_files();
  const auto notes = opened.container.notes();
  std::uint64_t size = 0;
  for (const QcFile& file : files) size += file.path.size() + 1;
  for (const QcFile& file : base) size += file.path.size() + 1;
  for (const ManifestTable::Note& note : notes) size += note.value.size() + 1;
  if (!opened.strings.create(size) || !opened.paths.create(files.size()) ||
      !opened.base_paths.create(base.size()) || !opened.values.create(notes.size())) {
    return no_memory(size, "its texts are too long");
  }
  char* next = opened.strings.span().data();
  for (std::size_t i = 0; i < files.size(); ++i) {
    opened.paths[i] = next;
    next = copy_text(files[i].path, next);
  }
  for (std::size_t i = 0; i < base.size(); ++i) {
    opened.base_paths[i] = next;
    next = copy_text(base[i].path, next);
  }
  for (std::size_t i = 0; i < notes.size(); ++i) {
    opened.values[i] = next;
    next = copy_text(notes[i].value, next);
  }
  return {};
}

// Reads an opened file or the caller's bytes.
ContainerFailure read(qcompress_container& opened, ByteView bytes) noexcept {
  if (const auto failed = opened.container.open(bytes)) return failed;
  if (const auto failed = opened.tensors.read(opened.container)) return failed;
  return copy_strings(opened);
}

// Takes memory for a container and lets find(it, bytes) say where its bytes are.
template <typename Find>
qcompress_status open(const qcompress_options* options, std::uint64_t size,
                      qcompress_container** out, qcompress_error* error, Find&& find) noexcept {
  qcompress_options settings = options != nullptr ? *options : qcompress_options{};
  if ((settings.allocate == nullptr) != (settings.release == nullptr)) {
    return report(error, QCOMPRESS_ERROR_USAGE, "allocate and release: give both or none");
  }
  if (settings.allocate == nullptr) {
    settings.allocate = allocate_by_malloc;
    settings.release = release_by_free;
  }
  if (settings.max_memory == 0) {
    settings.max_memory = std::max(kAlwaysAllowed, kRatio * std::min(size, UINT64_MAX / kRatio));
  }
  CallerMemory caller(settings);
  std::uint8_t* const memory = caller.allocate(sizeof(qcompress_container));
  if (memory == nullptr) {
    return report(error, QCOMPRESS_ERROR_MEMORY, "there is no memory to open a container");
  }
  auto* const opened = new (memory) qcompress_container(settings);
  ByteView bytes;
  ContainerFailure failed = find(*opened, bytes);
  if (!failed) failed = read(*opened, bytes);
  const qcompress_status status = report(error, opened->memory, failed);
  if (status != QCOMPRESS_OK) {
    qcompress_close(opened);
    return status;
  }
  *out = opened;
  return status;
}

// Checks the buffer of a call that decodes.
qcompress_status check_buffer(const void* out, std::uint64_t has, std::uint64_t needs,
                              qcompress_error* error) noexcept {
  if (has == needs && (out != nullptr || needs == 0)) return QCOMPRESS_OK;
  return report(error, QCOMPRESS_ERROR_USAGE, "the buffer does not have the size that is needed");
}

// Runs decode(context) in the memory of a container.
template <typename Decode>
qcompress_status decode(const qcompress_container& opened, qcompress_error* error,
                        Decode&& decode) noexcept {
  DecodeContext context(UINT64_MAX, opened.memory);
  return report(error, opened.memory, decode(context));
}

// Where a tensor's bytes are stored, in words, and how many.
void describe(const Container& container, const ListedTensor& tensor,
              qcompress_tensor& out) noexcept {
  out.layout = "graph";
  out.stored_size = 0;
  if (tensor.slot == SIZE_MAX) return;
  const QcSlot& slot = container.slots()[tensor.slot];
  out.layout = "repeat";
  if (slot.repeat_of) return;
  out.layout = "base";
  container.each_part(slot, [&](const UnitPart& part) {
    const QcUnit& unit = container.units()[part.unit];
    if (unit.is_shared()) {
      out.layout = "pool";
      out.stored_size += unit.stored.size() * part.size / unit.size;
      return true;
    }
    const LayoutDecoder* layout =
        unit.stored.empty() ? nullptr : find_layout_decoder(unit.stored[0]);
    out.layout = layout != nullptr ? layout->name.data() : "unknown";
    out.stored_size += unit.stored.size();
    return true;
  });
}

}  // namespace
}  // namespace qc

extern "C" {

const char* qcompress_version(void) { return QC_VERSION; }

qcompress_status qcompress_open_file(const char* path, const qcompress_options* options,
                                     qcompress_container** container, qcompress_error* error) {
  if (container == nullptr) return QCOMPRESS_ERROR_USAGE;
  *container = nullptr;
  if (path == nullptr) return qc::report(error, QCOMPRESS_ERROR_USAGE, "no path was given");
  return qc::open(options, qc::FileBytes::size_of(path), container, error,
                  [&](qcompress_container& opened, qc::ByteView& bytes) {
                    return opened.bytes.open(path, bytes);
                  });
}

qcompress_status qcompress_open_memory(const void* bytes, size_t size,
                                       const qcompress_options* options,
                                       qcompress_container** container, qcompress_error* error) {
  if (container == nullptr) return QCOMPRESS_ERROR_USAGE;
  *container = nullptr;
  if (bytes == nullptr) return qc::report(error, QCOMPRESS_ERROR_USAGE, "no bytes were given");
  return qc::open(options, size, container, error,
                  [&](qcompress_container&, qc::ByteView& view) -> qc::ContainerFailure {
                    view = {static_cast<const std::uint8_t*>(bytes), size};
                    return {};
                  });
}

void qcompress_close(qcompress_container* container) {
  if (container == nullptr) return;
  qc::CallerMemory caller(container->settings);
  container->~qcompress_container();
  caller.release(reinterpret_cast<std::uint8_t*>(container), sizeof(qcompress_container));
}

size_t qcompress_file_count(const qcompress_container* container) {
  return container->container.files().size();
}

qcompress_status qcompress_get_file(const qcompress_container* container, size_t index,
                                    qcompress_file* file) {
  if (index >= qcompress_file_count(container)) return QCOMPRESS_ERROR_USAGE;
  file->path = container->paths[index];
  file->size = container->container.files()[index].size;
  return QCOMPRESS_OK;
}

qcompress_status qcompress_read_file(const qcompress_container* container, size_t index, void* out,
                                     size_t size, qcompress_error* error) {
  const auto files = container->container.files();
  if (index >= files.size()) {
    return qc::report(error, QCOMPRESS_ERROR_USAGE, "there is no such file");
  }
  const qcompress_status status = qc::check_buffer(out, size, files[index].size, error);
  if (status != QCOMPRESS_OK) return status;
  return qc::decode(*container, error, [&](qc::DecodeContext& context) {
    return container->container.decode_file(index, {static_cast<std::uint8_t*>(out), size},
                                            context);
  });
}

size_t qcompress_base_count(const qcompress_container* container) {
  return container->container.base_files().size();
}

qcompress_status qcompress_get_base(const qcompress_container* container, size_t index,
                                    qcompress_file* file) {
  if (index >= qcompress_base_count(container)) return QCOMPRESS_ERROR_USAGE;
  file->path = container->base_paths[index];
  file->size = container->container.base_files()[index].size;
  return QCOMPRESS_OK;
}

qcompress_status qcompress_set_base(qcompress_container* container, const void* const* files,
                                    size_t count, qcompress_error* error) {
  const auto expected = container->container.base_files();
  qc::FixedArray<qc::ByteView> views(container->memory);
  if (count != expected.size() || files == nullptr ||
      std::count(files, files + count, nullptr) > 0) {
    return qc::report(error, QCOMPRESS_ERROR_USAGE, "the base has other files");
  }
  if (!views.create(count)) return qc::report(error, QCOMPRESS_ERROR_MEMORY, "there is no memory");
  for (std::size_t i = 0; i < count; ++i) {
    views[i] = {static_cast<const std::uint8_t*>(files[i]),
                static_cast<std::size_t>(expected[i].size)};
  }
  return qc::report(error, container->memory, container->container.set_base(views.span()));
}

size_t qcompress_tensor_count(const qcompress_container* container) {
  return container->tensors.tensors().size();
}

qcompress_status qcompress_get_tensor(const qcompress_container* container, size_t index,
                                      qcompress_tensor* tensor) {
  if (index >= qcompress_tensor_count(container)) return QCOMPRESS_ERROR_USAGE;
  const qc::ListedTensor& listed = container->tensors.tensors()[index];
  tensor->name = listed.name.data();
  tensor->type = listed.type;
  tensor->rank = listed.dims.size();
  tensor->shape = listed.dims.data();
  tensor->size = listed.size;
  qc::describe(container->container, listed, *tensor);
  return QCOMPRESS_OK;
}

size_t qcompress_find_tensor(const qcompress_container* container, const char* name) {
  const auto tensors = container->tensors.tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name == name) return i;
  }
  return SIZE_MAX;
}

qcompress_status qcompress_decode_tensor(const qcompress_container* container, size_t index,
                                         void* out, size_t size, qcompress_error* error) {
  if (index >= qcompress_tensor_count(container)) {
    return qc::report(error, QCOMPRESS_ERROR_USAGE, "there is no such tensor");
  }
  const qc::ListedTensor& tensor = container->tensors.tensors()[index];
  const qcompress_status status = qc::check_buffer(out, size, tensor.size, error);
  if (status != QCOMPRESS_OK) return status;
  return qc::decode(*container, error, [&](qc::DecodeContext& context) {
    return qc::TensorList::decode(container->container, tensor,
                                  {static_cast<std::uint8_t*>(out), size}, context);
  });
}

qcompress_status qcompress_verify(const qcompress_container* container, qcompress_error* error) {
  return qc::decode(*container, error, [&](qc::DecodeContext& context) {
    return container->container.verify(context);
  });
}

const char* qcompress_metadata(const qcompress_container* container, const char* key,
                               size_t* size) {
  const auto notes = container->container.notes();
  for (std::size_t i = notes.size(); i-- > 0;) {
    if (notes[i].key != key) continue;
    if (size != nullptr) *size = notes[i].value.size();
    return container->values[i];
  }
  return nullptr;
}

}  // extern "C"
