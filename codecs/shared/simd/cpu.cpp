#include "codecs/shared/simd/cpu.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

#if QC_X86_KERNELS
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace qc {
namespace {

// Levels of the architecture, the lowest first.
#if QC_X86_KERNELS
constexpr std::array kLevels = {SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512};
#elif QC_NEON_KERNELS
constexpr std::array kLevels = {SimdLevel::kScalar, SimdLevel::kNeon};
#else
constexpr std::array kLevels = {SimdLevel::kScalar};
#endif

#if QC_X86_KERNELS
bool has_all(unsigned word, unsigned bits) noexcept { return (word & bits) == bits; }

// Registers that the operating system keeps, as bits of XCR0.
[[gnu::target("xsave")]] unsigned kept_registers() noexcept {
  return static_cast<unsigned>(_xgetbv(0));
}

// The compiler's own __builtin_cpu_supports() takes 4.5 kB, a thirtieth of libqcompress.
SimdLevel detect() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !has_all(ecx, bit_OSXSAVE)) {
    return SimdLevel::kScalar;
  }
  constexpr unsigned kYmm = 0x06;
  constexpr unsigned kZmm = 0xe6;
  const unsigned kept = kept_registers();
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !has_all(kept, kYmm) ||
      !has_all(ebx, bit_AVX2 | bit_BMI2)) {
    return SimdLevel::kScalar;
  }
  const bool wide = has_all(kept, kZmm) &&
                    has_all(ebx, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL) &&
                    has_all(ecx, bit_AVX512VBMI | bit_AVX512VBMI2);
  return wide ? SimdLevel::kAvx512 : SimdLevel::kAvx2;
}
#else
SimdLevel detect() noexcept { return kLevels.back(); }
#endif

// A level that is found out when it is first asked for, at worst by several threads, which find the
// same: a local static would need the C++ runtime's library.
class LazyLevel {
 public:
  template <typename Find>
  SimdLevel get(Find&& find) noexcept {
    int level = level_.load();
    if (level == kUnknown) level_.store(level = static_cast<int>(find()));
    return static_cast<SimdLevel>(level);
  }
  void set(SimdLevel level) noexcept { level_.store(static_cast<int>(level)); }

 private:
  static constexpr int kUnknown = -1;
  std::atomic<int> level_ = kUnknown;
};

constinit LazyLevel machine_level;
constinit LazyLevel current_level;

SimdLevel best_level() noexcept { return machine_level.get(detect); }

SimdLevel wanted_level() noexcept {
  const char* wanted = std::getenv("QCOMPRESS_SIMD");
  for (const SimdLevel candidate : kLevels) {
    if (wanted != nullptr && simd_level_name(candidate) == wanted) {
      return std::min(candidate, best_level());
    }
  }
  return best_level();
}

}  // namespace

SimdLevel simd_level() noexcept { return current_level.get(wanted_level); }

std::span<const SimdLevel> available_simd_levels() noexcept {
  const auto* best = std::find(kLevels.begin(), kLevels.end(), best_level());
  return {kLevels.begin(), best + 1};
}

std::string_view simd_level_name(SimdLevel level) noexcept {
  switch (level) {
    case SimdLevel::kScalar:
      return "scalar";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
    default:
      return "neon";
  }
}

ScopedSimdLevel::ScopedSimdLevel(SimdLevel level) noexcept : before_(simd_level()) {
  current_level.set(level);
}

ScopedSimdLevel::~ScopedSimdLevel() { current_level.set(before_); }

}  // namespace qc
