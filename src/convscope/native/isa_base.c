/* The block's code for any processor: 128-bit vectors, which ARM (NEON) has 32 of, and x86 (SSE2) 16. */
#define WIDTH 4
#ifdef __aarch64__
#define VECTORS 4
#define SLIDE_VECTORS 6
#define WEIGHT_TAPS(outs) 4
#else
#define VECTORS 2
#define SLIDE_VECTORS 3
#define WEIGHT_TAPS(outs) ((outs) > 3 ? 3 : 4)
#endif
#define TILE 6
#define WEIGHT_TILE 4
#define SLIDE_ROWS 4
#define NAME "base"
#define KERNELS kernels_base
#define CONVOLVER convolver_base
#include "isa.h"
