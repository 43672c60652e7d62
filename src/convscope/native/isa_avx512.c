/* The block's code for x86 with AVX-512: 32 registers of 16 floats. */
#if defined(__x86_64__)
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")
#endif
#define WIDTH 16
#define VECTORS 2
#define TILE 12
#define WEIGHT_TILE 4
#define WEIGHT_TAPS(outs) 4
#define SLIDE_ROWS 4
#define SLIDE_VECTORS 6
#define NAME "avx512"
#define KERNELS kernels_avx512
#define CONVOLVER convolver_avx512
#include "isa.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
