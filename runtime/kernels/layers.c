/* Convolutions and products of matrices. The products with a layer's weights are a function that is
   written for the layer; see qk_products. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_products */
/* y[r * stride + p] = bias[r] + sum over c of w[r][c] * x[c * pixels + p], for the weights w of a
   group. */
typedef void (*qk_products)(size_t group, const float *x, size_t pixels, float *y, size_t stride,
                            void *scratch);

/* kernel qk_window */
/* How a window moves over three axes: sizes of input and output, of the window, its strides,
   dilations, and the padding before the input. */
enum { QK_IN = 0, QK_OUT = 3, QK_KERNEL = 6, QK_STRIDE = 9, QK_DILATION = 12, QK_PAD = 15 };

/* kernel qk_volume */
/* Elements of three axes. */
static size_t qk_volume(const int32_t *sizes) {
  return (size_t)sizes[0] * (size_t)sizes[1] * (size_t)sizes[2];
}

/* kernel qk_copy_bytes */
static void qk_copy_bytes(const void *x, void *y, size_t bytes) { memcpy(y, x, bytes); }

/* kernel qk_run */
/* Pixels of the output that follow each other in a line, and where their first window begins in the
   input. */
struct qk_run {
  size_t first; /* of the pixels of a block */
  size_t count;
  int32_t begin[3];
};

/* kernel qk_runs: needs qk_window, qk_run */
/* The runs of a few pixels from `first` on. */
static size_t qk_runs(const int32_t *window, size_t first, size_t pixels, struct qk_run *runs) {
  const int32_t *out = window + QK_OUT;
  const size_t width = (size_t)out[2];
  size_t count = 0;
  size_t p = 0;
  while (p < pixels) {
    const size_t line = (first + p) / width;
    const size_t left = width - (first + p) % width;
    struct qk_run *run = runs + count++;
    int32_t place[3];
    int axis;
    place[0] = (int32_t)(line / (size_t)out[1]);
    place[1] = (int32_t)(line % (size_t)out[1]);
    place[2] = (int32_t)(width - left);
    for (axis = 0; axis < 3; ++axis) {
      run->begin[axis] = place[axis] * window[QK_STRIDE + axis] - window[QK_PAD + axis];
    }
    run->first = p;
    run->count = pixels - p < left ? pixels - p : left;
    p += run->count;
  }
  return count;
}

/* kernel qk_places */
/* The number of places i from 0 to `most` for which begin + i * stride is below `end`. */
static size_t qk_places(int32_t begin, int32_t stride, int32_t end, size_t most) {
  const int32_t room = end - begin;
  size_t places;
  if (room <= 0) return 0;
  places = stride == 1 ? (size_t)room : ((size_t)room - 1) / (size_t)stride + 1;
  return places < most ? places : most;
}

/* kernel qk_patch: needs qk_window, qk_volume, qk_run, qk_places */
/* What the windows of a run have at one of their places, in all channels; 0 where they are outside.
 */
static void qk_patch(const float *x, size_t channels, const int32_t *window,
                     const struct qk_run *run, const int32_t *tap, float *patch, size_t step) {
  const int32_t *in = window + QK_IN;
  const int32_t stride = window[QK_STRIDE + 2];
  const size_t plane = qk_volume(in);
  const int32_t a = run->begin[0] + tap[0];
  const int32_t b = run->begin[1] + tap[1];
  const int32_t d = run->begin[2] + tap[2];
  const int within = a >= 0 && a < in[0] && b >= 0 && b < in[1];
  const size_t end = within ? qk_places(d, stride, in[2], run->count) : 0;
  const size_t begin = qk_places(d, stride, 0, end);
  const ptrdiff_t place = within ? ((ptrdiff_t)a * in[1] + b) * in[2] + d : 0;
  size_t c;
  size_t p;
  for (c = 0; c < channels; ++c, x += plane, patch += step) {
    if (begin == 0 && end == 8 && stride == 1) {
      memcpy(patch, x + place, 8 * sizeof(float));
    } else {
      for (p = 0; p < begin; ++p) patch[p] = 0.0F;
      for (; p < end; ++p) patch[p] = x[place + (ptrdiff_t)p * stride];
      for (; p < run->count; ++p) patch[p] = 0.0F;
    }
  }
}

/* kernel qk_run_patches: needs qk_patch, qk_volume */
/* The patches of the input below runs of pixels of the output, as columns of a matrix (im2col). */
static void qk_run_patches(const float *x, size_t channels, const int32_t *window,
                           const struct qk_run *runs, size_t count, size_t pixels, float *patches) {
  const int32_t *kernel = window + QK_KERNEL;
  const int32_t *dilation = window + QK_DILATION;
  const size_t step = qk_volume(kernel) * pixels;
  size_t r;
  int32_t i;
  int32_t j;
  int32_t k;
  for (i = 0; i < kernel[0]; ++i) {
    for (j = 0; j < kernel[1]; ++j) {
      for (k = 0; k < kernel[2]; ++k) {
        int32_t tap[3];
        tap[0] = i * dilation[0];
        tap[1] = j * dilation[1];
        tap[2] = k * dilation[2];
        for (r = 0; r < count; ++r) {
          qk_patch(x, channels, window, runs + r, tap, patches + runs[r].first, step);
        }
        patches += pixels;
      }
    }
  }
}

/* kernel qk_conv_patches: needs qk_runs, qk_run_patches */
/* Those of at most eight pixels from `first` on. */
static void qk_conv_patches(const float *x, size_t channels, const int32_t *window, size_t first,
                            size_t pixels, float *patches) {
  struct qk_run runs[8];
  const size_t count = qk_runs(window, first, pixels, runs);
  qk_run_patches(x, channels, window, runs, count, pixels, patches);
}

/* kernel qk_conv: needs qk_products, qk_conv_patches */
/* A convolution: a block of at most 8 pixels at a time. */
static void qk_conv(qk_products products, const float *x, size_t batch, size_t groups,
                    size_t channels, size_t rows, const int32_t *window, size_t block,
                    float *patches, void *scratch, float *y) {
  const size_t in_plane = qk_volume(window + QK_IN);
  const size_t out_plane = qk_volume(window + QK_OUT);
  size_t n;
  size_t first;
  for (n = 0; n < batch * groups; ++n) {
    for (first = 0; first < out_plane; first += block) {
      const size_t pixels = out_plane - first < block ? out_plane - first : block;
      qk_conv_patches(x, channels, window, first, pixels, patches);
      products(n % groups, patches, pixels, y + first, out_plane, scratch);
    }
    x += channels * in_plane;
    y += rows * out_plane;
  }
}

/* kernel qk_product_planes: needs qk_products */
/* Products with whole planes: a convolution with windows of one pixel, or a matrix from the left.
 */
static void qk_product_planes(qk_products products, const float *x, size_t batch, size_t groups,
                              size_t channels, size_t rows, size_t plane, void *scratch, float *y) {
  size_t n;
  for (n = 0; n < batch * groups; ++n) {
    products(n % groups, x, plane, y, plane, scratch);
    x += channels * plane;
    y += rows * plane;
  }
}

/* kernel qk_product_rows: needs qk_products */
/* Products with one row of the input after the other. */
static void qk_product_rows(qk_products products, const float *x, size_t batch, size_t columns,
                            size_t rows, void *scratch, float *y) {
  size_t n;
  for (n = 0; n < batch; ++n) {
    products(0, x + n * columns, 1, y + n * rows, 1, scratch);
  }
}

/* kernel qk_depthwise: needs qk_window, qk_volume */
/* A convolution with one input channel a group, and `multiplier` output channels. */
static void qk_depthwise(const float *weights, const float *bias, const float *x, size_t batch,
                         size_t channels, size_t multiplier, const int32_t *window, float *y) {
  const int32_t *in = window + QK_IN;
  const int32_t *out = window + QK_OUT;
  const int32_t *kernel = window + QK_KERNEL;
  const int32_t *stride = window + QK_STRIDE;
  const int32_t *dilation = window + QK_DILATION;
  const int32_t *pad = window + QK_PAD;
  const size_t taps = qk_volume(kernel);
  const size_t plane = qk_volume(in);
  size_t n;
  for (n = 0; n < batch * channels * multiplier; ++n) {
    const size_t row = n % (channels * multiplier);
    const float *from = x + n / multiplier * plane;
    const float *w = weights + row * taps;
    const float start = bias != NULL ? bias[row] : 0.0F;
    int32_t oz;
    int32_t oy;
    int32_t ox;
    for (oz = 0; oz < out[0]; ++oz) {
      for (oy = 0; oy < out[1]; ++oy) {
        for (ox = 0; ox < out[2]; ++ox) {
          float sum = start;
          const float *tap = w;
          int32_t i;
          int32_t j;
          int32_t k;
          for (i = 0; i < kernel[0]; ++i) {
            const int32_t a = oz * stride[0] - pad[0] + i * dilation[0];
            for (j = 0; j < kernel[1]; ++j) {
              const int32_t b = oy * stride[1] - pad[1] + j * dilation[1];
              const int inside = a >= 0 && a < in[0] && b >= 0 && b < in[1];
              const float *line = from;
              if (!inside) {
                tap += kernel[2];
                continue;
              }
              line += ((size_t)a * (size_t)in[1] + (size_t)b) * (size_t)in[2];
              for (k = 0; k < kernel[2]; ++k) {
                const int32_t d = ox * stride[2] - pad[2] + k * dilation[2];
                if (d >= 0 && d < in[2]) sum += *tap * line[d];
                ++tap;
              }
            }
          }
          *y++ = sum;
        }
      }
    }
  }
}

/* kernel qk_conv_scatter: needs qk_window, qk_volume */
/* Adds what some input pixels give to the outputs below their windows. */
static void qk_conv_scatter(const float *patches, size_t channels, const int32_t *window,
                            size_t first, size_t pixels, float *y) {
  const int32_t *in = window + QK_IN;
  const int32_t *out = window + QK_OUT;
  const int32_t *dilation = window + QK_DILATION;
  const size_t plane = qk_volume(out);
  const size_t taps = qk_volume(window + QK_KERNEL);
  size_t p;
  for (p = 0; p < pixels; ++p) {
    int32_t begin[3];
    size_t at = first + p;
    size_t c;
    int32_t i;
    int32_t j;
    int32_t k;
    int axis;
    for (axis = 2; axis >= 0; --axis) {
      const int32_t place = (int32_t)(at % (size_t)in[axis]);
      at /= (size_t)in[axis];
      begin[axis] = place * window[QK_STRIDE + axis] - window[QK_PAD + axis];
    }
    for (c = 0; c < channels; ++c) {
      const float *from = patches + c * taps * pixels + p;
      float *to = y + c * plane;
      for (i = 0; i < window[QK_KERNEL]; ++i) {
        for (j = 0; j < window[QK_KERNEL + 1]; ++j) {
          for (k = 0; k < window[QK_KERNEL + 2]; ++k) {
            const int32_t a = begin[0] + i * dilation[0];
            const int32_t b = begin[1] + j * dilation[1];
            const int32_t d = begin[2] + k * dilation[2];
            if (a >= 0 && a < out[0] && b >= 0 && b < out[1] && d >= 0 && d < out[2]) {
              to[((size_t)a * (size_t)out[1] + (size_t)b) * (size_t)out[2] + (size_t)d] += *from;
            }
            from += pixels;
          }
        }
      }
    }
  }
}

/* kernel qk_conv_transpose: needs qk_products, qk_conv_scatter */
/* A transposed convolution: every input pixel adds a window of products to the output. */
static void qk_conv_transpose(qk_products products, const float *bias, const float *x, size_t batch,
                              size_t groups, size_t channels, size_t rows, const int32_t *window,
                              size_t block, float *pixels_in, float *patches, void *scratch,
                              float *y) {
  const size_t in_plane = qk_volume(window + QK_IN);
  const size_t out_plane = qk_volume(window + QK_OUT);
  size_t n;
  size_t c;
  size_t p;
  size_t first;
  for (n = 0; n < batch * groups; ++n) {
    for (c = 0; c < rows; ++c) {
      const float start = bias != NULL ? bias[n % groups * rows + c] : 0.0F;
      for (p = 0; p < out_plane; ++p) y[c * out_plane + p] = start;
    }
    for (first = 0; first < in_plane; first += block) {
      const size_t pixels = in_plane - first < block ? in_plane - first : block;
      for (c = 0; c < channels; ++c) {
        for (p = 0; p < pixels; ++p) pixels_in[c * pixels + p] = x[c * in_plane + first + p];
      }
      products(n % groups, pixels_in, pixels, patches, pixels, scratch);
      qk_conv_scatter(patches, rows, window, first, pixels, y);
    }
    x += channels * in_plane;
    y += rows * out_plane;
  }
}

/* kernel qk_matmul */
/* y = alpha * a * b, both computed. Strides in elements, so that either may be transposed. */
static void qk_matmul(const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
                      size_t b_column, size_t rows, size_t inner, size_t columns, float alpha,
                      float *y) {
  size_t r;
  size_t c;
  size_t i;
  for (r = 0; r < rows; ++r) {
    for (c = 0; c < columns; ++c) {
      const float *from_a = a + r * a_row;
      const float *from_b = b + c * b_column;
      float sum = 0.0F;
      for (i = 0; i < inner; ++i) sum += from_a[i * a_column] * from_b[i * b_row];
      y[r * columns + c] = alpha * sum;
    }
  }
}

/* kernel qk_matmul_batch: needs qk_matmul */
/* Products of matrices, each of a batch with that of the other at the given places. */
static void qk_matmul_batch(const float *a, const int32_t *a_places, const float *b,
                            const int32_t *b_places, size_t batch, size_t rows, size_t inner,
                            size_t columns, float *y) {
  size_t n;
  for (n = 0; n < batch; ++n) {
    qk_matmul(a + (size_t)a_places[n] * rows * inner, inner, 1,
              b + (size_t)b_places[n] * inner * columns, columns, 1, rows, inner, columns, 1.0F,
              y + n * rows * columns);
  }
}

/* kernel qk_gemm: needs qk_matmul */
/* y = alpha * a * b + beta * c; c is broadcast by its strides, which are 0 then. */
static void qk_gemm(const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
                    size_t b_column, size_t rows, size_t inner, size_t columns, float alpha,
                    float beta, const float *c, size_t c_row, size_t c_column, float *y) {
  size_t r;
  size_t i;
  qk_matmul(a, a_row, a_column, b, b_row, b_column, rows, inner, columns, alpha, y);
  if (c == NULL) return;
  for (r = 0; r < rows; ++r) {
    for (i = 0; i < columns; ++i) y[r * columns + i] += beta * c[r * c_row + i * c_column];
  }
}
