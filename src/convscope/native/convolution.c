/* A kernel over a picture: cuts the map into tiles, lays each tile's window out in memory, and lets threads take tiles.
 *
 * A tile inside of a float picture is read where it lies. Every other one (padding, uint8, a stride along the row) is
 * gathered first, a row of `phase` values for each remainder of the column by the stride: so that the values which
 * neighbouring positions multiply by the same weight are neighbours too. */
#include "convolution.h"
#include "engine.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* LINE: values of a cache line; pieces begin and end with one, so that they can be written past the cache. */
enum { LINE = 16, LARGE = 4 << 20, WIDEST = 512, TALLEST = 32, SLACK = 128, SCRATCH = 192 * 1024 };

static int least(int a, int b) { return a < b ? a : b; }

#define CONVERT(SCALAR, TYPE) \
    static int convert_##TYPE##_##SCALAR(const TYPE *from, const int32_t *place, int count, int step, double constant, \
                                         SCALAR *to) \
    { \
        SCALAR odd = 0; \
        if (count > 0 && step == 1 && place[0] >= 0 && place[count - 1] - place[0] == count - 1) { \
            from += place[0]; \
            for (int n = 0; n < count; n++) { \
                SCALAR value = (SCALAR)from[n]; \
                to[n] = value; \
                odd += value * 0; \
            } \
        } else \
            for (int n = 0; n < count; n++) { \
                SCALAR value = place[n * step] < 0 ? (SCALAR)constant : (SCALAR)from[place[n * step]]; \
                to[n] = value; \
                odd += value * 0; \
            } \
        return odd != 0; \
    }
CONVERT(float, uint8_t)
CONVERT(float, float)
CONVERT(double, double)

static int convert(const Convolution *c, int channel, int row, const int32_t *place, int count, int step, char *to)
{
    const ConvolveSpec *s = c->spec;
    ptrdiff_t start = ((ptrdiff_t)channel * s->picture[0] + row) * s->picture[1];
    switch (s->pixels) {
    case PIXELS_UINT8: return convert_uint8_t_float((const uint8_t *)s->values + start, place, count, step, s->constant, (float *)to);
    case PIXELS_FLOAT: return convert_float_float((const float *)s->values + start, place, count, step, s->constant, (float *)to);
    default: return convert_double_double((const double *)s->values + start, place, count, step, s->constant, (double *)to);
    }
}

static void fill(const Convolution *c, char *to, int count)
{
    for (int n = 0; n < count; n++)
        if (c->size == sizeof(float))
            ((float *)to)[n] = (float)c->spec->constant;
        else
            ((double *)to)[n] = c->spec->constant;
}

/* Columns from `first` of one padded row into `to`; whether a value is infinite or no number. The part inside of the
 * picture goes in one piece, since its columns follow one another. */
static int gather_row(const Convolution *c, int channel, int row, int first, int count, int step, char *to)
{
    const ConvolveSpec *s = c->spec;
    int source = s->rows_of[row], odd = 0, done = 0;
    if (source < 0) {
        fill(c, to, count);
        return !isfinite(s->constant);
    }
    int inside[2] = {s->before[1] - first, s->before[1] + s->picture[1] - first};
    int ends[3] = {inside[0], inside[1], count};
    for (int n = 0; n < 3; n++) {
        int end = step > 1 ? count : least(ends[n] > 0 ? ends[n] : 0, count);
        if (end <= done)
            continue;
        odd |= convert(c, channel, source, s->columns_of + first + done * step, end - done, step, to + c->size * (size_t)done);
        done = end;
    }
    return odd;
}

/* The window of a piece, every channel of its group, as the kernel wants it; whether a value is not finite. */
static int gather_window(const Convolution *c, const Piece *p, char *to)
{
    const ConvolveSpec *s = c->spec;
    int odd = 0, step = s->stride[1], last = (p->x + p->width - 1) * step + (s->kernel[1] - 1) * s->dilation[1];
    int rows = (p->height - 1) * s->stride[0] + (s->kernel[0] - 1) * s->dilation[0] + 1;
    for (int channel = 0; channel < s->inside; channel++)
        for (int row = 0; row < rows; row++)
            for (int phase = 0; phase < step; phase++) {
                int first = p->x * step + phase, count = first > last ? 0 : (last - first) / step + 1;
                char *line = to + c->size * (size_t)(((ptrdiff_t)channel * c->window_rows + row) * c->pitch + phase * c->phase);
                odd |= gather_row(c, p->group * s->inside + channel, p->y * s->stride[0] + row, first, count, step, line);
            }
    return odd;
}

int gather(const Convolution *c, int channel, const int32_t origin[2], int rows, int columns, float *to, ptrdiff_t pitch)
{
    int odd = 0;
    for (int row = 0; row < rows; row++)
        odd |= gather_row(c, channel, origin[0] + row, origin[1], columns, 1, (char *)(to + row * pitch));
    return odd;
}

/* Whether windows inside of the picture can be read where it lies. */
static int reads_in_place(const Convolution *c) { return c->spec->pixels != PIXELS_UINT8 && c->spec->stride[1] == 1; }

static void run(const Convolution *c, const Slide *slide)
{
    (c->size == sizeof(float) ? c->code->slide_float : c->code->slide_double)(slide);
}

/* A kernel that is a column times a row: first the row over each row of the window, then the column over that. */
static void run_twice(const Convolution *c, Slide slide, int map, char *scratch)
{
    static const int32_t nowhere = 0;
    const ConvolveSpec *s = c->spec;
    ptrdiff_t pitch = WIDEST + SLACK;
    int kernel = map % s->kernels;
    Slide across = slide, down = slide;
    across.weights = (const char *)s->acrosses + c->size * (size_t)kernel * (size_t)s->kernel[1];
    across.bias = 0;
    across.rows = 1;
    across.height = slide.height + slide.rows - 1;
    across.out = scratch;
    across.out_pitch = pitch;
    across.dense = across.past = 0;
    run(c, &across);
    down.from = scratch;
    down.weights = (const char *)s->downs + c->size * (size_t)kernel * (size_t)s->kernel[0];
    down.columns = 1;
    down.pitch = down.down = down.next = pitch;
    down.offsets = &nowhere;
    run(c, &down);
}

/* The maps of a piece, whose window begins at `from`. */
static void convolve_window(const Convolution *c, const Piece *p, const char *from, ptrdiff_t pitch, ptrdiff_t plane, char *scratch)
{
    const ConvolveSpec *s = c->spec;
    size_t cells = (size_t)s->inside * (size_t)s->kernel[0] * (size_t)s->kernel[1];
    Slide slide = {.from = from, .channels = s->inside, .rows = s->kernel[0], .columns = s->kernel[1], .height = p->height,
                   .width = p->width, .pitch = pitch, .plane = plane, .down = s->dilation[0] * pitch,
                   .next = s->stride[0] * pitch, .out_pitch = s->map[1], .offsets = c->offsets,
                   .past = c->past, .dense = s->dilation[0] == 1 && s->stride[0] == 1 && s->kernel[0] > 1};
    for (int n = 0; n < s->outside; n++) {
        int map = p->group * s->outside + n;
        ptrdiff_t at = ((ptrdiff_t)map * s->map[0] + p->y) * s->map[1] + p->x;
        slide.out = (char *)s->maps + c->size * (size_t)at;
        slide.weights = (const char *)s->weights + c->size * (size_t)(map % s->kernels) * cells;
        slide.bias = !s->biases ? 0 : c->size == sizeof(float) ? ((const float *)s->biases)[map] : ((const double *)s->biases)[map];
        if (s->downs)
            run_twice(c, slide, map, scratch);
        else
            run(c, &slide);
    }
}

/* Rows of a strip: more where a column follows a row, since the row also runs over the rows that strips share. */
static int tallest(const ConvolveSpec *s)
{
    int rows = 3 * s->kernel[0];
    return !s->downs ? TALLEST : rows < 2 * TALLEST ? 2 * TALLEST : least(rows, 3 * TALLEST);
}

static size_t scratch_of_factors(const Convolution *c)
{
    return c->spec->downs ? (size_t)(tallest(c->spec) + c->spec->kernel[0]) * (WIDEST + SLACK) * c->size : 0;
}

static void convolve_strip(const Convolution *c, const Piece *p, char *scratch)
{
    char *window = scratch + scratch_of_factors(c);
    gather_window(c, p, window);
    convolve_window(c, p, window, c->pitch, c->window_rows * c->pitch, scratch);
}

static const char *place_of(const Convolution *c, const Piece *p)
{
    const ConvolveSpec *s = c->spec;
    ptrdiff_t y = p->y * s->stride[0] - s->before[0], x = p->x - s->before[1];
    ptrdiff_t row = (ptrdiff_t)p->group * s->inside * s->picture[0] + y;
    return (const char *)s->values + c->size * (size_t)(row * s->picture[1] + x);
}

static void convolve_in_place(const Convolution *c, const Piece *p, char *scratch)
{
    const ConvolveSpec *s = c->spec;
    ptrdiff_t plane = (ptrdiff_t)s->picture[0] * s->picture[1];
    int width = s->downs ? WIDEST : p->width;
    for (int x = 0; x < p->width; x += width) {
        int start = x && p->width - x < SLACK ? p->width - SLACK : x;
        Piece q = {p->group, p->y, p->x + start, p->height, least(width, p->width - start)};
        convolve_window(c, &q, place_of(c, &q), s->picture[1], plane, scratch);
    }
}

/* A piece in strips that the scratch memory has room for. */
static void convolve_strips(const Convolution *c, const Piece *p, char *scratch)
{
    for (int y = 0; y < p->height; y += c->strip[0])
        for (int x = 0; x < p->width; x += c->strip[1]) {
            Piece strip = {p->group, p->y + y, p->x + x, least(c->strip[0], p->height - y), least(c->strip[1], p->width - x)};
            convolve_strip(c, &strip, scratch);
        }
}

/* Where along an axis the positions end that reach into the padding before the picture, and where those after it begin. */
static void inner(const Convolution *c, int axis, int first, int count, int ends[2])
{
    const ConvolveSpec *s = c->spec;
    int step = s->stride[axis], reach = (s->kernel[axis] - 1) * s->dilation[axis];
    int from = (s->before[axis] + step - 1) / step, room = s->before[axis] + s->picture[axis] - 1 - reach;
    int to = room < 0 ? 0 : room / step + 1;
    ends[0] = least(from > first ? from - first : 0, count);
    ends[1] = to - first < ends[0] ? ends[0] : least(to - first, count);
}

/* The part of a piece whose windows lie inside of the picture is read there; what is around it is gathered. */
void convolve_piece(const Convolution *c, const Piece *p, char *scratch)
{
    int rows[4] = {0, 0, 0, p->height}, columns[4] = {0, 0, 0, p->width};
    inner(c, 0, p->y, p->height, rows + 1);
    inner(c, 1, p->x, p->width, columns + 1);
    columns[1] = (columns[1] + LINE - 1) / LINE * LINE;
    columns[2] = columns[2] / LINE * LINE;
    if (!reads_in_place(c) || columns[2] - columns[1] < SLACK) {
        convolve_strips(c, p, scratch);
        return;
    }
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++) {
            Piece q = {p->group, p->y + rows[y], p->x + columns[x], rows[y + 1] - rows[y], columns[x + 1] - columns[x]};
            if (y == 1 && x == 1 && q.height > 0)
                convolve_in_place(c, &q, scratch);
            else
                convolve_strips(c, &q, scratch);
        }
}

static void piece_part(void *context, int part, int worker)
{
    const Convolution *c = context;
    int y = part % c->tiles[0] * c->tile[0];
    Piece p = {part / c->tiles[0], y, 0, least(c->tile[0], c->spec->map[0] - y), c->spec->map[1]};
    convolve_piece(c, &p, c->scratch + c->room * (size_t)worker);
}

/* Tiles as wide and tall as their windows fit the scratch memory of a thread, which fits its cache. */
static void plan_tiles(Convolution *c)
{
    const ConvolveSpec *s = c->spec;
    int reach[2];
    for (int axis = 0; axis < 2; axis++)
        reach[axis] = (s->kernel[axis] - 1) * s->dilation[axis];
    c->strip[1] = least(WIDEST, s->map[1]);
    c->strip[0] = least(tallest(s), s->map[0]);
    for (;;) {
        c->phase = c->strip[1] + reach[1] / s->stride[1] + SLACK;
        c->pitch = (ptrdiff_t)c->phase * s->stride[1];
        c->window_rows = (c->strip[0] - 1) * s->stride[0] + reach[0] + 1;
        size_t bytes = c->size * (size_t)c->pitch * (size_t)c->window_rows * (size_t)s->inside;
        c->room = bytes + scratch_of_factors(c) + 64;
        if (bytes <= (s->downs ? 2 * SCRATCH : SCRATCH) || (c->strip[0] <= 8 && c->strip[1] <= 64))
            break;
        int *larger = c->strip[0] > 8 && (c->strip[0] * 8 > c->strip[1] || c->strip[1] <= 64) ? &c->strip[0] : &c->strip[1];
        *larger = (*larger + 1) / 2;
    }
    c->tile[0] = c->strip[0];
    c->tiles[0] = (s->map[0] + c->tile[0] - 1) / c->tile[0];
    for (int n = 0; n < s->kernel[1]; n++) {
        int column = n * s->dilation[1];
        c->offsets[n] = column % s->stride[1] * c->phase + column / s->stride[1];
    }
}

static int run_parts(Convolution *c, Pool *pool)
{
    const ConvolveSpec *s = c->spec;
    plan_tiles(c);
    if (s->tile && plan_fourier(c))
        return 1;
    c->scratch = aligned_alloc(64, (c->room + 63) / 64 * 64 * (size_t)s->threads);
    c->room = (c->room + 63) / 64 * 64;
    if (!c->scratch)
        return 1;
    if (s->tile) {
        pool_run(pool, spectrum_part, c, s->kernels);
        pool_run(pool, fourier_part, c, fourier_parts(c));
    } else
        pool_run(pool, piece_part, c, s->groups * c->tiles[0]);
    return 0;
}

/* The threads of the last call are kept for the next one; a call that comes while they work makes its own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Pool *kept;
static int kept_threads;

static Pool *take_pool(int threads, int *own)
{
    *own = threads == 1 || pthread_mutex_trylock(&lock) != 0;
    if (*own)
        return pool_new(threads);
    if (kept_threads != threads) {
        pool_free(kept);
        kept = pool_new(threads);
        kept_threads = kept ? threads : 0;
    }
    return kept;
}

static void return_pool(Pool *pool, int own)
{
    if (own)
        pool_free(pool);
    else
        pthread_mutex_unlock(&lock);
}

/* Fills spec->maps; 0, or 1 where memory ran out. */
int convolve(const ConvolveSpec *spec)
{
    int own;
    Convolution c = {.spec = spec, .code = choose_convolver(), .size = spec->pixels == PIXELS_DOUBLE ? 8 : 4};
    int64_t values = (int64_t)spec->groups * spec->outside * spec->map[0] * spec->map[1];
    c.past = values * (int64_t)c.size > LARGE;
    c.offsets = malloc((size_t)spec->kernel[1] * sizeof *c.offsets);
    Pool *pool = take_pool(spec->threads, &own);
    int failed = !c.offsets || !pool || run_parts(&c, pool);
    return_pool(pool, own);
    free(c.scratch);
    free(c.spectra);
    free(c.twiddles);
    free(c.offsets);
    return failed;
}
