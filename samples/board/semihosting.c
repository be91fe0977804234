/* Boards that a debugger or an emulator prints for (Arm's and RISC-V's semihosting), and their way
   from reset to main(). A board of your own prints to a serial port instead. */
#include "board.h"

int main(void);
void start(void);

/* Of the linker script. */
extern uint32_t data_in_flash[], data_begin[], data_end[], bss_begin[], bss_end[], stack_top[];

#define SYS_WRITE0 0x04u
#define SYS_EXIT 0x18u
#define STOPPED_WELL 0x20026u
#define STOPPED_BY_ERROR 0x20023u

#if defined(__riscv)

static void ask_host(uint32_t operation, uintptr_t parameter) {
  register uint32_t a0 __asm__("a0") = operation;
  register uintptr_t a1 __asm__("a1") = parameter;
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n"
      "slli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
}

static void prepare(void) {}

uint32_t board_instructions(void) {
  uint32_t count;
  __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop"
                   : "=r"(count));
  return count;
}

__attribute__((naked, section(".reset"))) void reset(void);
void reset(void) { __asm__ volatile("la sp, stack_top\nj start"); }

#else

/* Of a tick of mps2-an386's clock, 25 MHz, where the emulator takes a nanosecond for an
   instruction (-icount shift=0). */
#define INSTRUCTIONS_A_TICK 40u

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)
#define SYSTICK_BITS 24
#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u)

static void ask_host(uint32_t operation, uintptr_t parameter) {
  register uint32_t r0 __asm__("r0") = operation;
  register uintptr_t r1 __asm__("r1") = parameter;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

static void prepare(void) {
  COPROCESSOR_ACCESS |= 0xFu << 20; /* the floating-point unit is off at reset */
  SYSTICK_RELOAD = (1u << SYSTICK_BITS) - 1;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 5; /* on, by the processor's clock, without interrupts */
}

/* The timer counts down and starts again: this has to be called more often than that. */
uint32_t board_instructions(void) {
  static uint32_t ticks, last;
  const uint32_t now = 0u - SYSTICK_VALUE;
  ticks += (now - last) & ((1u << SYSTICK_BITS) - 1);
  last = now;
  return ticks * INSTRUCTIONS_A_TICK;
}

/* The first two of the vector table: the stack, and where to begin. */
__attribute__((section(".reset"), used)) static const void *const kVectors[] = {stack_top,
                                                                               (const void *)start};

#endif

void board_print(const char *text) { ask_host(SYS_WRITE0, (uintptr_t)text); }

void start(void) {
  uint32_t *from = data_in_flash;
  uint32_t *to;
  for (to = data_begin; to < data_end; ++to) *to = *from++;
  for (to = bss_begin; to < bss_end; ++to) *to = 0;
  prepare();
  ask_host(SYS_EXIT, main() == 0 ? STOPPED_WELL : STOPPED_BY_ERROR);
  for (;;) {
  }
}
