/* Resizing. Up to three axes lie between `outer` and `inner`; `sizes` has their sizes in x, then in
   y. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_enlarge */
/* Each element of x becomes a block: every axis of y is a multiple of that of x. */
static void qk_enlarge(const float *x, float *y, size_t outer, size_t inner, const int32_t *sizes) {
  const size_t plane = (size_t)sizes[0] * (size_t)sizes[1] * (size_t)sizes[2] * inner;
  for (size_t o = 0; o < outer; ++o, x += plane) {
    for (int32_t i = 0; i < sizes[3]; ++i) {
      const int32_t from_i = i / (sizes[3] / sizes[0]);
      for (int32_t j = 0; j < sizes[4]; ++j) {
        const int32_t from_j = from_i * sizes[1] + j / (sizes[4] / sizes[1]);
        for (int32_t k = 0; k < sizes[5]; ++k, y += inner) {
          const int32_t from = from_j * sizes[2] + k / (sizes[5] / sizes[2]);
          memcpy(y, x + (size_t)from * inner, inner * sizeof(float));
        }
      }
    }
  }
}

/* kernel qk_resize_nearest */
/* `places` has for each place of the axes of y, one axis after the other, the place in x. */
static void qk_resize_nearest(const float *x, float *y, size_t outer, size_t inner,
                              const int32_t *sizes, const int32_t *places) {
  const size_t plane = (size_t)sizes[0] * (size_t)sizes[1] * (size_t)sizes[2] * inner;
  const int32_t *second = places + sizes[3];
  const int32_t *third = second + sizes[4];
  for (size_t o = 0; o < outer; ++o, x += plane) {
    for (int32_t i = 0; i < sizes[3]; ++i) {
      for (int32_t j = 0; j < sizes[4]; ++j) {
        const int32_t line = (places[i] * sizes[1] + second[j]) * sizes[2];
        for (int32_t k = 0; k < sizes[5]; ++k, y += inner) {
          memcpy(y, x + (size_t)(line + third[k]) * inner, inner * sizeof(float));
        }
      }
    }
  }
}

/* kernel qk_resize_weighted */
/* Sums of `taps` elements along each axis: `places` and `shares` have them for each place of the
   axes of y, one axis after the other. What has a share of 0 is not read. */
static void qk_resize_weighted(const float *x, float *y, size_t outer, size_t inner, int32_t taps,
                               const int32_t *sizes, const int32_t *places, const float *shares) {
  const size_t plane = (size_t)sizes[0] * (size_t)sizes[1] * (size_t)sizes[2] * inner;
  const size_t volume = (size_t)sizes[3] * (size_t)sizes[4] * (size_t)sizes[5];
  for (size_t o = 0; o < outer; ++o, x += plane) {
    for (size_t at = 0; at < volume; ++at, y += inner) {
      const int32_t k = (int32_t)(at % (size_t)sizes[5]);
      const int32_t j = (int32_t)(at / (size_t)sizes[5] % (size_t)sizes[4]);
      const int32_t i = (int32_t)(at / (size_t)sizes[5] / (size_t)sizes[4]);
      const int32_t first = i * taps;
      const int32_t second = (sizes[3] + j) * taps;
      const int32_t third = (sizes[3] + sizes[4] + k) * taps;
      for (size_t c = 0; c < inner; ++c) y[c] = 0.0F;
      for (int32_t a = first; a < first + taps; ++a) {
        if (shares[a] == 0.0F) continue;
        for (int32_t b = second; b < second + taps; ++b) {
          const int32_t line = (places[a] * sizes[1] + places[b]) * sizes[2];
          if (shares[b] == 0.0F) continue;
          for (int32_t t = third; t < third + taps; ++t) {
            const float share = shares[a] * shares[b] * shares[t];
            const float *from = x + (size_t)(line + places[t]) * inner;
            if (share == 0.0F) continue;
            for (size_t c = 0; c < inner; ++c) y[c] += share * from[c];
          }
        }
      }
    }
  }
}
