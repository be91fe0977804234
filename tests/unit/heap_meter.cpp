#include "heap_meter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define QC_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QC_TEST_ASAN 1
#endif
#endif

#ifdef QC_TEST_ASAN
// GCC does not install the header that declares them.
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*, std::size_t),
                                              void (*on_free)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void* memory);
}
#endif

namespace qc::test {
namespace {

std::atomic<bool> counting{false};
std::atomic<std::ptrdiff_t> live{0};
std::atomic<std::ptrdiff_t> most{0};

void count(std::ptrdiff_t change) noexcept {
  const std::ptrdiff_t now = live.fetch_add(change) + change;
  std::ptrdiff_t before = most.load();
  while (now > before && !most.compare_exchange_weak(before, now)) {
  }
}

#ifdef QC_TEST_ASAN
void on_malloc(const volatile void* /*memory*/, std::size_t size) {
  if (counting) count(static_cast<std::ptrdiff_t>(size));
}

void on_free(const volatile void* memory) {
  if (!counting || memory == nullptr) return;
  count(-static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(memory)));
}

[[maybe_unused]] const int hooks_installed =
    __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
#endif

}  // namespace

HeapMeter::HeapMeter() {
  live = 0;
  most = 0;
  counting = true;
}

HeapMeter::~HeapMeter() { counting = false; }

std::size_t HeapMeter::peak() const { return static_cast<std::size_t>(most.load()); }

}  // namespace qc::test

#ifndef QC_TEST_ASAN
void* operator new(std::size_t size) {
  void* memory = std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  if (qc::test::counting) {
    qc::test::count(static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  }
  return memory;
}

void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  if (qc::test::counting) {
    qc::test::count(-static_cast<std::ptrdiff_t>(malloc_usable_size(memory)));
  }
  std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept { ::operator delete(memory); }
#endif
