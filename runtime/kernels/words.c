/* Convolutions by tiles whose inputs are a few bits each: products are counts of bits, 32 channels
 * of a pixel at a time. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_counts */
/* Sixteen numbers of 32 bits, in the vectors that there are. */
#if defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>
typedef uint32_t qk_count_part __attribute__((vector_size(64), aligned(4), may_alias));
#elif defined(__AVX2__)
typedef uint32_t qk_count_part __attribute__((vector_size(32), aligned(4), may_alias));
#elif defined(__GNUC__)
typedef uint32_t qk_count_part __attribute__((vector_size(16), aligned(4), may_alias));
#else
typedef uint32_t qk_count_part;
#endif
enum { QK_COUNT_PARTS = 16 * sizeof(uint32_t) / sizeof(qk_count_part) };
typedef struct qk_counts {
  qk_count_part at[QK_COUNT_PARTS];
} qk_counts;

/* kernel qk_counts_clear: needs qk_inline, qk_counts */
QK_INLINE void qk_counts_clear(qk_counts *counts) {
  const qk_count_part zeros = {0};
  int i;
  for (i = 0; i < QK_COUNT_PARTS; i++) counts->at[i] = zeros;
}

/* kernel qk_counts_double: needs qk_inline, qk_counts */
QK_INLINE void qk_counts_double(qk_counts *counts) {
  int i;
  for (i = 0; i < QK_COUNT_PARTS; i++) counts->at[i] += counts->at[i];
}

/* kernel qk_part_ones: needs qk_inline, qk_counts */
/* The bits that are set in each number. */
#if defined(__AVX512VPOPCNTDQ__)
#define qk_part_ones(words) ((qk_count_part)_mm512_popcnt_epi32((__m512i)(words)))
#else
QK_INLINE qk_count_part qk_part_ones(qk_count_part words) {
  words -= (words >> 1) & 0x55555555;
  words = (words & 0x33333333) + ((words >> 2) & 0x33333333);
  words = (words + (words >> 4)) & 0x0f0f0f0f;
  words += words >> 8;
  return (words + (words >> 16)) & 63;
}
#endif

/* kernel qk_count_words: needs qk_inline, qk_part_ones */
/* Adds to sixteen counts the bits of ((w ^ flips) & masks). */
QK_INLINE void qk_count_words(qk_counts *counts, uint32_t w, const qk_counts *flips,
                              const qk_counts *masks) {
  const qk_count_part zeros = {0};
  int i;
  for (i = 0; i < QK_COUNT_PARTS; i++) {
    counts->at[i] += qk_part_ones(((zeros + w) ^ flips->at[i]) & masks->at[i]);
  }
}

/* kernel qk_pack_words: needs qk_padded_line, qk_volume */
/* Of each 32 channels, planes of words: with `bits`, one for each bit of the numbers 0 to
 * 2^bits - 1 that the values are when multiplied with the largest of them; without, one of the
 * positive ones and one of those that are not zero. */
static void qk_pack_words(const float *x, size_t channels, const int32_t *window, unsigned bits,
                          float *padded) {
  const size_t planes = bits != 0 ? bits : 2;
  const size_t plane = qk_volume(window + QK_IN);
  const size_t lines = (size_t)window[QK_IN] * (size_t)window[QK_IN + 1];
  const float most = (float)(((uint32_t)1 << bits) - 1);
  const float *const end_of_x = x + channels * plane;
  size_t sizes[3];
  size_t line, first, word, c, i, k;
  qk_padded_sizes(window, sizes);
  for (line = 0; line < lines; line++) {
    size_t width;
    const size_t place = qk_padded_line(window, sizes, line, &width);
    for (first = 0; first < width; first += 16) {
      const size_t some = width - first < 16 ? width - first : 16;
      for (word = 0; word < channels; word += 32) {
        const size_t end = channels - word < 32 ? channels : word + 32;
        uint32_t gathered[8][16] = {{0}};
        for (c = word; c < end; c++) {
          uint32_t codes[16];
          float values[16] = {0};
          const float *const from = x + c * plane + line * (size_t)window[QK_IN + 2] + first;
          /* What follows the line is read and not used, if it belongs to the input. */
          if (end_of_x - from >= 16) {
            memcpy(values, from, 16 * sizeof(float));
          } else {
            memcpy(values, from, some * sizeof(float));
          }
          for (i = 0; i < 16; i++) {
            codes[i] = bits != 0 ? (uint32_t)(int32_t)(values[i] * most + 0.5F)
                                 : (uint32_t)(values[i] > 0) | (uint32_t)(values[i] != 0) << 1;
          }
          for (k = 0; k < planes; k++) {
            for (i = 0; i < 16; i++) gathered[k][i] |= (codes[i] >> k & 1) << (c & 31);
          }
        }
        for (k = 0; k < planes; k++) {
          memcpy(padded + (word / 32 * planes + k) * sizes[0] * sizes[1] * sizes[2] + place + first,
                 gathered[k], some * sizeof(uint32_t));
        }
      }
    }
  }
}

/* kernel qk_load_words: needs qk_inline, qk_counts */
QK_INLINE void qk_load_words(qk_counts *to, const float *from) {
  int i;
  for (i = 0; i < QK_COUNT_PARTS; i++) to->at[i] = ((const qk_count_part *)from)[i];
}

/* kernel qk_word_sums: needs qk_count_words, qk_load_words, qk_counts_clear, qk_counts_double */
/* Counts of a segment of a tile for up to four rows of weights, of which w has `words` for each: of
 * signs that differ without `bits`, else the sums of the numbers below positive weights. Where w is
 * NULL, those of all inputs: how many signs are not zero, or the sums of all numbers. */
QK_INLINE void qk_word_sums(qk_counts *sums, size_t rows, unsigned bits, const uint32_t *const *w,
                            size_t words, size_t taps, const float *x) {
  const size_t planes = bits != 0 ? bits : 2;
  qk_counts own[4]; /* in registers, which those of the caller are not */
  size_t b, k, t, i;
  for (i = 0; i < rows; i++) qk_counts_clear(&own[i]);
  for (b = planes; b-- > (bits != 0 ? 0U : 1U);) {
    const float *from = x;
    for (i = 0; i < rows; i++) qk_counts_double(&own[i]);
    for (k = 0; k < words; k += taps, from += 64 * planes * taps) {
      for (t = 0; t < taps; t++) {
        qk_counts flips, masks;
        qk_counts_clear(&flips);
        if (bits == 0 && w != NULL) qk_load_words(&flips, from + 64 * t);
        qk_load_words(&masks, from + 64 * (b * taps + t));
        for (i = 0; i < rows; i++) {
          qk_count_words(&own[i], w != NULL ? w[i][k + t] : 0xffffffff, &flips, &masks);
        }
      }
    }
  }
  for (i = 0; i < rows; i++) sums[i] = own[i];
}

/* kernel qk_word_tiles: needs qk_word_sums, qk_tile, qk_wide_load, qk_wide_store */
/* qk_xnor_tiles without `bits`, else qk_bits_tiles. All but the products with the scales is exact,
 * for the numbers are whole. */
QK_INLINE void qk_word_tiles(unsigned bits, const uint32_t *weights, size_t words, size_t taps,
                             const float *scales, size_t scale_step, size_t rows, const float *bias,
                             const float *x, const struct qk_tile *tile, float *y, size_t stride) {
  size_t s, r, i, p;
  for (s = 0; s < 4 && tile->counts[s] != 0; s++) {
    qk_counts all;
    uint32_t totals[16];
    qk_word_sums(&all, 1, bits, NULL, words, taps, x + 16 * s);
    memcpy(totals, &all, sizeof totals);
    for (r = 0; r < rows; r += 4) {
      const uint32_t *w[4];
      qk_counts sums[4];
      for (i = 0; i < 4; i++) w[i] = weights + (r + i < rows ? r + i : rows - 1) * words;
      qk_word_sums(sums, 4, bits, w, words, taps, x + 16 * s);
      for (i = 0; i < 4 && r + i < rows; i++) {
        const float scale = scales[(r + i) * scale_step];
        const float start = bias != NULL ? bias[r + i] : 0;
        uint32_t counts[16];
        float results[16];
        qk_wide lanes;
        memcpy(counts, &sums[i], sizeof counts);
        for (p = 0; p < 16; p++) {
          const int32_t all_of = (int32_t)totals[p];
          const int32_t twice = 2 * (int32_t)counts[p];
          results[p] = start + scale * (float)(bits != 0 ? twice - all_of : all_of - twice);
        }
        qk_wide_load(&lanes, results, 16);
        qk_wide_store(y + (r + i) * stride + tile->to[s], &lanes, tile->counts[s]);
      }
    }
  }
}

/* kernel qk_xnor_tiles: needs qk_word_tiles */
/* weights: for each row, each 32 channels and each of the taps of the window, a bit for each
 * channel, 1 for positive weights; `words` of them a row. Signs that differ are counted. */
static void qk_xnor_tiles(const uint32_t *weights, size_t words, size_t taps, const float *scales,
                          size_t scale_step, size_t rows, size_t columns, const float *bias,
                          const float *x, const struct qk_tile *tile, float *y, size_t stride) {
  (void)columns;
  qk_word_tiles(0, weights, words, taps, scales, scale_step, rows, bias, x, tile, y, stride);
}

/* kernel qk_bits_tiles: needs qk_word_tiles */
/* As qk_xnor_tiles, for inputs of some bits: those of positive weights are counted, and twice as
 * many less all of them are the sum. The scales are of the numbers that the inputs stand for. */
static void qk_bits_tiles(const uint32_t *weights, size_t words, size_t taps, unsigned bits,
                          const float *scales, size_t scale_step, size_t rows, size_t columns,
                          const float *bias, const float *x, const struct qk_tile *tile, float *y,
                          size_t stride) {
  (void)columns;
  qk_word_tiles(bits, weights, words, taps, scales, scale_step, rows, bias, x, tile, y, stride);
}
