/* Normalisation. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_scale_channels */
/* y = scale x + bias with a scale and a bias for each channel; scale or bias may be NULL. y may be
   x. */
static void qk_scale_channels(const float *x, const float *scale, const float *bias, float *y,
                              size_t outer, size_t channels, size_t inner) {
  for (size_t o = 0; o < outer; ++o) {
    for (size_t c = 0; c < channels; ++c, x += inner, y += inner) {
      const float factor = scale != NULL ? scale[c] : 1.0F;
      const float offset = bias != NULL ? bias[c] : 0.0F;
      for (size_t i = 0; i < inner; ++i) y[i] = factor * x[i] + offset;
    }
  }
}

/* kernel qk_batch_norm */
/* y = (x - mean) / sqrt(variance + epsilon) scale + bias, all computed. y may be x. */
static void qk_batch_norm(const float *x, const float *scale, const float *bias, const float *mean,
                          const float *variance, float *y, size_t outer, size_t channels,
                          size_t inner, float epsilon) {
  for (size_t o = 0; o < outer; ++o) {
    for (size_t c = 0; c < channels; ++c, x += inner, y += inner) {
      const float factor = scale[c] / sqrtf(variance[c] + epsilon);
      for (size_t i = 0; i < inner; ++i) y[i] = (x[i] - mean[c]) * factor + bias[c];
    }
  }
}

/* kernel qk_partial_sum */
/* The sum of f(x - mean), f being the square or nothing, in parts: so that the sum of many thousand
   elements is as exact as that of a few. */
static float qk_partial_sum(const float *x, size_t count, float mean, int squared) {
  float sum = 0.0F;
  for (size_t first = 0; first < count; first += 128) {
    const size_t end = count - first < 128 ? count : first + 128;
    float part = 0.0F;
    for (size_t i = first; i < end; ++i) {
      const float value = x[i] - mean;
      part += squared ? value * value : value;
    }
    sum += part;
  }
  return sum;
}

/* kernel qk_normalize: needs qk_partial_sum */
/* Each row less its mean (unless not centred) and divided by its deviation; then a scale and a
   bias, which may be NULL: element i of the tensor has those of number i / repeat % period. The
   means and the reciprocals of the deviations go to where there is place for them. y may be x. */
static void qk_normalize(const float *x, const float *scale, const float *bias, float *y,
                         float *means, float *deviations, size_t rows, size_t columns,
                         size_t repeat, size_t period, float epsilon, int centred) {
  size_t repeated = 0;
  size_t k = 0;
  for (size_t row = 0; row < rows; ++row, x += columns, y += columns) {
    const float count = (float)columns;
    const float mean = centred ? qk_partial_sum(x, columns, 0.0F, 0) / count : 0.0F;
    const float variance = qk_partial_sum(x, columns, mean, 1) / count;
    const float factor = 1.0F / sqrtf(variance + epsilon);
    if (means != NULL) means[row] = mean;
    if (deviations != NULL) deviations[row] = factor;
    for (size_t i = 0; i < columns; ++i) {
      const float value = (x[i] - mean) * factor;
      y[i] = (scale != NULL ? value * scale[k] : value) + (bias != NULL ? bias[k] : 0.0F);
      if (++repeated < repeat) continue;
      repeated = 0;
      if (++k == period) k = 0;
    }
  }
}

/* kernel qk_skip_normalize: needs qk_normalize */
/* Normalises the rows of x + skip + shift, shift being a row or NULL; the sum goes to `sums`, too,
   where that is not NULL. `skip` has `skip_count` elements and is repeated. */
static void qk_skip_normalize(const float *x, const float *skip, const float *shift,
                              const float *scale, const float *bias, float *y, float *sums,
                              size_t rows, size_t columns, size_t skip_count, float epsilon,
                              int centred) {
  for (size_t i = 0; i < rows * columns; ++i) {
    const float sum = x[i] + skip[i % skip_count];
    y[i] = shift != NULL ? sum + shift[i % columns] : sum;
    if (sums != NULL) sums[i] = y[i];
  }
  qk_normalize(y, scale, bias, y, NULL, NULL, rows, columns, 1, columns, epsilon, centred);
}

/* kernel qk_lp_normalize */
/* Divides by the sum of magnitudes, p = 1, or by the root of that of squares, along an axis. y may
   be x. */
static void qk_lp_normalize(const float *x, float *y, size_t outer, size_t axis, size_t inner,
                            int p) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner) {
    for (size_t i = 0; i < inner; ++i) {
      float norm = 0.0F;
      for (size_t k = 0; k < axis; ++k) {
        const float value = x[k * inner + i];
        norm += p == 1 ? fabsf(value) : value * value;
      }
      if (p != 1) norm = sqrtf(norm);
      for (size_t k = 0; k < axis; ++k) {
        y[k * inner + i] = norm > 0.0F ? x[k * inner + i] / norm : 0.0F;
      }
    }
  }
}

/* kernel qk_lrn */
/* Divides by a power of the sum of squares of `before` channels before and `after` channels
   after. */
static void qk_lrn(const float *x, float *y, size_t outer, size_t channels, size_t inner,
                   size_t before, size_t after, float factor, float power, float bias) {
  for (size_t o = 0; o < outer; ++o, x += channels * inner, y += channels * inner) {
    for (size_t c = 0; c < channels; ++c) {
      const size_t first = c < before ? 0 : c - before;
      const size_t end = channels - c > after ? c + after + 1 : channels;
      for (size_t i = 0; i < inner; ++i) {
        float sum = 0.0F;
        for (size_t k = first; k < end; ++k) sum += x[k * inner + i] * x[k * inner + i];
        y[c * inner + i] = x[c * inner + i] / powf(bias + factor * sum, power);
      }
    }
  }
}

/* kernel qk_standardize: needs qk_next, qk_axes */
/* Less the mean and divided by the deviation over the axes that are reduced, for each place of
   those that are kept. y may be x. */
static void qk_standardize(const float *x, float *y, float epsilon, int32_t kept,
                           const int32_t *kept_shape, int32_t reduced,
                           const int32_t *reduced_shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at = 0;
  float count = 1.0F;
  for (int32_t axis = 0; axis < reduced; ++axis) count *= (float)reduced_shape[axis];
  do {
    int32_t inner_index[QK_AXES] = {0};
    int32_t inner = at;
    float mean = 0.0F;
    float variance = 0.0F;
    do {
      mean += x[inner];
    } while (qk_next(inner_index, reduced, reduced, reduced_shape, &inner, 1));
    mean /= count;
    do {
      variance += (x[inner] - mean) * (x[inner] - mean);
    } while (qk_next(inner_index, reduced, reduced, reduced_shape, &inner, 1));
    variance = sqrtf(variance / count) + epsilon;
    do {
      y[inner] = (x[inner] - mean) / variance;
    } while (qk_next(inner_index, reduced, reduced, reduced_shape, &inner, 1));
  } while (qk_next(index, kept, kept, kept_shape, &at, 1));
}

/* kernel qk_quantize: needs qk_element_at */
/* To bytes with a scale and a zero point, which may be NULL, for each channel. Halves are rounded
   to even, and what is out of range becomes the nearest number. With `multiplies`, the scale is what
   x is multiplied by: a division by its reciprocal would round some halves to the other side. */
static void qk_quantize(const float *x, const float *scale, const void *zero, uint8_t *y,
                        enum qk_element type, int multiplies, size_t outer, size_t channels,
                        size_t inner) {
  const float low = type == QK_INT8 ? -128.0F : 0.0F;
  const float high = type == QK_INT8 ? 127.0F : 255.0F;
  for (size_t o = 0; o < outer; ++o) {
    for (size_t c = 0; c < channels; ++c) {
      const float offset = zero != NULL ? (float)qk_element_at(zero, c, type) : 0.0F;
      for (size_t i = 0; i < inner; ++i) {
        const float value = rintf(multiplies ? *x * scale[c] : *x / scale[c]) + offset;
        *y = (uint8_t)((int32_t)fminf(high, fmaxf(low, value)) & 0xff);
        ++x;
        ++y;
      }
    }
  }
}

/* kernel qk_dequantize: needs qk_element_at */
/* The way back; `zero` may be NULL. */
static void qk_dequantize(const void *x, enum qk_element type, const float *scale, const void *zero,
                          float *y, size_t outer, size_t channels, size_t inner) {
  size_t at = 0;
  for (size_t o = 0; o < outer; ++o) {
    for (size_t c = 0; c < channels; ++c) {
      const int64_t offset = zero != NULL ? qk_element_at(zero, c, type) : 0;
      for (size_t i = 0; i < inner; ++i, ++at) {
        y[at] = (float)(qk_element_at(x, at, type) - offset) * scale[c];
      }
    }
  }
}
