/* Eight floats that are added and multiplied together: what vector instructions do where there are
 * some, and eight of the same scalar ones elsewhere, with the same results. */
#include <stddef.h>
#include <string.h>

/* kernel qk_inline */
/* Calls of these would take longer than what they do. */
#if defined(__GNUC__)
#define QK_INLINE static inline __attribute__((always_inline))
#else
#define QK_INLINE static inline
#endif

/* kernel qk_lanes */
/* Eight floats as one vector, two or no vectors, aligned as floats are. */
#if defined(__AVX__)
typedef float qk_part __attribute__((vector_size(32), aligned(4), may_alias));
#elif defined(__GNUC__)
typedef float qk_part __attribute__((vector_size(16), aligned(4), may_alias));
#else
typedef float qk_part;
#endif
enum { QK_PARTS = 8 * sizeof(float) / sizeof(qk_part) };
typedef struct qk_lanes {
  qk_part at[QK_PARTS];
} qk_lanes;

/* kernel qk_lanes_fill: needs qk_inline, qk_lanes */
QK_INLINE void qk_lanes_fill(qk_lanes *to, float value) {
  const qk_part zeros = {0};
  int i;
  for (i = 0; i < QK_PARTS; i++) to->at[i] = zeros + value;
}

/* kernel qk_lanes_load: needs qk_inline, qk_lanes */
QK_INLINE void qk_lanes_load(qk_lanes *to, const float *from) {
  int i;
  for (i = 0; i < QK_PARTS; i++) to->at[i] = ((const qk_part *)from)[i];
}

/* kernel qk_load_within: needs qk_inline, qk_lanes, qk_lanes_load */
/* Reads nothing from `end` on: lanes without a float are 0. */
QK_INLINE void qk_load_within(qk_lanes *to, const float *from, const float *end) {
  const size_t count = (size_t)(end - from);
  if (count >= 8) {
    qk_lanes_load(to, from);
  } else {
    float values[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    size_t i;
    for (i = 0; i < count; i++) values[i] = from[i];
    qk_lanes_load(to, values);
  }
}

/* kernel qk_load_pixels: needs qk_load_within */
/* The first lanes, `count` of them, and anything in the others. */
QK_INLINE void qk_load_pixels(qk_lanes *to, const float *from, const float *end, size_t count) {
  if (count >= 8) {
    qk_lanes_load(to, from);
  } else {
    qk_load_within(to, from, end);
  }
}

/* kernel qk_lanes_store: needs qk_inline, qk_lanes */
/* The first lanes, `count` of them. */
QK_INLINE void qk_lanes_store(float *to, const qk_lanes *from, size_t count) {
  int i;
  if (count >= 8) {
    for (i = 0; i < QK_PARTS; i++) ((qk_part *)to)[i] = from->at[i];
  } else {
    float values[8];
    memcpy(values, from, sizeof values);
    for (i = 0; i < (int)count; i++) to[i] = values[i];
  }
}

/* kernel qk_lanes_add: needs qk_inline, qk_lanes */
QK_INLINE void qk_lanes_add(qk_lanes *sum, const qk_lanes *x) {
  int i;
  for (i = 0; i < QK_PARTS; i++) sum->at[i] += x->at[i];
}

/* kernel qk_add_scaled: needs qk_inline, qk_lanes */
/* sum += w * x. */
QK_INLINE void qk_add_scaled(qk_lanes *sum, float w, const qk_lanes *x) {
  int i;
  for (i = 0; i < QK_PARTS; i++) sum->at[i] += w * x->at[i];
}

/* kernel qk_add_products: needs qk_inline, qk_lanes */
/* sum += w * x, lane by lane. */
QK_INLINE void qk_add_products(qk_lanes *sum, const qk_lanes *w, const qk_lanes *x) {
  int i;
  for (i = 0; i < QK_PARTS; i++) sum->at[i] += w->at[i] * x->at[i];
}

/* kernel qk_lanes_total: needs qk_inline, qk_lanes */
/* The sum of the lanes, in halves: always in the same order. */
QK_INLINE float qk_lanes_total(const qk_lanes *x) {
  float at[8];
  memcpy(at, x, sizeof at);
  return ((at[0] + at[4]) + (at[2] + at[6])) + ((at[1] + at[5]) + (at[3] + at[7]));
}
