/* Integers and booleans of any width, and walks over axes: what other kernels share. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_element */
/* Types of elements, for kernels that take several. */
enum qk_element { QK_BOOL, QK_UINT8, QK_INT8, QK_INT32, QK_INT64, QK_FLOAT };

/* kernel qk_axes */
/* Walks go over no more axes than these. */
enum { QK_AXES = 8 };

/* kernel qk_element_at: needs qk_element */
static int64_t qk_element_at(const void *x, size_t i, enum qk_element type) {
  switch (type) {
    case QK_INT64:
      return ((const int64_t *)x)[i];
    case QK_INT32:
      return ((const int32_t *)x)[i];
    case QK_INT8: /* in two's complement */
      return (int64_t)(((const uint8_t *)x)[i] ^ 0x80U) - 0x80;
    case QK_BOOL:
    case QK_UINT8:
    case QK_FLOAT:
    default:
      return ((const uint8_t *)x)[i];
  }
}

/* kernel qk_set_element: needs qk_element */
static void qk_set_element(void *y, size_t i, enum qk_element type, int64_t value) {
  switch (type) {
    case QK_INT64:
      ((int64_t *)y)[i] = value;
      break;
    case QK_INT32:
      ((int32_t *)y)[i] = (int32_t)value;
      break;
    case QK_BOOL:
      ((uint8_t *)y)[i] = value != 0;
      break;
    case QK_UINT8:
    case QK_INT8:
    case QK_FLOAT:
    default:
      ((uint8_t *)y)[i] = (uint8_t)(value & 0xff);
      break;
  }
}

/* kernel qk_next */
/* Moves on to the next place of a walk. `shape` has the sizes of `rank` axes, then their strides in
   each of the tensors; the walk goes over the first `axes` of them, from `index`, and moves one
   offset for each tensor. Returns 0 after the last place, when all are back where they began. */
static int qk_next(int32_t *index, int32_t axes, int32_t rank, const int32_t *shape,
                   int32_t *offsets, int32_t tensors) {
  for (int32_t axis = axes - 1; axis >= 0; --axis) {
    const int32_t *strides = shape + rank + axis;
    ++index[axis];
    if (index[axis] < shape[axis]) {
      for (int32_t k = 0; k < tensors; ++k) offsets[k] += strides[k * rank];
      return 1;
    }
    index[axis] = 0;
    for (int32_t k = 0; k < tensors; ++k) offsets[k] -= strides[k * rank] * (shape[axis] - 1);
  }
  return 0;
}

/* kernel qk_integer_function */
typedef int64_t qk_integer_function(int64_t a, int64_t b);

/* kernel qk_integer_add: needs qk_integer_function */
static int64_t qk_integer_add(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b); /* wraps around, as everywhere */
}

/* kernel qk_integer_sub: needs qk_integer_function */
static int64_t qk_integer_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

/* kernel qk_integer_mul: needs qk_integer_function */
static int64_t qk_integer_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }

/* kernel qk_integer_div: needs qk_integer_function */
/* Towards zero. What has no result gives 0 or wraps around, but never traps. */
static int64_t qk_integer_div(int64_t a, int64_t b) {
  if (b == 0) return 0;
  return b == -1 ? (int64_t)(0U - (uint64_t)a) : a / b;
}

/* kernel qk_integer_fmod: needs qk_integer_function */
/* Has the sign of a. */
static int64_t qk_integer_fmod(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }

/* kernel qk_integer_mod: needs qk_integer_fmod */
/* Has the sign of b. */
static int64_t qk_integer_mod(int64_t a, int64_t b) {
  const int64_t rest = qk_integer_fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* kernel qk_integer_min: needs qk_integer_function */
static int64_t qk_integer_min(int64_t a, int64_t b) { return a < b ? a : b; }

/* kernel qk_integer_max: needs qk_integer_function */
static int64_t qk_integer_max(int64_t a, int64_t b) { return a > b ? a : b; }

/* kernel qk_integer_equal: needs qk_integer_function */
static int64_t qk_integer_equal(int64_t a, int64_t b) { return a == b; }

/* kernel qk_integer_less: needs qk_integer_function */
static int64_t qk_integer_less(int64_t a, int64_t b) { return a < b; }

/* kernel qk_integer_greater: needs qk_integer_function */
static int64_t qk_integer_greater(int64_t a, int64_t b) { return a > b; }

/* kernel qk_integer_less_or_equal: needs qk_integer_function */
static int64_t qk_integer_less_or_equal(int64_t a, int64_t b) { return a <= b; }

/* kernel qk_integer_greater_or_equal: needs qk_integer_function */
static int64_t qk_integer_greater_or_equal(int64_t a, int64_t b) { return a >= b; }

/* kernel qk_integer_and: needs qk_integer_function */
static int64_t qk_integer_and(int64_t a, int64_t b) { return a & b; }

/* kernel qk_integer_or: needs qk_integer_function */
static int64_t qk_integer_or(int64_t a, int64_t b) { return a | b; }

/* kernel qk_integer_xor: needs qk_integer_function */
static int64_t qk_integer_xor(int64_t a, int64_t b) { return a ^ b; }

/* kernel qk_integers: needs qk_integer_function, qk_element_at, qk_set_element, qk_next, qk_axes */
/* y = function(a, b) in a walk over the axes of y; strides of a and b are 0 where they repeat. */
static void qk_integers(qk_integer_function *function, const void *a, const void *b,
                        enum qk_element type, void *y, enum qk_element y_type, int32_t rank,
                        const int32_t *shape) {
  int32_t index[QK_AXES] = {0};
  int32_t at[2] = {0, 0};
  size_t i = 0;
  do {
    qk_set_element(
        y, i, y_type,
        function(qk_element_at(a, (size_t)at[0], type), qk_element_at(b, (size_t)at[1], type)));
    ++i;
  } while (qk_next(index, rank, rank, shape, at, 2));
}

/* kernel qk_not */
static void qk_not(const uint8_t *x, uint8_t *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = x[i] == 0;
}

/* kernel qk_cast_integers: needs qk_element_at, qk_set_element */
static void qk_cast_integers(const void *x, enum qk_element x_type, void *y, enum qk_element y_type,
                             size_t count) {
  for (size_t i = 0; i < count; ++i) qk_set_element(y, i, y_type, qk_element_at(x, i, x_type));
}

/* kernel qk_cast_to_float: needs qk_element_at */
static void qk_cast_to_float(const void *x, enum qk_element type, float *y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = (float)qk_element_at(x, i, type);
}

/* kernel qk_cast_from_float: needs qk_set_element */
/* Towards zero. Numbers that no int64_t holds become the nearest one, and NaN becomes 0. */
static void qk_cast_from_float(const float *x, void *y, enum qk_element type, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    int64_t value = 0;
    if (type == QK_BOOL) {
      value = !(x[i] == 0.0F);
    } else if (x[i] >= 9223372036854775808.0F) {
      value = INT64_MAX;
    } else if (x[i] < -9223372036854775808.0F) {
      value = INT64_MIN;
    } else if (x[i] == x[i]) {
      value = (int64_t)x[i];
    }
    qk_set_element(y, i, type, value);
  }
}
