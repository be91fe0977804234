#include "data/feeds/audio_file.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.h"
#include "core/error.h"
#include "system/file.h"

namespace qc {
namespace {

constexpr std::size_t kBlockValues = std::size_t{1} << 16;  // of all channels
constexpr int kMaxChannels = 1024;                          // libsndfile's own limit
// Above what the formats reach: FLAC gives 65535 values of silence for 14 bytes.
constexpr sf_count_t kMaxValuesPerByte = 8192;

// Linked, libsndfile and the codecs that it needs would slow the start of every command; they are
// loaded when the first recording is opened, and stay.
struct Sndfile {
  decltype(&sf_open_virtual) open = nullptr;
  decltype(&sf_strerror) error_text = nullptr;
  decltype(&sf_seek) seek = nullptr;
  decltype(&sf_readf_float) read = nullptr;
  decltype(&sf_close) close = nullptr;
};

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) throw Error(ErrorCode::kUnsupported, dlerror());
}

Sndfile load_library() {
  void* library = dlopen("libsndfile.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("reading recordings needs libsndfile, which cannot be loaded: {}\n  "
                            "install it with: apt-get install libsndfile1",
                            dlerror()));
  }
  Sndfile functions;
  find(library, "sf_open_virtual", functions.open);
  find(library, "sf_strerror", functions.error_text);
  find(library, "sf_seek", functions.seek);
  find(library, "sf_readf_float", functions.read);
  find(library, "sf_close", functions.close);
  return functions;
}

const Sndfile& sndfile() {
  static const Sndfile kFunctions = load_library();
  return kFunctions;
}

// The bytes that libsndfile reads from.
struct Stream {
  ByteView bytes;
  sf_count_t at = 0;
};

sf_count_t stream_size(void* user) {
  return static_cast<sf_count_t>(static_cast<Stream*>(user)->bytes.size());
}

sf_count_t stream_seek(sf_count_t offset, int whence, void* user) {
  auto* stream = static_cast<Stream*>(user);
  const sf_count_t size = stream_size(user);
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? stream->at : size;
  // Offsets come from the file: they may be anything.
  if (offset < -from || offset > size - from) return -1;
  stream->at = from + offset;
  return stream->at;
}

sf_count_t stream_read(void* to, sf_count_t count, void* user) {
  auto* stream = static_cast<Stream*>(user);
  const sf_count_t some = std::clamp<sf_count_t>(count, 0, stream_size(user) - stream->at);
  std::copy_n(stream->bytes.data() + stream->at, some, static_cast<std::uint8_t*>(to));
  stream->at += some;
  return some;
}

sf_count_t stream_write(const void* /*from*/, sf_count_t /*count*/, void* /*user*/) { return 0; }

sf_count_t stream_tell(void* user) { return static_cast<Stream*>(user)->at; }

}  // namespace

struct AudioFile::Handle {
  explicit Handle(const std::filesystem::path& path)
      : name(path.string()), file(path), stream{.bytes = file.bytes()} {}
  ~Handle() {
    if (sound != nullptr) sndfile().close(sound);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  std::string name;
  MappedFile file;
  Stream stream;
  SF_INFO info{};
  SNDFILE* sound = nullptr;
};

AudioFile::AudioFile(const std::filesystem::path& path) : handle_(std::make_unique<Handle>(path)) {
  SF_VIRTUAL_IO io{.get_filelen = stream_size,
                   .seek = stream_seek,
                   .read = stream_read,
                   .write = stream_write,
                   .tell = stream_tell};
  const Sndfile& library = sndfile();
  handle_->sound = library.open(&io, SFM_READ, &handle_->info, &handle_->stream);
  if (handle_->sound == nullptr) {
    throw Error(ErrorCode::kCorrupt, fmt::format("{} is no recording or damaged: {}", handle_->name,
                                                 library.error_text(nullptr)));
  }
  const SF_INFO& info = handle_->info;
  const bool possible = info.frames / kMaxValuesPerByte <= stream_size(&handle_->stream);
  if (info.channels < 1 || info.channels > kMaxChannels || info.frames < 1 || !possible ||
      info.samplerate < 1) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("{} is damaged or empty: {} channels of {} values at {} Hz",
                            handle_->name, info.channels, info.frames, info.samplerate));
  }
}

AudioFile::~AudioFile() = default;

std::int64_t AudioFile::rate() const noexcept { return handle_->info.samplerate; }
std::int64_t AudioFile::length() const noexcept { return handle_->info.frames; }

void AudioFile::read(std::int64_t begin, std::span<float> values) {
  const Sndfile& library = sndfile();
  const auto channels = static_cast<std::size_t>(handle_->info.channels);
  const auto cut_short = [&] {
    throw Error(
        ErrorCode::kCorrupt,
        fmt::format("{} is truncated or damaged: its header tells of {} values, they end "
                    "before number {}",
                    handle_->name, length(), begin + static_cast<std::int64_t>(values.size())));
  };
  if (library.seek(handle_->sound, begin, SEEK_SET) != begin) cut_short();
  std::vector<float> block(std::max(kBlockValues / channels, std::size_t{1}) * channels);
  for (std::size_t done = 0; done < values.size();) {
    const std::size_t wanted = std::min(block.size() / channels, values.size() - done);
    const sf_count_t got =
        library.read(handle_->sound, block.data(), static_cast<sf_count_t>(wanted));
    if (got <= 0) cut_short();
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
      float sum = 0;
      for (std::size_t c = 0; c < channels; ++c) sum += block[i * channels + c];
      values[done + i] = sum / static_cast<float>(channels);
    }
    done += static_cast<std::size_t>(got);
  }
}

}  // namespace qc
