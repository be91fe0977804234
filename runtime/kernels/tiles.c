/* Convolutions by tiles: up to 64 outputs, four segments of lines with sixteen each, for which all
 * inputs are gathered so that vectors of them are aligned. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_tile */
/* Segments of lines: where the windows of their first pixels begin in the input with its padding,
 * where the outputs are in their plane, and how many there are. */
struct qk_tile {
  size_t from[4];
  size_t to[4];
  size_t counts[4];
};

/* kernel qk_tile_products: needs qk_tile */
/* y[r * stride + the place of p] = bias[r] + sum over c of w[r][c] * x[c * 64 + p], for the weights w
   of a group. */
typedef void (*qk_tile_products)(size_t group, const float *x, const struct qk_tile *tile, float *y,
                                 size_t stride);

/* kernel qk_padded_sizes: needs qk_window */
/* The axes of the input with its padding, as far as windows reach. */
static void qk_padded_sizes(const int32_t *window, size_t *sizes) {
  int axis;
  for (axis = 0; axis < 3; axis++) {
    sizes[axis] = (size_t)((window[QK_OUT + axis] - 1) * window[QK_STRIDE + axis] +
                           (window[QK_KERNEL + axis] - 1) * window[QK_DILATION + axis] + 1);
  }
}

/* kernel qk_padded_line: needs qk_padded_sizes */
/* Of a line of the input, where it is in the input with its padding, and how much of it windows
 * reach: perhaps nothing. */
static size_t qk_padded_line(const int32_t *window, const size_t *sizes, size_t line,
                             size_t *count) {
  const size_t lines = (size_t)window[QK_IN + 1];
  const size_t a = line / lines + (size_t)window[QK_PAD];
  const size_t b = line % lines + (size_t)window[QK_PAD + 1];
  const size_t c = (size_t)window[QK_PAD + 2];
  *count = 0;
  if (a < sizes[0] && b < sizes[1] && c < sizes[2]) {
    *count = (size_t)window[QK_IN + 2];
    if (*count > sizes[2] - c) *count = sizes[2] - c;
  }
  return (a * sizes[1] + b) * sizes[2] + c;
}

/* kernel qk_pad_planes: needs qk_padded_line, qk_volume */
/* Floats stay what they are. */
static void qk_pad_planes(const float *x, size_t planes, const int32_t *window, unsigned bits,
                          float *padded) {
  const size_t lines = (size_t)window[QK_IN] * (size_t)window[QK_IN + 1];
  const size_t plane = qk_volume(window + QK_IN);
  size_t sizes[3];
  size_t line;
  size_t c;
  (void)bits;
  qk_padded_sizes(window, sizes);
  for (line = 0; line < lines; line++, x += window[QK_IN + 2]) {
    size_t count;
    const size_t place = qk_padded_line(window, sizes, line, &count);
    if (count == 0) continue;
    for (c = 0; c < planes; c++) {
      memcpy(padded + c * sizes[0] * sizes[1] * sizes[2] + place, x + c * plane,
             count * sizeof(float));
    }
  }
}

/* kernel qk_gather_tile: needs qk_window, qk_tile */
/* For each plane and each place of the window, what the pixels of a tile have there. Elements of
 * any kind with the size of floats. */
static void qk_gather_tile(const float *padded, size_t planes, const int32_t *window,
                           const size_t *sizes, const struct qk_tile *tile, float *to) {
  const int32_t *kernel = window + QK_KERNEL;
  const int32_t *dilation = window + QK_DILATION;
  const size_t stride = (size_t)window[QK_STRIDE + 2];
  size_t plane;
  for (plane = 0; plane < planes; plane++, padded += sizes[0] * sizes[1] * sizes[2]) {
    int32_t i;
    int32_t j;
    int32_t k;
    for (i = 0; i < kernel[0]; i++) {
      for (j = 0; j < kernel[1]; j++) {
        for (k = 0; k < kernel[2]; k++, to += 64) {
          const float *const from =
              padded +
              ((size_t)(i * dilation[0]) * sizes[1] + (size_t)(j * dilation[1])) * sizes[2] +
              (size_t)(k * dilation[2]);
          size_t s;
          size_t p;
          for (s = 0; s < 4; s++) {
            if (stride == 1) {
              memcpy(to + 16 * s, from + tile->from[s], 16 * sizeof(float));
            } else {
              for (p = 0; p < 16; p++) {
                memcpy(to + 16 * s + p, from + tile->from[s] + p * stride, sizeof(float));
              }
            }
          }
        }
      }
    }
  }
}

/* kernel qk_each_tile: needs qk_tile_products, qk_gather_tile, qk_volume */
/* The products with all tiles of an input with its padding. */
static void qk_each_tile(qk_tile_products products, size_t group, const float *padded,
                         size_t planes, const int32_t *window, const size_t *sizes, float *gathered,
                         float *y) {
  const size_t width = (size_t)window[QK_OUT + 2];
  const size_t height = (size_t)window[QK_OUT + 1];
  const size_t all = qk_volume(window + QK_OUT);
  struct qk_tile tile;
  size_t first = 0;
  while (first < all) {
    size_t s;
    for (s = 0; s < 4; s++) {
      /* Past the last segment, the first is calculated again, and not stored. */
      const size_t line = first / width;
      const size_t p = first % width;
      if (first >= all) {
        tile.from[s] = tile.from[0];
        tile.to[s] = 0;
        tile.counts[s] = 0;
        continue;
      }
      tile.from[s] = (line / height * (size_t)window[QK_STRIDE] * sizes[1] +
                      line % height * (size_t)window[QK_STRIDE + 1]) * sizes[2] +
                     p * (size_t)window[QK_STRIDE + 2];
      tile.to[s] = first;
      tile.counts[s] = width - p < 16 ? width - p : 16;
      first += tile.counts[s];
    }
    qk_gather_tile(padded, planes, window, sizes, &tile, gathered);
    products(group, gathered, &tile, y, all);
  }
}

/* kernel qk_aligned */
/* The first place from there on that vectors are aligned at; at most 15 floats further. */
static float *qk_aligned(float *memory) {
  return memory + (64 - ((uintptr_t)memory & 63)) % 64 / sizeof(float);
}

/* kernel qk_put_planes */
/* Puts the channels of a group into planes of the input with its padding, which are zeros before:
   qk_pad_planes or qk_pack_words. */
typedef void (*qk_put_planes)(const float *x, size_t channels, const int32_t *window, unsigned bits,
                              float *padded);

/* kernel qk_conv_tiles: needs qk_put_planes, qk_each_tile, qk_padded_sizes, qk_aligned */
/* A convolution of a group's input in `planes`. memory: 64 floats for each plane and place of the
   window, 16 to align them, the planes with their padding, and 16 strides behind them, which may be
   read. */
static void qk_conv_tiles(qk_tile_products products, const float *x, size_t batch, size_t groups,
                          size_t channels, size_t rows, const int32_t *window, qk_put_planes put,
                          size_t planes, unsigned bits, float *memory, float *y) {
  float *const gathered = qk_aligned(memory);
  float *const padded = gathered + 64 * planes * qk_volume(window + QK_KERNEL);
  size_t sizes[3];
  size_t n;
  qk_padded_sizes(window, sizes);
  memset(
      padded, 0,
      (planes * sizes[0] * sizes[1] * sizes[2] + 16 * (size_t)window[QK_STRIDE + 2]) * sizeof(float));
  for (n = 0; n < batch * groups; n++) {
    put(x, channels, window, bits, padded);
    qk_each_tile(products, n % groups, padded, planes, window, sizes, gathered, y);
    x += channels * qk_volume(window + QK_IN);
    y += rows * qk_volume(window + QK_OUT);
  }
}

/* kernel qk_begin_sums: needs qk_tile, qk_wide_fill, qk_wide_load */
/* What the sums of a row in some segments are before a block of columns: the bias before the first,
 * then what is in y. */
QK_INLINE void qk_begin_sums(qk_wide *sums, const struct qk_tile *tile, size_t segment,
                             size_t segments, int is_first, const float *bias, size_t row,
                             const float *y, size_t stride) {
  size_t s;
  for (s = 0; s < segments; s++) {
    if (is_first || tile->counts[segment + s] == 0) {
      qk_wide_fill(&sums[s], bias != NULL ? bias[row] : 0);
    } else {
      qk_wide_load(&sums[s], y + row * stride + tile->to[segment + s], tile->counts[segment + s]);
    }
  }
}

/* kernel qk_end_sums: needs qk_tile, qk_wide_store */
/* Puts the sums of a row in some segments into y. */
QK_INLINE void qk_end_sums(const qk_wide *sums, const struct qk_tile *tile, size_t segment,
                           size_t segments, size_t row, float *y, size_t stride) {
  size_t s;
  for (s = 0; s < segments; s++) {
    if (tile->counts[segment + s] == 0) continue;
    qk_wide_store(y + row * stride + tile->to[segment + s], &sums[s], tile->counts[segment + s]);
  }
}

/* kernel qk_dense_tiles: needs qk_begin_sums, qk_end_sums, qk_wide_add_times,
   qk_wide_keep */
/* weights: rows * columns floats. 64 columns at a time, whose inputs are near then; four rows and
 * two segments share what is read. */
static void qk_dense_tiles(const float *weights, size_t rows, size_t columns, const float *bias,
                           const float *x, const struct qk_tile *tile, float *y, size_t stride) {
  size_t first, s, r, c;
  for (first = 0; first < columns; first += 64) {
    const size_t end = columns - first < 64 ? columns : first + 64;
    for (r = 0; r < rows; r += 4) {
      for (s = 0; s < 4 && tile->counts[s] != 0; s += 2) {
        size_t row[4];
        qk_wide sums[4][2];
        size_t i;
        for (i = 0; i < 4; i++) {
          /* Past the last row, the last one is calculated again. */
          row[i] = r + i < rows ? r + i : rows - 1;
          qk_begin_sums(sums[i], tile, s, 2, first == 0, bias, row[i], y, stride);
        }
        for (c = first; c < end; c++) {
          qk_wide one, two;
          qk_wide_load(&one, x + 64 * c + 16 * s, 16);
          qk_wide_load(&two, x + 64 * c + 16 * s + 16, 16);
          qk_wide_keep(&one);
          qk_wide_keep(&two);
          for (i = 0; i < 4; i++) {
            const float w = weights[row[i] * columns + c];
            qk_wide_add_times(&sums[i][0], w, &one);
            qk_wide_add_times(&sums[i][1], w, &two);
          }
        }
        for (i = 0; i < 4; i++) qk_end_sums(sums[i], tile, s, 2, row[i], y, stride);
      }
    }
  }
}

/* kernel qk_sparse_tiles: needs qk_begin_sums, qk_end_sums, qk_wide_add_scaled */
/* For each 128 columns and each row, counts: of the weights that are not zero; steps: for each of
 * them, columns from the one before it, or from the first of the block. */
static void qk_sparse_tiles(const uint8_t *counts, const uint8_t *steps, const float *values,
                            size_t rows, size_t columns, const float *bias, const float *x,
                            const struct qk_tile *tile, float *y, size_t stride) {
  size_t first, r;
  for (first = 0; first < columns; first += 128) {
    for (r = 0; r < rows; r++) {
      const float *from = x + 64 * first;
      qk_wide sums[4];
      unsigned count;
      qk_begin_sums(sums, tile, 0, 4, first == 0, bias, r, y, stride);
      for (count = *counts++; count > 0; count--, values++) {
        size_t s;
        from += 64 * (size_t)*steps++;
        for (s = 0; s < 4; s++) qk_wide_add_scaled(&sums[s], *values, from + 16 * s);
      }
      qk_end_sums(sums, tile, 0, 4, r, y, stride);
    }
  }
}

/* kernel qk_add_step: needs qk_inline, qk_wide_add */
/* Goes on to the next column, and adds what four segments have there. */
QK_INLINE const float *qk_add_step(qk_wide *sums, const float *from, uint8_t step) {
  size_t s;
  from += 64 * (size_t)step;
  for (s = 0; s < 4; s++) qk_wide_add(&sums[s], from + 16 * s);
  return from;
}

/* kernel qk_ternary_tiles: needs qk_begin_sums, qk_end_sums, qk_add_step, qk_wide_add_times */
/* As qk_sparse_tiles, with two counts for each row, of the weights of its first scale and of those
 * of its second, and steps from the first of the block for each. */
static void qk_ternary_tiles(const uint8_t *counts, const uint8_t *steps, const float *scales,
                             size_t scale_step, size_t rows, size_t columns, const float *bias,
                             const float *x, const struct qk_tile *tile, float *y, size_t stride) {
  size_t first, r;
  for (first = 0; first < columns; first += 128) {
    for (r = 0; r < rows; r++, counts += 2) {
      const unsigned both = counts[0] < counts[1] ? counts[0] : counts[1];
      const uint8_t *minus = steps + counts[0];
      const float *from_plus = x + 64 * first;
      const float *from_minus = from_plus;
      const float *const scale = scales + r * scale_step;
      qk_wide results[4];
      qk_wide sums[2][4];
      unsigned k;
      size_t s;
      for (s = 0; s < 4; s++) {
        qk_wide_fill(&sums[0][s], 0);
        qk_wide_fill(&sums[1][s], 0);
      }
      /* Two sums at a time do not wait for each other. */
      for (k = 0; k < both; k++) {
        from_plus = qk_add_step(sums[0], from_plus, steps[k]);
        from_minus = qk_add_step(sums[1], from_minus, minus[k]);
      }
      for (k = both; k < counts[0]; k++) from_plus = qk_add_step(sums[0], from_plus, steps[k]);
      for (k = both; k < counts[1]; k++) from_minus = qk_add_step(sums[1], from_minus, minus[k]);
      steps = minus + counts[1];
      qk_begin_sums(results, tile, 0, 4, first == 0, bias, r, y, stride);
      for (s = 0; s < 4; s++) {
        qk_wide_add_times(&results[s], scale[0], &sums[0][s]);
        qk_wide_add_times(&results[s], scale[1], &sums[1][s]);
      }
      qk_end_sums(results, tile, 0, 4, r, y, stride);
    }
  }
}
