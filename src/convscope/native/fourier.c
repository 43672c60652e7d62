/* Large kernels through Fourier transforms: the map in square tiles, two of them as one complex picture.
 *
 * A tile whose window holds a value that is infinite or no number is convolved directly: a transform would spread it over
 * the whole tile. */
#include "convolution.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXTRA = 16 };

static int least(int a, int b) { return a < b ? a : b; }
static ptrdiff_t pitch_of(int side) { return side + EXTRA; }
static size_t floats_of(int side) { return (size_t)pitch_of(side) * (size_t)side; }

/* For each stage of four, cosines and sines of the powers 1, 2 and 3; then the eight roots of blocks of 16. */
static void fill_twiddles(float *to, int side)
{
    for (int length = side; length > 1; length /= 4)
        for (int power = 1; power <= 3; power++)
            for (int part = 0; part < 2; part++)
                for (int j = 0; j < length / 4; j++) {
                    double angle = -2 * M_PI * power * j / length;
                    *to++ = (float)(part ? sin(angle) : cos(angle));
                }
    for (int part = 0; part < 2; part++)
        for (int j = 0; j < 8; j++)
            *to++ = (float)(part ? sin(-2 * M_PI * j / 16) : cos(-2 * M_PI * j / 16));
}

int plan_fourier(Convolution *c)
{
    int side = c->spec->tile;
    for (int axis = 0; axis < 2; axis++) {
        c->tile[axis] = side - c->spec->kernel[axis] + 1;
        c->tiles[axis] = (c->spec->map[axis] + c->tile[axis] - 1) / c->tile[axis];
    }
    size_t direct = c->room, waves = 2 * floats_of(side) * sizeof(float);
    c->room = direct + waves + 64;
    c->spectra = aligned_alloc(64, (size_t)c->spec->kernels * (size_t)side * (size_t)side * 2 * sizeof(float));
    c->twiddles = malloc(((size_t)side * 3 + 64) * sizeof(float));
    if (!c->spectra || !c->twiddles)
        return 1;
    fill_twiddles(c->twiddles, side);
    return 0;
}

static Waves waves_in(const Convolution *c, char *scratch)
{
    int side = c->spec->tile;
    float *real = (float *)scratch;
    return (Waves){side, pitch_of(side), real, real + floats_of(side), c->twiddles};
}

void spectrum_part(void *context, int part, int worker)
{
    const Convolution *c = context;
    const ConvolveSpec *s = c->spec;
    Waves w = waves_in(c, c->scratch + c->room * (size_t)worker);
    const float *kernel = (const float *)s->weights + (ptrdiff_t)part * s->kernel[0] * s->kernel[1];
    float scale = 1 / ((float)w.side * (float)w.side);
    memset(w.real, 0, 2 * floats_of(w.side) * sizeof(float));
    for (int y = 0; y < s->kernel[0]; y++)
        for (int x = 0; x < s->kernel[1]; x++)
            w.real[y * w.pitch + x] = kernel[y * s->kernel[1] + x] * scale;
    c->code->spectrum(&w, c->spectra + (ptrdiff_t)part * w.side * w.side * 2);
}

static int pairs(const Convolution *c) { return (c->tiles[0] * c->tiles[1] + 1) / 2; }

int fourier_parts(const Convolution *c) { return c->spec->groups * c->spec->outside * pairs(c); }

static Piece piece_of(const Convolution *c, int map, int place)
{
    const ConvolveSpec *s = c->spec;
    int y = place / c->tiles[1] * c->tile[0], x = place % c->tiles[1] * c->tile[1];
    return (Piece){map / s->outside, y, x, least(c->tile[0], s->map[0] - y), least(c->tile[1], s->map[1] - x)};
}

/* The window of a piece as the real or the imaginary part, zeros around it; whether a value is not finite. */
static int load_piece(const Convolution *c, const Waves *w, const Piece *p, float *to)
{
    const ConvolveSpec *s = c->spec;
    int32_t origin[2] = {p->y, p->x};
    int rows = p->height + s->kernel[0] - 1, columns = p->width + s->kernel[1] - 1;
    int odd = gather(c, p->group * s->inside, origin, rows, columns, to, w->pitch);
    for (int row = 0; row < w->side; row++) {
        int from = row < rows ? columns : 0;
        memset(to + row * w->pitch + from, 0, (size_t)(w->side - from) * sizeof(float));
    }
    return odd;
}

static void store_piece(const Convolution *c, const Waves *w, int map, const Piece *p, const float *from)
{
    const ConvolveSpec *s = c->spec;
    float bias = s->biases ? ((const float *)s->biases)[map] : 0;
    for (int y = 0; y < p->height; y++) {
        float *to = (float *)s->maps + ((ptrdiff_t)map * s->map[0] + p->y + y) * s->map[1] + p->x;
        for (int x = 0; x < p->width; x++)
            to[x] = from[y * w->pitch + x] + bias;
    }
}

void fourier_part(void *context, int part, int worker)
{
    const Convolution *c = context;
    int map = part / pairs(c), first = part % pairs(c) * 2, count = least(2, c->tiles[0] * c->tiles[1] - first);
    char *scratch = c->scratch + c->room * (size_t)worker;
    Waves w = waves_in(c, scratch);
    Piece pieces[2];
    float *parts[2] = {w.real, w.imaginary};
    int odd[2] = {0, 0};
    for (int n = 0; n < 2; n++) {
        if (n < count) {
            pieces[n] = piece_of(c, map, first + n);
            odd[n] = load_piece(c, &w, &pieces[n], parts[n]);
        }
        if (n >= count || odd[n])
            memset(parts[n], 0, floats_of(w.side) * sizeof(float));
    }
    c->code->filter(&w, c->spectra + (ptrdiff_t)(map % c->spec->kernels) * w.side * w.side * 2);
    for (int n = 0; n < count; n++)
        if (!odd[n])
            store_piece(c, &w, map, &pieces[n], parts[n]);
    for (int n = 0; n < count; n++)
        if (odd[n])
            convolve_piece(c, &pieces[n], scratch);
}
