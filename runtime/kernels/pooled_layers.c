/* Convolutions whose outputs are pooled at once: these are never in memory all together. */
#include <stddef.h>
#include <stdint.h>

/* kernel qk_pooled_block: needs qk_run */
/* Lines of pooling windows: the pixels of a convolution in them, the pooled pixel that each belongs
   to, and whether it is the first line of that. */
struct qk_pooled_block {
  struct qk_run runs[8];
  size_t owners[8];
  int begins[8];
  size_t count;
  size_t pixels;
};

/* kernel qk_pool_block: needs qk_pooled_block */
/* Puts the values of a block, `pixels` to a row, into the pooled planes. */
static void qk_pool_block(const struct qk_pooled_block *block, const float *values, size_t rows,
                          size_t plane, int32_t average, float *y) {
  size_t row;
  size_t r;
  size_t p;
  for (row = 0; row < rows; ++row, values += block->pixels, y += plane) {
    for (r = 0; r < block->count; ++r) {
      const struct qk_run *run = block->runs + r;
      const float *from = values + run->first;
      float pooled = block->begins[r] ? from[0] : y[block->owners[r]];
      for (p = block->begins[r] ? 1 : 0; p < run->count; ++p) {
        if (average) {
          pooled += from[p];
        } else if (from[p] > pooled) {
          pooled = from[p];
        }
      }
      y[block->owners[r]] = pooled;
    }
  }
}

/* kernel qk_pooled_run: needs qk_window, qk_pooled_block */
/* Adds line `line` of the window of a pooled pixel to a block. */
static void qk_pooled_run(const int32_t *window, const int32_t *pool, size_t pixel, size_t line,
                          struct qk_pooled_block *block) {
  const size_t lines = (size_t)pool[QK_KERNEL + 1];
  const size_t width = (size_t)pool[QK_OUT + 2];
  const size_t height = (size_t)pool[QK_OUT + 1];
  struct qk_run *run = block->runs + block->count;
  int32_t place[3];
  int axis;
  place[0] = (int32_t)(pixel / width / height) * pool[QK_STRIDE] + (int32_t)(line / lines);
  place[1] = (int32_t)(pixel / width % height) * pool[QK_STRIDE + 1] + (int32_t)(line % lines);
  place[2] = (int32_t)(pixel % width) * pool[QK_STRIDE + 2];
  for (axis = 0; axis < 3; ++axis) {
    run->begin[axis] = place[axis] * window[QK_STRIDE + axis] - window[QK_PAD + axis];
  }
  run->first = block->pixels;
  run->count = (size_t)pool[QK_KERNEL + 2];
  block->owners[block->count] = pixel;
  block->begins[block->count] = line == 0;
  block->pixels += run->count;
  block->count += 1;
}

/* kernel qk_conv_pool: needs qk_products, qk_run_patches, qk_pool_block, qk_pooled_run, qk_volume
 */
/* A convolution, and the largest value or the mean below windows that neither overlap nor pad.
   `size`: pixels of a block, as many as a line of a pooling window has or more. */
static void qk_conv_pool(qk_products products, const float *x, size_t batch, size_t groups,
                         size_t channels, size_t rows, const int32_t *window, const int32_t *pool,
                         size_t size, int32_t average, float *patches, float *values, void *scratch,
                         float *y) {
  const size_t in_plane = qk_volume(window + QK_IN);
  const size_t pooled_plane = qk_volume(pool + QK_OUT);
  const size_t lines = (size_t)pool[QK_KERNEL] * (size_t)pool[QK_KERNEL + 1];
  const size_t width = (size_t)pool[QK_KERNEL + 2];
  const size_t all = pooled_plane * lines;
  size_t n;
  size_t i;
  for (n = 0; n < batch * groups; ++n) {
    struct qk_pooled_block block;
    block.count = 0;
    block.pixels = 0;
    for (i = 0; i < all; ++i) {
      qk_pooled_run(window, pool, i / lines, i % lines, &block);
      if (i + 1 < all && block.count < 8 && block.pixels + width <= size) continue;
      qk_run_patches(x, channels, window, block.runs, block.count, block.pixels, patches);
      products(n % groups, patches, block.pixels, values, block.pixels, scratch);
      qk_pool_block(&block, values, rows, pooled_plane, average, y);
      block.count = 0;
      block.pixels = 0;
    }
    if (average) {
      for (i = 0; i < rows * pooled_plane; ++i) y[i] /= (float)(lines * width);
    }
    x += channels * in_plane;
    y += rows * pooled_plane;
  }
}
