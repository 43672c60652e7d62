/* The block's code for x86 with AVX2 and FMA: 16 registers of 8 floats. */
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif
#define WIDTH 8
#define VECTORS 2
#define TILE 6
#define WEIGHT_TILE 4
#define WEIGHT_TAPS(outs) ((outs) > 3 ? 3 : 4)
#define SLIDE_ROWS 4
#define SLIDE_VECTORS 3
#define NAME "avx2"
#define KERNELS kernels_avx2
#define CONVOLVER convolver_avx2
#include "isa.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
