/* Products with matrices of floats. */
#include <stddef.h>

/* kernel qk_dot: needs qk_lanes_load, qk_lanes_fill, qk_lanes_add, qk_add_products,
   qk_lanes_total */
/* The sum over c of w[c] * x[c], as sixteen sums of the columns that leave the same remainder: sums
 * that wait for each other would take most of the time. */
static float qk_dot(const float *w, const float *x, size_t columns) {
  qk_lanes even, odd, a, b;
  const size_t whole = columns - columns % 16;
  float rest = 0;
  size_t c;
  qk_lanes_fill(&even, 0);
  qk_lanes_fill(&odd, 0);
  for (c = 0; c < whole; c += 16) {
    qk_lanes_load(&a, w + c);
    qk_lanes_load(&b, x + c);
    qk_add_products(&even, &a, &b);
    qk_lanes_load(&a, w + c + 8);
    qk_lanes_load(&b, x + c + 8);
    qk_add_products(&odd, &a, &b);
  }
  qk_lanes_add(&even, &odd);
  for (c = whole; c < columns; c++) rest += w[c] * x[c];
  return qk_lanes_total(&even) + rest;
}

/* kernel qk_dense: needs qk_dot, qk_lanes_fill, qk_load_pixels, qk_add_scaled, qk_lanes_store */
/* weights: rows * columns floats. Of several pixels, four rows at a time share what is read. */
static void qk_dense(const float *weights, size_t rows, size_t columns, const float *bias,
                     const float *x, size_t pixels, float *y, size_t stride) {
  const float *const end = x + columns * pixels;
  size_t r, c, p;
  if (pixels == 1) {
    for (r = 0; r < rows; r++) {
      const float dot = qk_dot(weights + r * columns, x, columns);
      y[r * stride] = bias != NULL ? bias[r] + dot : dot;
    }
    return;
  }
  for (p = 0; p < pixels; p += 8) {
    for (r = 0; r < rows; r += 4) {
      /* Past the last row, the last one is calculated again. */
      const size_t last = rows - 1 - r;
      const size_t row1 = r + (last < 1 ? last : 1);
      const size_t row2 = r + (last < 2 ? last : 2);
      const size_t row3 = r + (last < 3 ? last : 3);
      const float *const w0 = weights + r * columns;
      const float *const w1 = weights + row1 * columns;
      const float *const w2 = weights + row2 * columns;
      const float *const w3 = weights + row3 * columns;
      const float *from = x + p;
      qk_lanes s0, s1, s2, s3, lanes;
      qk_lanes_fill(&s0, bias != NULL ? bias[r] : 0);
      qk_lanes_fill(&s1, bias != NULL ? bias[row1] : 0);
      qk_lanes_fill(&s2, bias != NULL ? bias[row2] : 0);
      qk_lanes_fill(&s3, bias != NULL ? bias[row3] : 0);
      for (c = 0; c < columns; c++, from += pixels) {
        qk_load_pixels(&lanes, from, end, pixels - p);
        qk_add_scaled(&s0, w0[c], &lanes);
        qk_add_scaled(&s1, w1[c], &lanes);
        qk_add_scaled(&s2, w2[c], &lanes);
        qk_add_scaled(&s3, w3[c], &lanes);
      }
      qk_lanes_store(y + r * stride + p, &s0, pixels - p);
      qk_lanes_store(y + row1 * stride + p, &s1, pixels - p);
      qk_lanes_store(y + row2 * stride + p, &s2, pixels - p);
      qk_lanes_store(y + row3 * stride + p, &s3, pixels - p);
    }
  }
}
