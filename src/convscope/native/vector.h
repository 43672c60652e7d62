/* Vectors of WIDTH floats, and the one inner loop that convolutions and linear layers share.
 *
 * Included by isa_*.c, which define WIDTH (floats a register), VECTORS (registers a position: a block has
 * WIDTH * VECTORS lanes), TILE (maps that one pass of the inner loop computes), and WEIGHT_TILE.
 */
#include "engine.h"
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define LANES (WIDTH * VECTORS)
#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float V __attribute__((vector_size(WIDTH * 4)));
typedef float Loose __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
typedef int32_t I __attribute__((vector_size(WIDTH * 4)));

INLINE V load(const float *p) { return *(const Loose *)p; }
INLINE void store(float *p, V v) { *(Loose *)p = v; }
INLINE V splat(float x) { return x - (V){}; }
INLINE V where(I mask, V yes, V no) { return (V)((mask & (I)yes) | (~mask & (I)no)); }

/* Past the cache, to an aligned place. */
#if WIDTH == 16
INLINE void write_past(float *p, V v) { _mm512_stream_ps(p, (__m512)v); }
#elif WIDTH == 8
INLINE void write_past(float *p, V v) { _mm256_stream_ps(p, (__m256)v); }
#else
INLINE void write_past(float *p, V v) { store(p, v); }
#endif

/* The smaller and the larger of two, or v where v is no number. */
#if WIDTH == 16
INLINE V least(V limit, V v) { return (V)_mm512_min_ps((__m512)limit, (__m512)v); }
INLINE V most(V limit, V v) { return (V)_mm512_max_ps((__m512)limit, (__m512)v); }
#elif WIDTH == 8
INLINE V least(V limit, V v) { return (V)_mm256_min_ps((__m256)limit, (__m256)v); }
INLINE V most(V limit, V v) { return (V)_mm256_max_ps((__m256)limit, (__m256)v); }
#else
INLINE V least(V limit, V v) { return where(limit < v, limit, v); }
INLINE V most(V limit, V v) { return where(limit > v, limit, v); }
#endif

INLINE float sum(V v)
{
    float total = 0;
    UNROLL for (int n = 0; n < WIDTH / 2; n++)
        total += v[n] + v[n + WIDTH / 2];
    return total;
}

/* sums[r][n] += scalars[r * across + k * along] * vectors[k * step + n * WIDTH], for all k < count. */
INLINE void accumulate(int rows, V (*sums)[VECTORS], int count, const float *scalars, ptrdiff_t across,
                       ptrdiff_t along, const float *vectors, ptrdiff_t step)
{
    for (int k = 0; k < count; k++, scalars += along, vectors += step) {
        V v[VECTORS];
        UNROLL for (int n = 0; n < VECTORS; n++)
            v[n] = load(vectors + n * WIDTH);
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int n = 0; n < VECTORS; n++)
                sums[r][n] += scalars[r * across] * v[n];
    }
}

/* The same with the vectors at `offsets`, and scalars that lie in the order they are read. */
INLINE void accumulate_listed(int rows, V (*sums)[VECTORS], int count, const float *scalars, const float *vectors,
                              const int32_t *offsets)
{
    for (int k = 0; k < count; k++, scalars += rows) {
        const float *place = vectors + offsets[k];
        V v[VECTORS];
        UNROLL for (int n = 0; n < VECTORS; n++)
            v[n] = load(place + n * WIDTH);
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int n = 0; n < VECTORS; n++)
                sums[r][n] += scalars[r] * v[n];
    }
}

/* CALL(n) with n = size as a constant, so that sums stay in registers. */
#if TILE > 6
#define WITH_SIZE(size, CALL) \
    switch (size) { \
    case 1: CALL(1); break; case 2: CALL(2); break; case 3: CALL(3); break; case 4: CALL(4); break; \
    case 5: CALL(5); break; case 6: CALL(6); break; case 7: CALL(7); break; case 8: CALL(8); break; \
    case 9: CALL(9); break; case 10: CALL(10); break; case 11: CALL(11); break; case 12: CALL(12); break; \
    }
#else
#define WITH_SIZE(size, CALL) \
    switch (size) { \
    case 1: CALL(1); break; case 2: CALL(2); break; case 3: CALL(3); break; \
    case 4: CALL(4); break; case 5: CALL(5); break; case 6: CALL(6); break; \
    }
#endif

/* Where the value [map][row][column] of a tensor begins. */
INLINE float *at(float *space, const Map *map, int channel, int row, int column)
{
    return space + map->at + channel * map->plane + row * map->row + column * LANES;
}
