/* Sixteen floats that are added and multiplied together, of which the last may be missing in
 * memory. */
#include <stddef.h>
#include <string.h>

/* kernel qk_wide: needs qk_lanes */
/* Sixteen floats, in the vectors that there are. */
#if defined(__AVX512F__)
#include <immintrin.h>
typedef float qk_wide_part __attribute__((vector_size(64), aligned(4), may_alias));
#else
typedef qk_part qk_wide_part;
#endif
enum { QK_WIDE_PARTS = 16 * sizeof(float) / sizeof(qk_wide_part) };
typedef struct qk_wide {
  qk_wide_part at[QK_WIDE_PARTS];
} qk_wide;

/* kernel qk_wide_fill: needs qk_inline, qk_wide */
QK_INLINE void qk_wide_fill(qk_wide *to, float value) {
  const qk_wide_part zeros = {0};
  int i;
  for (i = 0; i < QK_WIDE_PARTS; i++) to->at[i] = zeros + value;
}

/* kernel qk_wide_load: needs qk_inline, qk_wide */
/* The first floats, `count` of them, and anything in the others. */
QK_INLINE void qk_wide_load(qk_wide *to, const float *from, size_t count) {
  int i;
  if (count >= 16) {
    for (i = 0; i < QK_WIDE_PARTS; i++) to->at[i] = ((const qk_wide_part *)from)[i];
  } else {
#if defined(__AVX512F__)
    to->at[0] = (qk_wide_part)_mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), from);
#else
    float values[16] = {0};
    for (i = 0; i < (int)count; i++) values[i] = from[i];
    memcpy(to, values, sizeof values);
#endif
  }
}

/* kernel qk_wide_keep: needs qk_inline, qk_wide */
/* Says that it is needed in registers: compilers read it from memory for every use otherwise. */
QK_INLINE void qk_wide_keep(qk_wide *x) {
#if defined(__AVX__)
  int i;
  for (i = 0; i < QK_WIDE_PARTS; i++) __asm__("" : "+v"(x->at[i]));
#else
  (void)x;
#endif
}

/* kernel qk_wide_store: needs qk_inline, qk_wide */
/* The first floats, `count` of them. */
QK_INLINE void qk_wide_store(float *to, const qk_wide *from, size_t count) {
  int i;
  if (count >= 16) {
    for (i = 0; i < QK_WIDE_PARTS; i++) ((qk_wide_part *)to)[i] = from->at[i];
  } else {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(to, (__mmask16)((1U << count) - 1), (__m512)from->at[0]);
#else
    float values[16];
    memcpy(values, from, sizeof values);
    for (i = 0; i < (int)count; i++) to[i] = values[i];
#endif
  }
}

/* kernel qk_wide_add: needs qk_inline, qk_wide */
/* sum += x. */
QK_INLINE void qk_wide_add(qk_wide *sum, const float *x) {
  int i;
  for (i = 0; i < QK_WIDE_PARTS; i++) sum->at[i] += ((const qk_wide_part *)x)[i];
}

/* kernel qk_wide_add_scaled: needs qk_inline, qk_wide */
/* sum += w * x. */
QK_INLINE void qk_wide_add_scaled(qk_wide *sum, float w, const float *x) {
  int i;
  for (i = 0; i < QK_WIDE_PARTS; i++) sum->at[i] += w * ((const qk_wide_part *)x)[i];
}

/* kernel qk_wide_add_times: needs qk_inline, qk_wide */
/* sum += w * x. */
QK_INLINE void qk_wide_add_times(qk_wide *sum, float w, const qk_wide *x) {
  int i;
  for (i = 0; i < QK_WIDE_PARTS; i++) sum->at[i] += w * x->at[i];
}
