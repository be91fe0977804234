/* Products with matrices that are mostly zero: the zeros are skipped. */
#include <stddef.h>
#include <stdint.h>

/* kernel qk_gap: needs qk_bits_at, qk_low_bits */
/* A number of zeros in so many bits; all ones stand for as many zeros and for those that the next
 * number tells. */
QK_INLINE size_t qk_gap(const uint8_t *stream, size_t *place, unsigned bits) {
  const uint32_t most = qk_low_bits(0xffffffff, bits);
  size_t zeros = 0;
  for (;;) {
    const uint32_t number = qk_low_bits(qk_bits_at(stream, *place), bits);
    *place += bits;
    zeros += number;
    if (number != most) return zeros;
  }
}

/* kernel qk_rice: needs qk_bits_at, qk_low_bits */
/* A number of zeros as a Rice code: its multiples of 2^bits as so many ones and a zero, then the
 * rest. */
QK_INLINE size_t qk_rice(const uint8_t *stream, size_t *place, unsigned bits) {
  size_t zeros = 0;
  uint32_t word = qk_bits_at(stream, *place);
  for (; (word & 1) != 0; word >>= 1) {
    zeros++;
    if (zeros % 16 == 0) word = qk_bits_at(stream, *place + zeros - 1);
  }
  *place += zeros + 1 + bits;
  return zeros << bits | qk_low_bits(qk_bits_at(stream, *place - bits), bits);
}

/* kernel qk_sparse_rows: needs qk_gap, qk_rice, qk_add_column, qk_lanes_fill, qk_finish_row */
/* qk_sparse, with either code of gaps. */
QK_INLINE void qk_sparse_rows(int rice, const uint8_t *stream, unsigned gap_bits, unsigned bits,
                              const float *codebook, const float *scales, size_t rows,
                              size_t columns, const float *bias, const float *x, size_t pixels,
                              float *y, size_t stride) {
  const float *const end = x + columns * pixels;
  size_t p, r;
  for (p = 0; p < pixels; p += 8) {
    const float *value = codebook;
    size_t place = 0;
    size_t c = rice ? qk_rice(stream, &place, gap_bits) : qk_gap(stream, &place, gap_bits);
    for (r = 0; r < rows; r++, c -= columns) {
      float one = 0;
      qk_lanes lanes;
      qk_lanes_fill(&lanes, 0);
      while (c < columns) {
        const float w =
            bits != 0 ? codebook[qk_low_bits(qk_bits_at(stream, place), bits)] : *value++;
        place += bits;
        qk_add_column(&one, &lanes, w, x + c * pixels + p, end, pixels, pixels - p);
        c += 1 + (rice ? qk_rice(stream, &place, gap_bits) : qk_gap(stream, &place, gap_bits));
      }
      qk_finish_row(y + r * stride + p, one, &lanes, pixels, pixels - p, bias, scales, r);
    }
  }
}

/* kernel qk_sparse: needs qk_sparse_rows */
/* stream: for each weight that is not zero, the number of zeros before it in the matrix, counted
 * across rows, then the place of its value in the codebook, in `bits` bits; last, the number of
 * zeros after them all. With `bits` of 0, `codebook` has the weights themselves, in their order.
 * scales: what the values of a row are multiplied with, or NULL. */
static void qk_sparse(const uint8_t *stream, unsigned gap_bits, unsigned bits,
                      const float *codebook, const float *scales, size_t rows, size_t columns,
                      const float *bias, const float *x, size_t pixels, float *y, size_t stride) {
  qk_sparse_rows(0, stream, gap_bits, bits, codebook, scales, rows, columns, bias, x, pixels, y,
                 stride);
}

/* kernel qk_sparse_rice: needs qk_sparse_rows */
/* As qk_sparse, with Rice codes. */
static void qk_sparse_rice(const uint8_t *stream, unsigned gap_bits, unsigned bits,
                           const float *codebook, const float *scales, size_t rows, size_t columns,
                           const float *bias, const float *x, size_t pixels, float *y,
                           size_t stride) {
  qk_sparse_rows(1, stream, gap_bits, bits, codebook, scales, rows, columns, bias, x, pixels, y,
                 stride);
}

/* kernel qk_sparse16: needs qk_lanes_fill, qk_load_pixels, qk_lanes_add, qk_add_scaled,
   qk_lanes_store */
/* counts: of each row's weights that are not zero; places, values: their columns and themselves. Of
 * one pixel there are four sums, which are added in a fixed order. */
static void qk_sparse16(const uint16_t *counts, const uint16_t *places, const float *values,
                        size_t rows, size_t columns, const float *bias, const float *x,
                        size_t pixels, float *y, size_t stride) {
  const float *const end = x + columns * pixels;
  size_t p, r, i;
  for (p = 0; p < pixels; p += 8) {
    const uint16_t *place = places;
    const float *w = values;
    for (r = 0; r < rows; r++) {
      const size_t count = counts[r];
      const float first = bias != NULL ? bias[r] : 0;
      i = 0;
      if (pixels == 1) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (; i + 4 <= count; i += 4) {
          s0 += w[i] * x[place[i]];
          s1 += w[i + 1] * x[place[i + 1]];
          s2 += w[i + 2] * x[place[i + 2]];
          s3 += w[i + 3] * x[place[i + 3]];
        }
        for (; i < count; i++) s0 += w[i] * x[place[i]];
        y[r * stride] = first + ((s0 + s2) + (s1 + s3));
      } else {
        qk_lanes even, odd, lanes;
        qk_lanes_fill(&even, first);
        qk_lanes_fill(&odd, 0);
        for (; i + 2 <= count; i += 2) {
          qk_load_pixels(&lanes, x + place[i] * pixels + p, end, pixels - p);
          qk_add_scaled(&even, w[i], &lanes);
          qk_load_pixels(&lanes, x + place[i + 1] * pixels + p, end, pixels - p);
          qk_add_scaled(&odd, w[i + 1], &lanes);
        }
        if (i < count) {
          qk_load_pixels(&lanes, x + place[i] * pixels + p, end, pixels - p);
          qk_add_scaled(&even, w[i], &lanes);
        }
        qk_lanes_add(&even, &odd);
        qk_lanes_store(y + r * stride + p, &even, pixels - p);
      }
      place += count;
      w += count;
    }
  }
}
