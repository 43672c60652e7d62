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

/* One shuffle of two vectors: PICK(lane) says which of the 2 * WIDTH values goes there. */
#if WIDTH == 16
#define EACH_LANE(PICK) PICK(0), PICK(1), PICK(2), PICK(3), PICK(4), PICK(5), PICK(6), PICK(7), \
    PICK(8), PICK(9), PICK(10), PICK(11), PICK(12), PICK(13), PICK(14), PICK(15)
#elif WIDTH == 8
#define EACH_LANE(PICK) PICK(0), PICK(1), PICK(2), PICK(3), PICK(4), PICK(5), PICK(6), PICK(7)
#else
#define EACH_LANE(PICK) PICK(0), PICK(1), PICK(2), PICK(3)
#endif
#ifdef __clang__
#define SHUFFLE(a, b, PICK) __builtin_shufflevector(a, b, EACH_LANE(PICK))
#else
#define SHUFFLE(a, b, PICK) __builtin_shuffle(a, b, (I){EACH_LANE(PICK)})
#endif

/* Swaps, in each pair of vectors `d` apart, the first one's lanes with bit d for the second one's without. */
#define SWAP(d, FIRST, SECOND) \
    UNROLL for (int n = 0; n < WIDTH; n++) \
        if (!(n & d)) { \
            V a = square[n], b = square[n + d]; \
            square[n] = SHUFFLE(a, b, FIRST); \
            square[n + d] = SHUFFLE(a, b, SECOND); \
        }
#define FIRST_1(n) ((n) & 1 ? WIDTH + (n) - 1 : (n))
#define SECOND_1(n) ((n) & 1 ? WIDTH + (n) : (n) + 1)
#define FIRST_2(n) ((n) & 2 ? WIDTH + (n) - 2 : (n))
#define SECOND_2(n) ((n) & 2 ? WIDTH + (n) : (n) + 2)
#define FIRST_4(n) ((n) & 4 ? WIDTH + (n) - 4 : (n))
#define SECOND_4(n) ((n) & 4 ? WIDTH + (n) : (n) + 4)
#define FIRST_8(n) ((n) & 8 ? WIDTH + (n) - 8 : (n))
#define SECOND_8(n) ((n) & 8 ? WIDTH + (n) : (n) + 8)

/* Turns a square of WIDTH vectors: square[r][c] becomes square[c][r]. */
INLINE void transpose(V *square)
{
    SWAP(1, FIRST_1, SECOND_1)
    SWAP(2, FIRST_2, SECOND_2)
#if WIDTH >= 8
    SWAP(4, FIRST_4, SECOND_4)
#endif
#if WIDTH >= 16
    SWAP(8, FIRST_8, SECOND_8)
#endif
}

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
