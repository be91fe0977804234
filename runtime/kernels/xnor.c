/* Products of signs with signs: equal ones are counted, 32 at a time. */
#include <stddef.h>
#include <stdint.h>

/* kernel qk_ones
 * The bits that are set in a word. */
#if defined(__GNUC__) && (defined(__POPCNT__) || defined(__aarch64__))
#define qk_ones(word) ((uint32_t)__builtin_popcount(word))
#else
static uint32_t qk_ones(uint32_t word) {
  word -= (word >> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >> 2) & 0x33333333);
  word = (word + (word >> 4)) & 0x0f0f0f0f;
  return (word * 0x01010101) >> 24;
}
#endif

/* kernel qk_xnor: needs qk_ones
 * weights: a bit each, 1 for positive ones, the first in the lowest bit, rows from whole words;
 * scales: what they are multiplied with, one or, with a step of 1, one for each row. x: -1, 1, or 0
 * where a convolution pads, which counts nothing. Of eight pixels, 256 columns at a time. */
static void qk_xnor(const uint32_t *weights, const float *scales, size_t scale_step, size_t rows,
                    size_t columns, const float *bias, const float *x, size_t pixels, float *y,
                    size_t stride) {
  const size_t words = (columns + 31) / 32;
  size_t first, c, p, q, r, i;
  for (p = 0; p < pixels; p += 8) {
    const size_t count = pixels - p < 8 ? pixels - p : 8;
    for (first = 0; first < words; first += 8) {
      const size_t some = words - first < 8 ? words - first : 8;
      const size_t until = (first + some) * 32 < columns ? (first + some) * 32 : columns;
      uint32_t positive[8][8];
      uint32_t counted[8][8];
      int32_t total[8];
      for (q = 0; q < count; q++) {
        total[q] = 0;
        for (i = 0; i < some; i++) {
          uint32_t plus = 0;
          uint32_t minus = 0;
          for (c = (first + i) * 32; c < until && c < (first + i + 1) * 32; c++) {
            const float value = x[c * pixels + p + q];
            plus |= (uint32_t)(value > 0) << (c & 31);
            minus |= (uint32_t)(value < 0) << (c & 31);
          }
          positive[q][i] = plus;
          counted[q][i] = plus | minus;
          total[q] += (int32_t)qk_ones(plus | minus);
        }
      }
      for (r = 0; r < rows; r++) {
        const uint32_t *const row = weights + r * words + first;
        for (q = 0; q < count; q++) {
          float *const to = y + r * stride + p + q;
          uint32_t different = 0;
          for (i = 0; i < some; i++) {
            different += qk_ones((row[i] ^ positive[q][i]) & counted[q][i]);
          }
          if (first == 0) *to = 0;
          *to += (float)(total[q] - 2 * (int32_t)different);
          /* Counts are whole numbers, so scaling the sum of them all rounds once. */
          if (first + some == words) {
            *to *= scales[r * scale_step];
            if (bias != NULL) *to += bias[r];
          }
        }
      }
    }
  }
}
