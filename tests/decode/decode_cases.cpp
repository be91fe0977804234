// Decodes the cases that write_decode_cases wrote, in as many ways as a reader may be called and at
// every level of vector instructions that the machine has, on a stack of 64 KiB. It links the
// decoder alone, and is built for other machines too.
//
// A case: the sizes of the encoded and of the decoded tensor in four bytes each, then the two.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "codecs/decode/layout.h"
#include "codecs/decode/tensor_decoder.h"
#include "codecs/shared/simd/cpu.h"
#include "core/bytes.h"

#ifndef __EMSCRIPTEN__
#include <limits.h>
#include <pthread.h>
#endif

namespace qc {
namespace {

struct Case {
  ByteView coded;
  ByteView expected;
};

std::vector<Case> cases;
int failures = 0;

void check(bool fine, std::size_t at, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "case %zu: %s\n", at, what);
  ++failures;
}

// In pieces of every size that the interface allows, read and streamed in turn.
bool decodes_in_pieces(const Case& test, DecodeContext& context) {
  constexpr std::size_t kHead = 2;
  Element element;
  const LayoutDecoder* layout = find_layout_decoder(test.coded[0]);
  if (layout == nullptr || !element_from_code(test.coded[1], element)) return false;
  context.reset(test.expected.size());
  ByteReader in(test.coded.subspan(kHead));
  std::size_t left = test.expected.size() / element.width;
  ElementReader* reader = layout->open(in, element, left, context, nullptr);
  if (reader == nullptr) return false;
  const MutableBytes piece(heap().allocate(kBlock * element.width), kBlock * element.width);
  const MutableBytes scratch(heap().allocate(piece.size()), piece.size());
  const std::uint8_t* expected = test.expected.data();
  bool same = true;
  for (std::size_t step = 0; left > 0; ++step) {
    const std::size_t some = std::min(left, kReadUnit * (1 + step * 7 % (kBlock / kReadUnit)));
    if (step % 2 == 0) {
      reader->read(piece.data(), some);
    } else {
      reader->stream(piece.data(), some, element.width, scratch.data());
      stream_fence();
    }
    same = same && std::memcmp(piece.data(), expected, some * element.width) == 0;
    expected += some * element.width;
    left -= some;
  }
  heap().release(piece.data(), piece.size());
  heap().release(scratch.data(), scratch.size());
  return reader->finish() && same;
}

void run_at_level() {
  DecodeContext context;
  for (std::size_t at = 0; at < cases.size(); ++at) {
    const Case& test = cases[at];
    const std::size_t size = test.expected.size();
    const MutableBytes out(heap().allocate(size), size);
    for (const StoreMode mode : {StoreMode::kCached, StoreMode::kStreaming}) {
      const DecodeFailure failure = decode_tensor(test.coded, out, context, mode);
      check(failure == nullptr, at, failure != nullptr ? failure : "");
      check(std::equal(out.begin(), out.end(), test.expected.begin()), at, "other elements");
    }
    heap().release(out.data(), out.size());
    check(decodes_to(test.coded, test.expected, context), at, "compared, other elements");
    check(decodes_in_pieces(test, context), at, "other elements in pieces");
    CodedTensorInfo info;
    check(describe_tensor(test.coded, size, context, info) == nullptr, at, "cannot be described");
    // Sizes beyond what a small machine can address, from a file that lies: whether they are
    // refused depends on the layout, but nothing may be read or written out of bounds.
    for (const std::uint64_t huge : {std::uint64_t{1} << 33, std::uint64_t{1} << 60}) {
      CodedTensorInfo other;
      const DecodeFailure ignored = describe_tensor(test.coded, huge, context, other);
      static_cast<void>(ignored);
    }
  }
}

void* run(void* /*unused*/) {
  for (const SimdLevel level : available_simd_levels()) {
    const ScopedSimdLevel scope(level);
    const int before = failures;
    run_at_level();
    if (failures > before) {
      const std::string_view name = simd_level_name(level);
      std::fprintf(stderr, "at level %.*s\n", static_cast<int>(name.size()), name.data());
    }
  }
  return nullptr;
}

bool run_on_small_stack() {
#ifdef __EMSCRIPTEN__
  run(nullptr);  // The stack is that of the program, and its size is given to the linker.
  return true;
#else
  // Some machines, such as aarch64, have no thread with less than a stack of their own.
  const std::size_t stack =
      std::max(std::size_t{64} << 10, static_cast<std::size_t>(PTHREAD_STACK_MIN));
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, stack) != 0 ||
      pthread_create(&thread, &attributes, run, nullptr) != 0) {
    return false;
  }
  pthread_attr_destroy(&attributes);
  return pthread_join(thread, nullptr) == 0;
#endif
}

}  // namespace
}  // namespace qc

int main(int argc, char** argv) {
  std::FILE* file = argc == 2 ? std::fopen(argv[1], "rb") : nullptr;
  if (file == nullptr) {
    std::fprintf(stderr, "usage: decode_cases FILE\n");
    return 2;
  }
  std::vector<std::uint8_t> bytes;
  std::uint8_t block[4096];
  while (const std::size_t size = std::fread(block, 1, sizeof block, file)) {
    bytes.insert(bytes.end(), block, block + size);
  }
  std::fclose(file);
  qc::ByteReader in(bytes);
  while (!in.at_end()) {
    const auto coded = in.le<std::uint32_t>();
    const auto expected = in.le<std::uint32_t>();
    const qc::ByteView coded_bytes = in.take(coded);
    qc::cases.push_back({coded_bytes, in.take(expected)});
  }
  if (!in.ok() || qc::cases.empty() || !qc::run_on_small_stack()) {
    std::fprintf(stderr, "the cases cannot be read or run\n");
    return 2;
  }
  std::printf("%zu cases at %zu levels, %d failures\n", qc::cases.size(),
              qc::available_simd_levels().size(), qc::failures);
  return qc::failures == 0 ? 0 : 1;
}
