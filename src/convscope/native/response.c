/* Local response normalisation: each value divided by a power of the squares of the maps around it, and the way back.
 *
 * Maps lie one behind another, so a few neighbouring places of all of them fit into the cache, and each of them is read once.
 * What the way back needs of the way there is made anew: that costs less than writing and reading it. */
#include "bfloat.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The loops once for each instruction set, chosen when the library is loaded, where compiler and loader can do that. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define EACH_ISA __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EACH_ISA
#endif
#define INLINE static inline __attribute__((always_inline))

enum { PLACES = 128 };

/* library.py mirrors this struct, field for field. */
typedef struct {
    int64_t pictures, maps, plane;
    int32_t below, above; /* how many maps on either side count */
    float alpha, beta, k;
    int32_t halves; /* whether values are bfloat16, the upper half of a float32 */
} ResponseSpec;

INLINE void get(const ResponseSpec *s, const void *from, int64_t at, int64_t n, float *into)
{
    if (s->halves)
        for (int64_t i = 0; i < n; i++)
            into[i] = wide(((const uint16_t *)from)[at + i]);
    else
        memcpy(into, (const float *)from + at, (size_t)n * sizeof(float));
}

INLINE void put(const ResponseSpec *s, void *into, int64_t at, int64_t n, const float *from)
{
    if (s->halves)
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)into)[at + i] = narrow(from[i]);
    else
        memcpy((float *)into + at, from, (size_t)n * sizeof(float));
}

/* The sum of the rows from `first` to `last`, of those that there are. */
INLINE void sum_rows(const float *rows, int64_t first, int64_t last, int64_t count, int64_t n, float *sum)
{
    first = first < 0 ? 0 : first;
    last = last > count - 1 ? count - 1 : last;
    memset(sum, 0, (size_t)n * sizeof(float));
    for (int64_t row = first; row <= last; row++)
        for (int64_t i = 0; i < n; i++)
            sum[i] += rows[row * PLACES + i];
}

/* (k + alpha sum)^-beta in place of a sum; three quarters, the paper's power, by square roots. */
INLINE void shrink(const ResponseSpec *s, float *sums, float *factors, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sums[i] = s->k + s->alpha * sums[i];
    if (s->beta == 0.75f)
        for (int64_t i = 0; i < n; i++) {
            float root = sqrtf(sums[i]);
            factors[i] = 1 / (root * sqrtf(root));
        }
    else
        for (int64_t i = 0; i < n; i++)
            factors[i] = powf(sums[i], -s->beta);
}

/* The values and squares of `n` places of all maps. */
INLINE void read_block(const ResponseSpec *s, const void *x, int64_t at, int64_t n, float *values, float *squares)
{
    for (int64_t map = 0; map < s->maps; map++) {
        float *own = values + map * PLACES;
        get(s, x, at + map * s->plane, n, own);
        for (int64_t i = 0; i < n; i++)
            squares[map * PLACES + i] = own[i] * own[i];
    }
}

EACH_ISA static void there(const ResponseSpec *s, const void *x, void *y, int64_t at, int64_t n, float *space)
{
    float *values = space, *squares = values + s->maps * PLACES, sums[PLACES], factors[PLACES];
    read_block(s, x, at, n, values, squares);
    for (int64_t map = 0; map < s->maps; map++) {
        float *own = values + map * PLACES;
        sum_rows(squares, map - s->below, map + s->above, s->maps, n, sums);
        shrink(s, sums, factors, n);
        for (int64_t i = 0; i < n; i++)
            own[i] *= factors[i];
        put(s, y, at + map * s->plane, n, own);
    }
}

EACH_ISA static void back(const ResponseSpec *s, const void *x, const void *slope, void *out, int64_t at, int64_t n,
                          float *space)
{
    float *values = space, *squares = values + s->maps * PLACES, *shrunk = squares + s->maps * PLACES;
    float *shares = shrunk + s->maps * PLACES, sums[PLACES], factors[PLACES];
    read_block(s, x, at, n, values, squares);
    for (int64_t map = 0; map < s->maps; map++) {
        float *own = values + map * PLACES, *direct = shrunk + map * PLACES, *share = shares + map * PLACES;
        sum_rows(squares, map - s->below, map + s->above, s->maps, n, sums);
        shrink(s, sums, factors, n);
        get(s, slope, at + map * s->plane, n, direct);
        for (int64_t i = 0; i < n; i++) {
            direct[i] *= factors[i];
            share[i] = direct[i] * own[i] / sums[i];
        }
    }
    float scale = 2 * s->alpha * s->beta;
    for (int64_t map = 0; map < s->maps; map++) {
        float *own = values + map * PLACES, *direct = shrunk + map * PLACES;
        sum_rows(shares, map - s->above, map + s->below, s->maps, n, sums); /* the maps that see this one */
        for (int64_t i = 0; i < n; i++)
            direct[i] -= scale * own[i] * sums[i];
        put(s, out, at + map * s->plane, n, direct);
    }
}

/* `slope` is NULL on the way there. 0, or 1 where memory ran out. */
int normalise_responses(const ResponseSpec *s, const void *x, const void *slope, void *out)
{
    float *space = malloc((size_t)s->maps * PLACES * 4 * sizeof(float));
    if (!space)
        return 1;
    for (int64_t picture = 0; picture < s->pictures; picture++)
        for (int64_t first = 0; first < s->plane; first += PLACES) {
            int64_t n = s->plane - first < PLACES ? s->plane - first : PLACES;
            int64_t at = picture * s->maps * s->plane + first;
            if (slope)
                back(s, x, slope, out, at, n, space);
            else
                there(s, x, out, at, n, space);
        }
    free(space);
    return 0;
}
