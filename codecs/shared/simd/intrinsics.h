// The intrinsics of the machine. For files of kernels only.
#pragma once

#include "codecs/shared/simd/cpu.h"

#if QC_X86_KERNELS
#include <immintrin.h>

// GCC's AVX-512 intrinsics pass values on that they leave undefined on purpose.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#elif QC_NEON_KERNELS
#include <arm_neon.h>
#endif
