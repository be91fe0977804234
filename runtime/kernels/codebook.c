/* Products with matrices of few values: each weight is the place of its value in a codebook. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_add_column: needs qk_load_pixels, qk_add_scaled */
/* Adds the products of a weight: of a single pixel to `one`, of several to `lanes`. */
QK_INLINE void qk_add_column(float *one, qk_lanes *lanes, float w, const float *x, const float *end,
                             size_t pixels, size_t count) {
  qk_lanes column;
  if (pixels == 1) {
    *one += w * *x;
  } else {
    qk_load_pixels(&column, x, end, count);
    qk_add_scaled(lanes, w, &column);
  }
}

/* kernel qk_finish_row: needs qk_inline, qk_lanes */
/* y[p] = bias + scale * sum; nothing for what is NULL. */
QK_INLINE void qk_finish_row(float *y, float one, const qk_lanes *lanes, size_t pixels,
                             size_t count, const float *bias, const float *scales, size_t row) {
  float sums[8];
  size_t p;
  memcpy(sums, lanes, sizeof sums);
  if (pixels == 1) sums[0] = one;
  for (p = 0; p < count && p < 8; p++) {
    const float scaled = scales != NULL ? scales[row] * sums[p] : sums[p];
    y[p] = bias != NULL ? bias[row] + scaled : scaled;
  }
}

/* kernel qk_codebook: needs qk_bits_at, qk_low_bits, qk_load_pixels, qk_add_scaled,
   qk_lanes_fill, qk_finish_row */
/* codes: places in the codebook of `bits` bits each, row after row; scales: what the values of a
 * row are multiplied with, or NULL. */
static void qk_codebook(const uint8_t *codes, unsigned bits, const float *codebook,
                        const float *scales, size_t rows, size_t columns, const float *bias,
                        const float *x, size_t pixels, float *y, size_t stride) {
  const float *const end = x + columns * pixels;
  size_t p, r, c;
  for (p = 0; p < pixels; p += 8) {
    size_t place = 0;
    for (r = 0; r < rows; r++) {
      float one = 0;
      qk_lanes lanes;
      qk_lanes_fill(&lanes, 0);
      if (pixels == 1) {
        for (c = 0; c < columns; c++, place += bits) {
          one += codebook[qk_low_bits(qk_bits_at(codes, place), bits)] * x[c];
        }
      } else {
        const float *from = x + p;
        for (c = 0; c < columns; c++, place += bits, from += pixels) {
          qk_lanes column;
          qk_load_pixels(&column, from, end, pixels - p);
          qk_add_scaled(&lanes, codebook[qk_low_bits(qk_bits_at(codes, place), bits)], &column);
        }
      }
      qk_finish_row(y + r * stride + p, one, &lanes, pixels, pixels - p, bias, scales, r);
    }
  }
}

/* kernel qk_radix: needs qk_add_column, qk_lanes_fill, qk_finish_row */
/* As qk_codebook, with several codes in a byte as the digits of a fraction: the byte times the
 * radix, the number of values, has the next digit above its low eight bits. */
static void qk_radix(const uint8_t *bytes, unsigned radix, unsigned digits, const float *codebook,
                     const float *scales, size_t rows, size_t columns, const float *bias,
                     const float *x, size_t pixels, float *y, size_t stride) {
  const float *const end = x + columns * pixels;
  size_t p, r, c;
  for (p = 0; p < pixels; p += 8) {
    const uint8_t *next = bytes;
    unsigned left = 0;
    unsigned fraction = 0;
    for (r = 0; r < rows; r++) {
      float one = 0;
      qk_lanes lanes;
      qk_lanes_fill(&lanes, 0);
      for (c = 0; c < columns; c++) {
        if (left == 0) {
          fraction = *next++;
          left = digits;
        }
        left--;
        fraction *= radix;
        qk_add_column(&one, &lanes, codebook[fraction >> 8], x + c * pixels + p, end, pixels,
                      pixels - p);
        fraction &= 255;
      }
      qk_finish_row(y + r * stride + p, one, &lanes, pixels, pixels - p, bias, scales, r);
    }
  }
}
