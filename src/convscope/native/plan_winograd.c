/* Which convolutions are computed with fewer multiplications (winograd.h), and what they need. */
#include "engine.h"
#include <stdlib.h>

/* What taking apart and putting together cost for each value of a position, in multiply-adds: measured with AVX2, where layers
 * of 2 to 16 maps below and 4 to 32 above, of 4x4 to 32x32, begin to be quicker. */
#define TRANSFORM 10

/* Tiles of four outputs, or three: as few as there can be, the wide ones first. */
static Cut cut(int outputs)
{
    int tiles = (outputs + 3) / 4, wide = outputs - 3 * tiles;
    return (Cut){tiles, wide > 0 ? wide : 0, wide > 0 ? 6 : 5};
}

static int positions(Cut cut) { return 5 * cut.tiles + cut.wide; }

static int is_full(const OpSpec *spec)
{
    for (int n = 0; n < spec->out[0] * spec->in[0]; n++)
        if (spec->links[n] != n)
            return 0;
    return 1;
}

static int pays(const OpSpec *s)
{
    double places = (double)positions(cut(s->out[1])) * positions(cut(s->out[2]));
    double below = s->in[0], above = s->out[0], direct = 9.0 * s->out[1] * s->out[2] * below * above;
    return places * (below * above + TRANSFORM * (below + above)) < direct;
}

/* An odd number of lanes' lengths, so that neighbours do not crowd into the same sets of a cache. */
static ptrdiff_t odd(ptrdiff_t count, int lanes) { return (count | 1) * lanes; }

/* The plan of a convolution in few multiplications, or NULL where it would not pay; sets `scratch` to the floats it needs. */
Winograd *plan_winograd(const OpSpec *s, int lanes, size_t *scratch, int *failed)
{
    int fits = s->kind == CONV && s->kernel[0] == 3 && s->kernel[1] == 3 && s->stride[0] == 1 && s->stride[1] == 1;
    if (!fits || !is_full(s) || !pays(s))
        return NULL;
    Winograd *w = calloc(1, sizeof *w);
    if (!w) {
        *failed = 1;
        return NULL;
    }
    w->rows = cut(s->out[1]);
    w->columns = cut(s->out[2]);
    int positions = w->rows.side * w->columns.side, tiles = w->columns.tiles, blocks = (s->in[0] + lanes - 1) / lanes;
    w->below = odd((ptrdiff_t)s->in[0] * tiles, lanes);
    w->above = odd((ptrdiff_t)s->out[0] * tiles, lanes);
    w->width = odd(blocks, lanes);
    w->line = odd(6 * tiles, lanes);
    w->sums = positions * w->below;
    w->turned = w->sums + positions * w->above;
    w->slopes = w->turned + (ptrdiff_t)blocks * tiles * lanes * lanes;
    w->lines = w->slopes + positions * s->out[0] * w->width;
    w->carry = w->lines + 6 * w->line;
    *scratch = (size_t)(w->carry + (ptrdiff_t)s->in[0] * s->in[2] * 2 * lanes);
    w->kernels = calloc((size_t)(positions * s->out[0] * w->width), sizeof(float));
    *failed |= !w->kernels;
    return w;
}

void free_winograd(Winograd *w)
{
    if (w)
        free(w->kernels);
    free(w);
}
