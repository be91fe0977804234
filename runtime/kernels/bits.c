/* Numbers of a few bits each, one after the other, the lowest bits of a byte first. */
#include <stddef.h>
#include <stdint.h>

/* kernel qk_bits_at: needs qk_inline */
/* The 25 bits from a place on, in bits, and more above them. There are three bytes after the last.
 */
QK_INLINE uint32_t qk_bits_at(const uint8_t *bytes, size_t place) {
  const uint8_t *const from = bytes + place / 8;
  const uint32_t word = (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 |
                        (uint32_t)from[3] << 24;
  return word >> (place & 7);
}

/* kernel qk_low_bits: needs qk_inline */
QK_INLINE uint32_t qk_low_bits(uint32_t word, unsigned count) {
  return word & (((uint32_t)1 << count) - 1);
}
