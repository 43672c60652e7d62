/* What a processor does between two looks at memory that another one will write. */
#ifndef CONVSCOPE_PAUSE_H
#define CONVSCOPE_PAUSE_H

#if defined(__x86_64__) || defined(__i386__)
#define BREATHE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define BREATHE() __asm__ volatile("yield")
#else
#define BREATHE() ((void)0)
#endif

#endif
