/* Pools: the largest or mean value below a window. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* kernel qk_span: needs qk_window */
/* The part of a window that lies on the input, along one axis: elements of the window. */
static void qk_span(const int32_t *window, int axis, int32_t place, int32_t *start, int32_t *first,
                    int32_t *last) {
  const int32_t dilation = window[QK_DILATION + axis];
  const int32_t in = window[QK_IN + axis];
  const int32_t kernel = window[QK_KERNEL + axis];
  *start = place * window[QK_STRIDE + axis] - window[QK_PAD + axis];
  *first = *start < 0 ? (dilation - 1 - *start) / dilation : 0;
  *last = *start >= in ? 0 : (in - *start + dilation - 1) / dilation;
  if (*last > kernel) *last = kernel;
}

/* kernel qk_raise */
/* The larger of y and of the values that one place of the window has, for a line of the output. */
static void qk_raise(const float *x, size_t stride, size_t count, float *y) {
  size_t i;
  if (stride == 1) {
    for (i = 0; i < count; ++i) y[i] = x[i] > y[i] ? x[i] : y[i];
  } else {
    for (i = 0; i < count; ++i) y[i] = x[i * stride] > y[i] ? x[i * stride] : y[i];
  }
}

/* kernel qk_max_pool: needs qk_span, qk_places, qk_raise, qk_volume */
static void qk_max_pool(const float *x, size_t planes, const int32_t *window, float *y) {
  const int32_t *in = window + QK_IN;
  const int32_t *out = window + QK_OUT;
  const int32_t *dilation = window + QK_DILATION;
  const int32_t stride = window[QK_STRIDE + 2];
  const size_t width = (size_t)out[2];
  size_t n;
  for (n = 0; n < planes; ++n, x += qk_volume(in)) {
    int32_t oz;
    int32_t oy;
    for (oz = 0; oz < out[0]; ++oz) {
      int32_t z;
      int32_t z_first;
      int32_t z_last;
      qk_span(window, 0, oz, &z, &z_first, &z_last);
      for (oy = 0; oy < out[1]; ++oy, y += width) {
        int32_t r;
        int32_t r_first;
        int32_t r_last;
        int32_t i;
        int32_t j;
        int32_t k;
        size_t c;
        qk_span(window, 1, oy, &r, &r_first, &r_last);
        for (c = 0; c < width; ++c) y[c] = -INFINITY;
        for (k = 0; k < window[QK_KERNEL + 2]; ++k) {
          const int32_t begin = k * dilation[2] - window[QK_PAD + 2];
          const size_t first = qk_places(begin, stride, 0, width);
          const size_t last = qk_places(begin, stride, in[2], width);
          const ptrdiff_t place = begin + (ptrdiff_t)first * stride;
          if (first >= last) continue;
          for (i = z_first; i < z_last; ++i) {
            for (j = r_first; j < r_last; ++j) {
              const size_t line =
                  (size_t)(z + i * dilation[0]) * (size_t)in[1] + (size_t)(r + j * dilation[1]);
              qk_raise(x + (ptrdiff_t)(line * (size_t)in[2]) + place, (size_t)stride, last - first,
                       y + first);
            }
          }
        }
      }
    }
  }
}

/* kernel qk_max_pool_2x2 */
/* qk_max_pool of windows of two by two that lie side by side and cover the input: `lines` of the
 * output in all planes, of `width` each. */
static void qk_max_pool_2x2(const float *x, size_t lines, size_t width, float *y) {
  size_t n;
  size_t i;
  for (n = 0; n < lines; ++n, x += 4 * width, y += width) {
    const float *const below = x + 2 * width;
    for (i = 0; i < width; ++i) {
      const float first = x[2 * i] > below[2 * i] ? x[2 * i] : below[2 * i];
      const float second = x[2 * i + 1] > below[2 * i + 1] ? x[2 * i + 1] : below[2 * i + 1];
      y[i] = second > first ? second : first;
    }
  }
}

/* kernel qk_reach: needs qk_window */
/* Elements of a window on the input or its padding, along one axis. */
static int32_t qk_reach(const int32_t *window, int axis, int32_t start, int32_t padding) {
  const int32_t dilation = window[QK_DILATION + axis];
  const int32_t reach = (window[QK_IN + axis] + padding - start + dilation - 1) / dilation;
  return reach < window[QK_KERNEL + axis] ? reach : window[QK_KERNEL + axis];
}

/* kernel qk_average_pool: needs qk_span, qk_reach, qk_volume */
/* `with_padding`: zeros of the padding count, too, which is `padding` at the end of the axes. */
static void qk_average_pool(const float *x, size_t planes, const int32_t *window, float *y,
                            int32_t with_padding, const int32_t *padding) {
  const int32_t *in = window + QK_IN;
  const int32_t *out = window + QK_OUT;
  const int32_t *dilation = window + QK_DILATION;
  size_t n;
  for (n = 0; n < planes; ++n) {
    int32_t oz;
    int32_t oy;
    int32_t ox;
    for (oz = 0; oz < out[0]; ++oz) {
      int32_t z;
      int32_t z_first;
      int32_t z_last;
      qk_span(window, 0, oz, &z, &z_first, &z_last);
      for (oy = 0; oy < out[1]; ++oy) {
        int32_t r;
        int32_t r_first;
        int32_t r_last;
        qk_span(window, 1, oy, &r, &r_first, &r_last);
        for (ox = 0; ox < out[2]; ++ox) {
          int32_t c;
          int32_t c_first;
          int32_t c_last;
          int32_t count;
          int32_t i;
          int32_t j;
          int32_t k;
          float sum = 0.0F;
          qk_span(window, 2, ox, &c, &c_first, &c_last);
          for (i = z_first; i < z_last; ++i) {
            for (j = r_first; j < r_last; ++j) {
              const size_t line =
                  (size_t)(z + i * dilation[0]) * (size_t)in[1] + (size_t)(r + j * dilation[1]);
              const float *from = x + line * (size_t)in[2];
              for (k = c_first; k < c_last; ++k) sum += from[c + k * dilation[2]];
            }
          }
          if (with_padding) {
            count = qk_reach(window, 0, z, padding[0]) * qk_reach(window, 1, r, padding[1]) *
                    qk_reach(window, 2, c, padding[2]);
          } else {
            count = (z_last - z_first) * (r_last - r_first) * (c_last - c_first);
          }
          *y++ = count > 0 ? sum / (float)count : 0.0F;
        }
      }
    }
    x += qk_volume(in);
  }
}

/* kernel qk_global_average */
static void qk_global_average(const float *x, size_t planes, size_t size, float *y) {
  size_t n;
  size_t i;
  for (n = 0; n < planes; ++n) {
    float sum = 0.0F;
    for (i = 0; i < size; ++i) sum += x[n * size + i];
    y[n] = sum / (float)size;
  }
}

/* kernel qk_global_max */
static void qk_global_max(const float *x, size_t planes, size_t size, float *y) {
  size_t n;
  size_t i;
  for (n = 0; n < planes; ++n) {
    float largest = x[n * size];
    for (i = 1; i < size; ++i) {
      if (x[n * size + i] > largest) largest = x[n * size + i];
    }
    y[n] = largest;
  }
}
