/* Products of signs with signs: equal ones are counted, 32 at a time. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_ones: needs qk_inline */
/* The bits that are set in a word. Compilers make vectors of the additions, but not of an
 * instruction that counts, unless there is one for vectors. */
#if defined(__AVX512VPOPCNTDQ__)
#define qk_ones(word) ((uint32_t)__builtin_popcount(word))
#else
QK_INLINE uint32_t qk_ones(uint32_t word) {
  word -= (word >> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >> 2) & 0x33333333);
  word = (word + (word >> 4)) & 0x0f0f0f0f;
  return (word * 0x01010101) >> 24;
}
#endif

/* kernel qk_xnor_sums */
/* Adds counts to y, and at the last of them makes products of them: counts are whole numbers, which
 * are exact as floats, so that only the scale rounds. */
static void qk_xnor_sums(float *y, const uint32_t *counted, const uint32_t *different, size_t count,
                         int is_first, int is_last, float scale, float bias) {
  size_t q;
  for (q = 0; q < count; q++) {
    float sum = (float)(int32_t)(counted[q] - 2 * different[q]);
    if (!is_first) sum += y[q];
    y[q] = is_last ? bias + scale * sum : sum;
  }
}

/* kernel qk_xnor_of_one: needs qk_ones, qk_xnor_sums */
/* qk_xnor of one pixel, 1024 columns at a time. */
static void qk_xnor_of_one(const uint32_t *weights, const float *scales, size_t scale_step,
                           size_t rows, size_t columns, const float *bias, const float *x, float *y,
                           size_t stride) {
  const size_t words = (columns + 31) / 32;
  size_t first, c, r, i;
  for (first = 0; first < words; first += 32) {
    const size_t some = words - first < 32 ? words - first : 32;
    uint32_t positive[32];
    uint32_t nonzero[32];
    uint32_t counted = 0;
    for (i = 0; i < some; i++) {
      const size_t begin = 32 * (first + i);
      const size_t end = columns - begin < 32 ? columns : begin + 32;
      uint32_t plus = 0;
      uint32_t minus = 0;
      for (c = begin; c < end; c++) {
        plus |= (uint32_t)(x[c] > 0) << (c & 31);
        minus |= (uint32_t)(x[c] < 0) << (c & 31);
      }
      positive[i] = plus;
      nonzero[i] = plus | minus;
      counted += qk_ones(nonzero[i]);
    }
    for (r = 0; r < rows; r++) {
      const uint32_t *const row = weights + r * words + first;
      uint32_t different = 0;
      for (i = 0; i < some; i++) different += qk_ones((row[i] ^ positive[i]) & nonzero[i]);
      qk_xnor_sums(y + r * stride, &counted, &different, 1, first == 0, first + some == words,
                   scales[r * scale_step], bias != NULL ? bias[r] : 0);
    }
  }
}

/* kernel qk_xnor_of_many: needs qk_ones, qk_xnor_sums */
/* qk_xnor of up to eight pixels from x to end, 256 columns at a time. */
static void qk_xnor_of_many(const uint32_t *weights, const float *scales, size_t scale_step,
                            size_t rows, size_t columns, const float *bias, const float *x,
                            size_t pixels, size_t count, float *y, size_t stride) {
  const size_t words = (columns + 31) / 32;
  size_t first, c, q, r, i;
  for (first = 0; first < words; first += 8) {
    const size_t some = words - first < 8 ? words - first : 8;
    uint32_t positive[8][8];
    uint32_t nonzero[8][8];
    uint32_t counted[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (i = 0; i < some; i++) {
      const size_t begin = 32 * (first + i);
      const size_t end = columns - begin < 32 ? columns : begin + 32;
      uint32_t plus[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      uint32_t minus[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      for (c = begin; c < end; c++) {
        const float *const from = x + c * pixels;
        const uint32_t bit = (uint32_t)1 << (c & 31);
        float values[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        if (count == 8) {
          memcpy(values, from, sizeof values);
        } else {
          for (q = 0; q < count; q++) values[q] = from[q];
        }
        for (q = 0; q < 8; q++) {
          plus[q] |= (0 - (uint32_t)(values[q] > 0)) & bit;
          minus[q] |= (0 - (uint32_t)(values[q] < 0)) & bit;
        }
      }
      for (q = 0; q < 8; q++) {
        positive[i][q] = plus[q];
        nonzero[i][q] = plus[q] | minus[q];
        counted[q] += qk_ones(nonzero[i][q]);
      }
    }
    for (r = 0; r < rows; r++) {
      const uint32_t *const row = weights + r * words + first;
      uint32_t different[8] = {0, 0, 0, 0, 0, 0, 0, 0};
      for (i = 0; i < some; i++) {
        for (q = 0; q < 8; q++) {
          different[q] += qk_ones((row[i] ^ positive[i][q]) & nonzero[i][q]);
        }
      }
      qk_xnor_sums(y + r * stride, counted, different, count, first == 0, first + some == words,
                   scales[r * scale_step], bias != NULL ? bias[r] : 0);
    }
  }
}

/* kernel qk_xnor: needs qk_xnor_of_one, qk_xnor_of_many */
/* weights: a bit each, 1 for positive ones, the first in the lowest bit, rows from whole words;
 * scales: what they are multiplied with, one or, with a step of 1, one for each row. x: -1, 1, or 0
 * where a convolution pads, which counts nothing. */
static void qk_xnor(const uint32_t *weights, const float *scales, size_t scale_step, size_t rows,
                    size_t columns, const float *bias, const float *x, size_t pixels, float *y,
                    size_t stride) {
  size_t p;
  if (pixels == 1) {
    qk_xnor_of_one(weights, scales, scale_step, rows, columns, bias, x, y, stride);
    return;
  }
  for (p = 0; p < pixels; p += 8) {
    qk_xnor_of_many(weights, scales, scale_step, rows, columns, bias, x + p, pixels,
                    pixels - p < 8 ? pixels - p : 8, y + p, stride);
  }
}
