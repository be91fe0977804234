/* Functions of two elements, with broadcasting. The rows take every step-th element of a and b: a
   step of 0 repeats one. y may be the one of them that has its shape. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_row */
typedef void qk_row(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                    size_t count);

/* kernel qk_test_row */
typedef void qk_test_row(const float *a, size_t a_step, const float *b, size_t b_step, uint8_t *y,
                         size_t count);

/* kernel qk_broadcast: needs qk_row, qk_next, qk_axes */
/* A walk over the axes of y, of which the last is a row. */
static void qk_broadcast(qk_row *row, const float *a, const float *b, float *y, int32_t rank,
                         const int32_t *shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at[2] = {0, 0};
  const size_t count = (size_t)shape[rank - 1];
  const size_t a_step = (size_t)shape[2 * rank - 1];
  const size_t b_step = (size_t)shape[3 * rank - 1];
  do {
    row(a + at[0], a_step, b + at[1], b_step, y, count);
    y += count;
  } while (qk_next(index, rank - 1, rank, shape, at, 2));
}

/* kernel qk_broadcast_test: needs qk_test_row, qk_next, qk_axes */
/* The same for comparisons. */
static void qk_broadcast_test(qk_test_row *row, const float *a, const float *b, uint8_t *y,
                              int32_t rank, const int32_t *shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at[2] = {0, 0};
  const size_t count = (size_t)shape[rank - 1];
  const size_t a_step = (size_t)shape[2 * rank - 1];
  const size_t b_step = (size_t)shape[3 * rank - 1];
  do {
    row(a + at[0], a_step, b + at[1], b_step, y, count);
    y += count;
  } while (qk_next(index, rank - 1, rank, shape, at, 2));
}

/* kernel qk_add_each */
static void qk_add_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  if (a_step == 1 && b_step == 1) {
    for (size_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
  } else {
    for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] + b[i * b_step];
  }
}

/* kernel qk_sub_each */
static void qk_sub_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  if (a_step == 1 && b_step == 1) {
    for (size_t i = 0; i < count; ++i) y[i] = a[i] - b[i];
  } else {
    for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] - b[i * b_step];
  }
}

/* kernel qk_mul_each */
static void qk_mul_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  if (a_step == 1 && b_step == 1) {
    for (size_t i = 0; i < count; ++i) y[i] = a[i] * b[i];
  } else {
    for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] * b[i * b_step];
  }
}

/* kernel qk_div_each */
static void qk_div_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] / b[i * b_step];
}

/* kernel qk_pow_each */
static void qk_pow_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = powf(a[i * a_step], b[i * b_step]);
}

/* kernel qk_fmod_each */
static void qk_fmod_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                         size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = fmodf(a[i * a_step], b[i * b_step]);
}

/* kernel qk_min_each */
/* NaN where either is NaN. */
static void qk_min_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float left = a[i * a_step];
    const float right = b[i * b_step];
    y[i] = left < right || left != left ? left : right;
  }
}

/* kernel qk_max_each */
/* NaN where either is NaN. */
static void qk_max_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                        size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float left = a[i * a_step];
    const float right = b[i * b_step];
    y[i] = left > right || left != left ? left : right;
  }
}

/* kernel qk_prelu_each */
/* b is the slope. */
static void qk_prelu_each(const float *a, size_t a_step, const float *b, size_t b_step, float *y,
                          size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float x = a[i * a_step];
    y[i] = x < 0.0F ? x * b[i * b_step] : x;
  }
}

/* kernel qk_equal_each */
static void qk_equal_each(const float *a, size_t a_step, const float *b, size_t b_step, uint8_t *y,
                          size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] == b[i * b_step];
}

/* kernel qk_less_each */
static void qk_less_each(const float *a, size_t a_step, const float *b, size_t b_step, uint8_t *y,
                         size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] < b[i * b_step];
}

/* kernel qk_greater_each */
static void qk_greater_each(const float *a, size_t a_step, const float *b, size_t b_step,
                            uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] > b[i * b_step];
}

/* kernel qk_less_or_equal_each */
static void qk_less_or_equal_each(const float *a, size_t a_step, const float *b, size_t b_step,
                                  uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] <= b[i * b_step];
}

/* kernel qk_greater_or_equal_each */
static void qk_greater_or_equal_each(const float *a, size_t a_step, const float *b, size_t b_step,
                                     uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = a[i * a_step] >= b[i * b_step];
}

/* kernel qk_where: needs qk_next, qk_axes */
/* y = condition ? a : b in a walk over the axes of y; elements have `bytes` bytes. */
static void qk_where(const uint8_t *condition, const void *a, const void *b, void *y, size_t bytes,
                     int32_t rank, const int32_t *shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at[3] = {0, 0, 0};
  uint8_t *to = (uint8_t *)y;
  do {
    const int yes = condition[at[0]] != 0;
    const uint8_t *from = (const uint8_t *)(yes ? a : b) + (size_t)at[yes ? 1 : 2] * bytes;
    memmove(to, from, bytes);
    to += bytes;
  } while (qk_next(index, rank, rank, shape, at, 3));
}
