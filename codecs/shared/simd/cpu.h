// Which vector instructions the machine has. Kernels come in a portable version and, where it pays,
// in versions for these; all give the same results.
#pragma once

#include <span>
#include <string_view>

// Kernels for x86-64 are compiled function by function, so that nothing else in the program needs
// a newer machine.
#if defined(__x86_64__)
#define QC_X86_KERNELS 1
#define QC_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define QC_TARGET_AVX512                                                           \
  __attribute__((                                                                  \
      target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi," \
             "avx512vbmi2")))
#else
#define QC_X86_KERNELS 0
#endif

// Every AArch64 machine has NEON.
#if defined(__aarch64__) && defined(__AARCH64EL__)
#define QC_NEON_KERNELS 1
#else
#define QC_NEON_KERNELS 0
#endif

namespace qc {

/// Instruction sets that kernels are written for. On one machine, each has all that come before it.
enum class SimdLevel {
  kScalar,  ///< nothing beyond the architecture's baseline
  kAvx2,    ///< x86-64-v3: AVX2, BMI2
  kAvx512,  ///< AVX-512 with BW, DQ, VL, VBMI and VBMI2 (Ice Lake, Zen 4)
  kNeon,    ///< NEON, on AArch64
};

/// The level that kernels run at: the best of the machine, or the one that the environment variable
/// QCOMPRESS_SIMD (scalar, or another name of a level) allows at most.
SimdLevel simd_level() noexcept;

/// Levels that the machine has, the lowest first.
std::span<const SimdLevel> available_simd_levels() noexcept;

/// "scalar", "avx2", "avx512" or "neon".
std::string_view simd_level_name(SimdLevel level) noexcept;

/// Sets the level until the end of the scope, for tests and benchmarks that compare levels. The
/// machine must have it. Not while other threads run kernels.
class ScopedSimdLevel {
 public:
  explicit ScopedSimdLevel(SimdLevel level) noexcept;
  ~ScopedSimdLevel();
  ScopedSimdLevel(const ScopedSimdLevel&) = delete;
  ScopedSimdLevel& operator=(const ScopedSimdLevel&) = delete;

 private:
  SimdLevel before_;
};

}  // namespace qc
