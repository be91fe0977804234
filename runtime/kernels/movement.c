/* Elements in other places. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_element_copy */
/* Copies `count` elements of `bytes` bytes, steps in bytes apart. */
static void qk_element_copy(const uint8_t *x, int32_t x_step, uint8_t *y, int32_t y_step,
                            size_t bytes, int32_t count) {
  if (bytes == 4) { /* floats, for which the compiler needs no call */
    for (ptrdiff_t i = 0; i < count; ++i) memcpy(y + i * y_step, x + i * x_step, 4);
  } else {
    for (ptrdiff_t i = 0; i < count; ++i) memcpy(y + i * y_step, x + i * x_step, bytes);
  }
}

/* kernel qk_copy_strided: needs qk_element_copy, qk_next, qk_axes */
/* Copies elements of `bytes` bytes in a walk over axes with strides in x and in y, from the
   elements `x_first` and `y_first`: what transposes, slices, joins and repeats tensors. */
static void qk_copy_strided(const void *x, int32_t x_first, void *y, int32_t y_first, size_t bytes,
                            int32_t rank, const int32_t *shape) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  const int32_t size = (int32_t)bytes;
  const int32_t count = shape[rank - 1];
  const int32_t x_step = shape[2 * rank - 1];
  const int32_t y_step = shape[3 * rank - 1];
  int32_t index[QK_AXES] = {0};
  int32_t at[2] = {x_first, y_first};
  do {
    const uint8_t *row = from + (size_t)at[0] * bytes;
    if (x_step == 1 && y_step == 1) {
      memcpy(to + (size_t)at[1] * bytes, row, (size_t)count * bytes);
    } else {
      qk_element_copy(row, x_step * size, to + (size_t)at[1] * bytes, y_step * size, bytes, count);
    }
  } while (qk_next(index, rank - 1, rank, shape, at, 2));
}

/* kernel qk_fill_elements */
/* `count` copies of an element of `bytes` bytes. */
static void qk_fill_elements(const void *element, void *y, size_t bytes, size_t count) {
  uint8_t *to = (uint8_t *)y;
  for (size_t i = 0; i < count; ++i) memcpy(to + i * bytes, element, bytes);
}

/* kernel qk_padding */
enum qk_padding { QK_PAD_REFLECT, QK_PAD_EDGE, QK_PAD_WRAP };

/* kernel qk_inner_place: needs qk_padding */
/* The place from 0 to size - 1 that is copied to `place`. */
static int32_t qk_inner_place(int32_t place, int32_t size, enum qk_padding padding) {
  const int32_t period = size > 1 ? 2 * size - 2 : 1;
  switch (padding) {
    case QK_PAD_REFLECT:
      place = ((place % period) + period) % period;
      return place < size ? place : period - place;
    case QK_PAD_WRAP:
      return ((place % size) + size) % size;
    case QK_PAD_EDGE:
    default:
      if (place < 0) return 0;
      return place < size ? place : size - 1;
  }
}

/* kernel qk_pad: needs qk_inner_place, qk_next, qk_axes */
/* Pads with elements of x. `shape`: for each axis of y its size; its size in x; the stride in x;
   how many elements come before. */
static void qk_pad(const void *x, void *y, size_t bytes, enum qk_padding padding, int32_t rank,
                   const int32_t *shape) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t index[QK_AXES] = {0};
  do {
    int32_t at = 0;
    for (int32_t axis = 0; axis < rank; ++axis) {
      const int32_t place = index[axis] - shape[3 * rank + axis];
      at += qk_inner_place(place, shape[rank + axis], padding) * shape[2 * rank + axis];
    }
    memcpy(to, from + (size_t)at * bytes, bytes);
    to += bytes;
  } while (qk_next(index, rank, rank, shape, NULL, 0));
}

/* kernel qk_index: needs qk_element_at */
/* An index into an axis of `size` elements; negative ones count from the end. Those that are wrong
   give an element of the axis nevertheless. */
static size_t qk_index(const void *indices, size_t i, enum qk_element type, size_t size) {
  int64_t index = qk_element_at(indices, i, type);
  if (index < 0) index += (int64_t)size;
  if (index < 0) index = 0;
  return (uint64_t)index < size ? (size_t)index : size - 1;
}

/* kernel qk_gather: needs qk_index */
/* x: outer x axis x inner elements, y: outer x count x inner. */
static void qk_gather(const void *x, const void *indices, enum qk_element type, void *y,
                      size_t outer, size_t axis, size_t count, size_t inner_bytes) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  for (size_t o = 0; o < outer; ++o, from += axis * inner_bytes) {
    for (size_t i = 0; i < count; ++i, to += inner_bytes) {
      memcpy(to, from + qk_index(indices, i, type, axis) * inner_bytes, inner_bytes);
    }
  }
}

/* kernel qk_gather_elements: needs qk_index, qk_next, qk_axes */
/* A walk over the indices with their strides in x, that of the axis gathered being 0. */
static void qk_gather_elements(const void *x, const void *indices, enum qk_element type, void *y,
                               size_t bytes, size_t axis, size_t stride, int32_t rank,
                               const int32_t *shape) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  int32_t index[QK_AXES] = {0};
  int32_t at = 0;
  size_t i = 0;
  do {
    const size_t place = (size_t)at + qk_index(indices, i, type, axis) * stride;
    memcpy(to, from + place * bytes, bytes);
    to += bytes;
    ++i;
  } while (qk_next(index, rank, rank, shape, &at, 1));
}

/* kernel qk_scatter_elements: needs qk_index, qk_next, qk_axes */
/* The other way round, into a copy of x that y holds already. */
static void qk_scatter_elements(const void *updates, const void *indices, enum qk_element type,
                                void *y, size_t bytes, size_t axis, size_t stride, int32_t rank,
                                const int32_t *shape) {
  const uint8_t *from = (const uint8_t *)updates;
  uint8_t *to = (uint8_t *)y;
  int32_t index[QK_AXES] = {0};
  int32_t at = 0;
  size_t i = 0;
  do {
    const size_t place = (size_t)at + qk_index(indices, i, type, axis) * stride;
    memcpy(to + place * bytes, from, bytes);
    from += bytes;
    ++i;
  } while (qk_next(index, rank, rank, shape, &at, 1));
}

/* kernel qk_tuple_place: needs qk_index */
/* The element that a tuple of `depth` indices points at; `axes` has the sizes of the axes, then
   their strides. */
static size_t qk_tuple_place(const void *indices, size_t first, enum qk_element type, size_t depth,
                             const int32_t *axes) {
  size_t place = 0;
  for (size_t k = 0; k < depth; ++k) {
    place += qk_index(indices, first + k, type, (size_t)axes[k]) * (size_t)axes[depth + k];
  }
  return place;
}

/* kernel qk_gather_nd: needs qk_tuple_place */
/* x: batches of `batch_bytes`; each gives `count` slices of `slice` elements of `bytes` bytes. */
static void qk_gather_nd(const void *x, const void *indices, enum qk_element type, void *y,
                         size_t batches, size_t batch_bytes, size_t count, size_t depth,
                         size_t slice, size_t bytes, const int32_t *axes) {
  const uint8_t *from = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  for (size_t i = 0; i < batches * count; ++i, to += slice * bytes) {
    const size_t place = qk_tuple_place(indices, i * depth, type, depth, axes);
    memcpy(to, from + i / count * batch_bytes + place * bytes, slice * bytes);
  }
}

/* kernel qk_scatter_nd: needs qk_tuple_place */
/* Writes `count` slices into a copy of x that y holds already. */
static void qk_scatter_nd(const void *updates, const void *indices, enum qk_element type, void *y,
                          size_t count, size_t depth, size_t slice, size_t bytes,
                          const int32_t *axes) {
  const uint8_t *from = (const uint8_t *)updates;
  uint8_t *to = (uint8_t *)y;
  for (size_t i = 0; i < count; ++i, from += slice * bytes) {
    const size_t place = qk_tuple_place(indices, i * depth, type, depth, axes);
    memcpy(to + place * bytes, from, slice * bytes);
  }
}
