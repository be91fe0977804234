/* Reductions over axes, and what looks along one axis. A tensor is outer x axis x inner elements
   where no more is said. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_reduction */
/* Adds a row to what is reduced so far, and makes the result of it. */
typedef void qk_reduction(float *total, const float *x, size_t step, size_t count);
typedef float qk_finish(const float *total, float count);

/* kernel qk_reduce: needs qk_reduction, qk_next, qk_axes */
/* A walk over the axes that are kept, and for each place one over those that are reduced, of which
   the last is a row. total[1] is for what two numbers are needed for. */
static void qk_reduce(qk_reduction *reduction, qk_finish *finish, float start, const float *x,
                      float *y, int32_t kept, const int32_t *kept_shape, int32_t reduced,
                      const int32_t *reduced_shape) {
  const size_t row = (size_t)reduced_shape[reduced - 1];
  const size_t step = (size_t)reduced_shape[2 * reduced - 1];
  int32_t index[QK_AXES] = {0};
  int32_t at = 0;
  float count = (float)row;
  for (int32_t axis = 0; axis < reduced - 1; ++axis) count *= (float)reduced_shape[axis];
  do {
    int32_t inner_index[QK_AXES] = {0};
    int32_t inner = at;
    float total[2] = {0.0F, 0.0F};
    total[0] = start;
    do {
      reduction(total, x + inner, step, row);
    } while (qk_next(inner_index, reduced - 1, reduced, reduced_shape, &inner, 1));
    *y = finish(total, count);
    ++y;
  } while (qk_next(index, kept, kept, kept_shape, &at, 1));
}

/* kernel qk_row_sum: needs qk_reduction */
static void qk_row_sum(float *total, const float *x, size_t step, size_t count) {
  float sum = 0.0F;
  for (size_t i = 0; i < count; ++i) sum += x[i * step];
  total[0] += sum;
}

/* kernel qk_row_sum_abs: needs qk_reduction */
static void qk_row_sum_abs(float *total, const float *x, size_t step, size_t count) {
  float sum = 0.0F;
  for (size_t i = 0; i < count; ++i) sum += fabsf(x[i * step]);
  total[0] += sum;
}

/* kernel qk_row_sum_square: needs qk_reduction */
static void qk_row_sum_square(float *total, const float *x, size_t step, size_t count) {
  float sum = 0.0F;
  for (size_t i = 0; i < count; ++i) sum += x[i * step] * x[i * step];
  total[0] += sum;
}

/* kernel qk_row_product: needs qk_reduction */
static void qk_row_product(float *total, const float *x, size_t step, size_t count) {
  for (size_t i = 0; i < count; ++i) total[0] *= x[i * step];
}

/* kernel qk_row_max: needs qk_reduction */
static void qk_row_max(float *total, const float *x, size_t step, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!(x[i * step] <= total[0])) total[0] = x[i * step];
  }
}

/* kernel qk_row_min: needs qk_reduction */
static void qk_row_min(float *total, const float *x, size_t step, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!(x[i * step] >= total[0])) total[0] = x[i * step];
  }
}

/* kernel qk_row_log_sum_exp: needs qk_reduction */
/* total: the largest so far, and the sum of the exponentials relative to it. */
static void qk_row_log_sum_exp(float *total, const float *x, size_t step, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float value = x[i * step];
    if (value <= total[0]) {
      if (value > -INFINITY) total[1] += expf(value - total[0]);
    } else {
      total[1] = (total[1] > 0.0F ? total[1] * expf(total[0] - value) : 0.0F) + 1.0F;
      total[0] = value;
    }
  }
}

/* kernel qk_result: needs qk_reduction */
static float qk_result(const float *total, float count) {
  (void)count;
  return total[0];
}

/* kernel qk_result_mean: needs qk_reduction */
static float qk_result_mean(const float *total, float count) { return total[0] / count; }

/* kernel qk_result_sqrt: needs qk_reduction */
static float qk_result_sqrt(const float *total, float count) {
  (void)count;
  return sqrtf(total[0]);
}

/* kernel qk_result_log: needs qk_reduction */
static float qk_result_log(const float *total, float count) {
  (void)count;
  return logf(total[0]);
}

/* kernel qk_result_log_sum_exp: needs qk_reduction */
static float qk_result_log_sum_exp(const float *total, float count) {
  (void)count;
  return total[0] + logf(total[1]);
}

/* kernel qk_reduce_integers: needs qk_integer_function, qk_element_at, qk_set_element, qk_next,
 * qk_axes */
/* The walks of qk_reduce, with a function of the result so far and an element. */
static void qk_reduce_integers(qk_integer_function *function, const void *x, void *y,
                               enum qk_element type, int32_t kept, const int32_t *kept_shape,
                               int32_t reduced, const int32_t *reduced_shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at = 0;
  size_t i = 0;
  do {
    int32_t inner_index[QK_AXES] = {0};
    int32_t inner = at;
    int64_t total = qk_element_at(x, (size_t)at, type);
    while (qk_next(inner_index, reduced, reduced, reduced_shape, &inner, 1)) {
      total = function(total, qk_element_at(x, (size_t)inner, type));
    }
    qk_set_element(y, i, type, total);
    ++i;
  } while (qk_next(index, kept, kept, kept_shape, &at, 1));
}

/* kernel qk_best */
/* The place of the largest element, sign 1, or of the smallest, -1: the first such, or the last. */
static size_t qk_best(const float *x, size_t step, size_t count, float sign, int last) {
  size_t best = 0;
  for (size_t i = 1; i < count; ++i) {
    const float value = sign * x[i * step];
    const float so_far = sign * x[best * step];
    if (value > so_far || (last && value == so_far)) best = i;
  }
  return best;
}

/* kernel qk_arg_best: needs qk_best */
static void qk_arg_best(const float *x, int64_t *y, size_t outer, size_t axis, size_t inner,
                        float sign, int last) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += inner) {
    for (size_t i = 0; i < inner; ++i) y[i] = (int64_t)qk_best(x + i, inner, axis, sign, last);
  }
}

/* kernel qk_hardmax: needs qk_best */
static void qk_hardmax(const float *x, float *y, size_t outer, size_t axis, size_t inner) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner) {
    for (size_t i = 0; i < inner; ++i) {
      const size_t best = qk_best(x + i, inner, axis, 1.0F, 0);
      for (size_t k = 0; k < axis; ++k) y[k * inner + i] = k == best ? 1.0F : 0.0F;
    }
  }
}

/* kernel qk_largest */
static float qk_largest(const float *x, size_t step, size_t count) {
  float largest = x[0];
  for (size_t i = 1; i < count; ++i) {
    if (x[i * step] > largest) largest = x[i * step];
  }
  return largest;
}

/* kernel qk_softmax: needs qk_largest */
/* y may be x. */
static void qk_softmax(const float *x, float *y, size_t outer, size_t axis, size_t inner) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner) {
    for (size_t i = 0; i < inner; ++i) {
      const float largest = qk_largest(x + i, inner, axis);
      float sum = 0.0F;
      for (size_t k = 0; k < axis; ++k) {
        const float e = expf(x[k * inner + i] - largest);
        y[k * inner + i] = e;
        sum += e;
      }
      for (size_t k = 0; k < axis; ++k) y[k * inner + i] /= sum;
    }
  }
}

/* kernel qk_log_softmax: needs qk_largest */
/* y may be x. */
static void qk_log_softmax(const float *x, float *y, size_t outer, size_t axis, size_t inner) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner) {
    for (size_t i = 0; i < inner; ++i) {
      const float largest = qk_largest(x + i, inner, axis);
      float sum = 0.0F;
      for (size_t k = 0; k < axis; ++k) sum += expf(x[k * inner + i] - largest);
      sum = logf(sum);
      for (size_t k = 0; k < axis; ++k) y[k * inner + i] = x[k * inner + i] - largest - sum;
    }
  }
}

/* kernel qk_cumulate */
/* Sums of all elements so far, with or without the element itself, from either end. y may be x. */
static void qk_cumulate(const float *x, float *y, size_t outer, size_t axis, size_t inner,
                        int exclusive, int reverse) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner) {
    for (size_t i = 0; i < inner; ++i) {
      float sum = 0.0F;
      for (size_t k = 0; k < axis; ++k) {
        const size_t at = (reverse ? axis - 1 - k : k) * inner + i;
        const float before = sum;
        sum += x[at];
        y[at] = exclusive ? before : sum;
      }
    }
  }
}

/* kernel qk_top */
/* The `k` largest elements, sign 1, or smallest, -1, the best first; of equal ones the first. The
   results so far are kept sorted, which is fast for few of them. `indices` may be NULL. */
static void qk_top(const float *x, float *values, int64_t *indices, size_t outer, size_t axis,
                   size_t inner, size_t k, float sign) {
  for (size_t o = 0; o < outer; ++o, x += axis * inner, values += k * inner) {
    for (size_t i = 0; i < inner; ++i) {
      size_t found = 0;
      for (size_t j = 0; j < axis; ++j) {
        const float value = x[j * inner + i];
        size_t at = found < k ? found : k - 1;
        if (found == k && !(sign * value > sign * values[at * inner + i])) continue;
        for (; at > 0 && sign * value > sign * values[(at - 1) * inner + i]; --at) {
          values[at * inner + i] = values[(at - 1) * inner + i];
          if (indices != NULL) indices[at * inner + i] = indices[(at - 1) * inner + i];
        }
        values[at * inner + i] = value;
        if (indices != NULL) indices[at * inner + i] = (int64_t)j;
        if (found < k) ++found;
      }
    }
    if (indices != NULL) indices += k * inner;
  }
}
