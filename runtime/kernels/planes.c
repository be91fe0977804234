/* Products with matrices whose weights are a few bits each: binary, ternary, small multiples. The
 * sums of four inputs that four bits select are calculated once, for all rows, so that a row takes
 * one addition for four columns and bit, and no multiplication but by its scale. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* kernel qk_four_sums */
/* sums[i] = the sum of each of the four x where its bit in i is set, of -x with `signs` where not.
 */
static void qk_four_sums(float *sums, const float *x, int signs) {
  float pairs[2][4];
  int i, k;
  for (k = 0; k < 2; k++) {
    const float first = x[2 * k];
    const float second = x[2 * k + 1];
    const float no_first = signs ? -first : 0;
    const float no_second = signs ? -second : 0;
    pairs[k][0] = no_first + no_second;
    pairs[k][1] = first + no_second;
    pairs[k][2] = no_first + second;
    pairs[k][3] = first + second;
  }
  for (i = 0; i < 16; i++) sums[i] = pairs[0][i & 3] + pairs[1][i >> 2];
}

/* kernel qk_four_lane_sums: needs qk_lanes_fill, qk_lanes_add, qk_add_scaled */
/* The same for lanes. */
static void qk_four_lane_sums(qk_lanes *sums, const qk_lanes *x, int signs) {
  qk_lanes pairs[2][4];
  int i, k;
  for (k = 0; k < 2; k++) {
    qk_lanes no_first, no_second;
    qk_lanes_fill(&no_first, 0);
    qk_lanes_fill(&no_second, 0);
    if (signs) {
      qk_add_scaled(&no_first, -1, &x[2 * k]);
      qk_add_scaled(&no_second, -1, &x[2 * k + 1]);
    }
    for (i = 0; i < 4; i++) {
      pairs[k][i] = i & 1 ? x[2 * k] : no_first;
      qk_lanes_add(&pairs[k][i], i & 2 ? &x[2 * k + 1] : &no_second);
    }
  }
  for (i = 0; i < 16; i++) {
    sums[i] = pairs[0][i & 3];
    qk_lanes_add(&sums[i], &pairs[1][i >> 2]);
  }
}

/* kernel qk_eight_rows */
/* Of one plane and eight rows, the sums of what the four bits of each group select. */
#if defined(__AVX2__)
#include <immintrin.h>
static void qk_eight_rows(float *rows, const uint8_t *codes, size_t step, const float *sums,
                          size_t groups) {
  const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  __m256 sum = _mm256_setzero_ps();
  for (; groups > 0; groups--, codes += step, sums += 16) {
    const __m256 low = _mm256_loadu_ps(sums);
    const __m256 high = _mm256_loadu_ps(sums + 8);
    int32_t eight;
    __m256i bits;
    __m256 selected;
    memcpy(&eight, codes, sizeof eight);
    bits = _mm256_srlv_epi32(_mm256_set1_epi32(eight), shifts);
#if defined(__AVX512VL__)
    selected = _mm256_permutex2var_ps(low, bits, high);
#else
    selected =
        _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, bits), _mm256_permutevar8x32_ps(high, bits),
                         _mm256_castsi256_ps(_mm256_slli_epi32(bits, 28)));
#endif
    sum = _mm256_add_ps(sum, selected);
  }
  _mm256_storeu_ps(rows, sum);
}
#else
static void qk_eight_rows(float *rows, const uint8_t *codes, size_t step, const float *sums,
                          size_t groups) {
  float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
  for (; groups > 0; groups--, codes += step, sums += 16) {
    s0 += sums[codes[0] & 15];
    s1 += sums[codes[0] >> 4];
    s2 += sums[codes[1] & 15];
    s3 += sums[codes[1] >> 4];
    s4 += sums[codes[2] & 15];
    s5 += sums[codes[2] >> 4];
    s6 += sums[codes[3] & 15];
    s7 += sums[codes[3] >> 4];
  }
  rows[0] = s0;
  rows[1] = s1;
  rows[2] = s2;
  rows[3] = s3;
  rows[4] = s4;
  rows[5] = s5;
  rows[6] = s6;
  rows[7] = s7;
}
#endif

/* kernel qk_sixteen_rows: needs qk_eight_rows */
/* qk_eight_rows of two blocks of rows. Where there is one alone, `others` is `codes`, and the second
 * half of `rows` means nothing. */
static void qk_sixteen_rows(float *rows, const uint8_t *codes, const uint8_t *others, size_t step,
                            const float *sums, size_t groups) {
  if (others == codes) {
    qk_eight_rows(rows, codes, step, sums, groups);
    return;
  }
#if defined(__AVX512F__)
  const __m512i shifts =
      _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
  const __mmask16 all = 0xffff; /* g++ 12 warns of the instructions that have no mask */
  __m512 sum = _mm512_setzero_ps();
  for (; groups > 0; groups--, codes += step, others += step, sums += 16) {
    int32_t eight[2];
    __m512i bits;
    memcpy(&eight[0], codes, sizeof eight[0]);
    memcpy(&eight[1], others, sizeof eight[1]);
    bits = _mm512_mask_set1_epi32(_mm512_set1_epi32(eight[0]), 0xff00, eight[1]);
    bits = _mm512_maskz_srlv_epi32(all, bits, shifts);
    sum = _mm512_add_ps(sum, _mm512_maskz_permutexvar_ps(all, bits, _mm512_loadu_ps(sums)));
  }
  _mm512_storeu_ps(rows, sum);
#else
  qk_eight_rows(rows, codes, step, sums, groups);
  qk_eight_rows(rows + 8, others, step, sums, groups);
#endif
}

/* kernel qk_planes_of_one: needs qk_four_sums, qk_sixteen_rows */
/* qk_planes of one pixel. The sums of 128 columns at a time. */
static void qk_planes_of_one(const uint8_t *codes, size_t planes, int signs, const float *scales,
                             size_t scale_step, size_t rows, size_t columns, const float *x,
                             float *y, size_t stride) {
  const size_t groups = (columns + 3) / 4;
  size_t first, g, r, i, k;
  for (first = 0; first < groups; first += 32) {
    const size_t count = groups - first < 32 ? groups - first : 32;
    float sums[32 * 16];
    for (g = 0; g < count; g++) {
      float four[4] = {0, 0, 0, 0};
      const size_t c = 4 * (first + g);
      for (i = 0; i < 4 && c + i < columns; i++) four[i] = x[c + i];
      qk_four_sums(sums + 16 * g, four, signs);
    }
    for (r = 0; r < rows; r += 16) {
      for (k = 0; k < planes; k++) {
        const uint8_t *const code = codes + ((r / 8 * groups + first) * planes + k) * 4;
        const uint8_t *const other = r + 8 < rows ? code + groups * planes * 4 : code;
        float selected[16] = {0};
        qk_sixteen_rows(selected, code, other, 4 * planes, sums, count);
        for (i = 0; i < 16 && r + i < rows; i++) {
          y[(r + i) * stride] += scales[(r + i) * scale_step + k] * selected[i];
        }
      }
    }
  }
}

/* kernel qk_planes_of_many: needs qk_four_lane_sums, qk_load_within, qk_lanes_fill, qk_lanes_add,
   qk_add_scaled, qk_lanes_store */
/* qk_planes of up to eight pixels from x to end. The sums of 16 columns at a time. */
static void qk_planes_of_many(const uint8_t *codes, size_t planes, int signs, const float *scales,
                              size_t scale_step, size_t rows, size_t columns, const float *x,
                              const float *end, size_t pixels, size_t count, float *y,
                              size_t stride) {
  const size_t groups = (columns + 3) / 4;
  size_t first, g, r, i, k;
  for (first = 0; first < groups; first += 4) {
    const size_t some = groups - first < 4 ? groups - first : 4;
    qk_lanes sums[4 * 16];
    for (g = 0; g < some; g++) {
      qk_lanes four[4];
      const size_t c = 4 * (first + g);
      for (i = 0; i < 4; i++) {
        qk_lanes_fill(&four[i], 0);
        if (c + i < columns) qk_load_within(&four[i], x + (c + i) * pixels, end);
      }
      qk_four_lane_sums(sums + 16 * g, four, signs);
    }
    for (r = 0; r < rows; r += 2) {
      /* Two rows are in the same bytes. Of an odd number, the last is calculated twice. */
      const size_t next = r + 1 < rows ? r + 1 : r;
      const uint8_t *code = codes + (r / 8 * groups + first) * planes * 4 + r % 8 / 2;
      qk_lanes one, two;
      qk_load_within(&one, y + r * stride, y + r * stride + count);
      qk_load_within(&two, y + next * stride, y + next * stride + count);
      for (k = 0; k < planes; k++) {
        qk_lanes low = sums[code[4 * k] & 15];
        qk_lanes high = sums[code[4 * k] >> 4];
        for (g = 1; g < some; g++) {
          const uint8_t both = code[4 * (g * planes + k)];
          qk_lanes_add(&low, &sums[16 * g + (both & 15)]);
          qk_lanes_add(&high, &sums[16 * g + (both >> 4)]);
        }
        qk_add_scaled(&one, scales[r * scale_step + k], &low);
        qk_add_scaled(&two, scales[next * scale_step + k], &high);
      }
      qk_lanes_store(y + next * stride, &two, count);
      qk_lanes_store(y + r * stride, &one, count);
    }
  }
}

/* kernel qk_planes: needs qk_planes_of_one, qk_planes_of_many */
/* codes: for eight rows, four columns and each plane in turn, the four bits of each of the rows,
 * two rows to a byte. A weight is the sum over the planes of their scales where its bit is set, and
 * with `signs` less those where it is not. scales: of each plane, for the matrix or, with a step of
 * `planes`, for each row. */
static void qk_planes(const uint8_t *codes, size_t planes, int signs, const float *scales,
                      size_t scale_step, size_t rows, size_t columns, const float *bias,
                      const float *x, size_t pixels, float *y, size_t stride) {
  size_t r, p;
  for (r = 0; r < rows; r++) {
    for (p = 0; p < pixels; p++) y[r * stride + p] = bias != NULL ? bias[r] : 0;
  }
  if (pixels == 1) {
    qk_planes_of_one(codes, planes, signs, scales, scale_step, rows, columns, x, y, stride);
    return;
  }
  for (p = 0; p < pixels; p += 8) {
    qk_planes_of_many(codes, planes, signs, scales, scale_step, rows, columns, x + p,
                      x + columns * pixels, pixels, pixels - p < 8 ? pixels - p : 8, y + p, stride);
  }
}
