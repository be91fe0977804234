/* What the demo needs of a board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_print(const char *text);

/* Instructions so far, modulo 2^32; 0 where nobody counts them. */
uint32_t board_instructions(void);

#endif
