/* Parts of pictures scaled by bilinear interpolation, their colours changed, normalised: each picture once through the cache.
 *
 * A row of the picture is stretched once, then each row that is shown lies between two of those. What changes colours needs
 * the mean of all that is shown, so it comes in a second pass. */
#include "engine.h"
#include "showing.h"
#include <string.h>

typedef float V __attribute__((vector_size(16)));
typedef float Loose __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t I __attribute__((vector_size(16)));
enum { WIDTH = 4 };

static inline V load(const float *p) { return *(const Loose *)p; }
static inline void store(float *p, V v) { *(Loose *)p = v; }
static inline V splat(float x) { return x - (V){}; }
static inline V where(I mask, V yes, V no) { return (V)((mask & (I)yes) | (~mask & (I)no)); }

/* Between which two of `length` neighbours a place is, and how far from the first. */
typedef struct {
    int first, second;
    float between;
} Place;

static Place place_of(float at, int length)
{
    int first = (int)at;
    if (first > length - 2)
        first = length > 1 ? length - 2 : 0;
    return (Place){first, length > 1 ? first + 1 : first, at - (float)first};
}

typedef struct {
    Place columns[LONGEST_SIDE];
    int from, to; /* the columns of the picture that are seen */
    float flat[LONGEST_SIDE], rows[2][LONGEST_SIDE];
} Scratch;

static void stretch(const ShowSpec *s, Scratch *scratch, const uint8_t *row, float *out)
{
    float *flat = scratch->flat;
    for (int x = scratch->from; x < scratch->to; x++)
        flat[x] = row[x];
    for (int x = 0; x < s->size[1]; x++) {
        Place p = scratch->columns[x];
        out[x] = flat[p.first] + p.between * (flat[p.second] - flat[p.first]);
    }
}

/* One channel of a picture; the sum of all that is shown of it. */
static double show_channel(const ShowSpec *s, Scratch *scratch, const uint8_t *pixels, const float *places, float *out)
{
    int columns = s->size[1], here[2] = {-1, -1};
    double total = 0;
    for (int y = 0; y < s->size[0]; y++, out += columns) {
        Place p = place_of(places[y], s->picture[0]);
        int wanted[2] = {p.first, p.second};
        for (int n = 0; n < 2; n++)
            if (here[wanted[n] & 1] != wanted[n]) {
                stretch(s, scratch, pixels + (ptrdiff_t)wanted[n] * s->picture[1], scratch->rows[wanted[n] & 1]);
                here[wanted[n] & 1] = wanted[n];
            }
        const float *above = scratch->rows[p.first & 1], *below = scratch->rows[p.second & 1];
        V sum = {};
        int x = 0;
        for (; x + WIDTH <= columns; x += WIDTH) {
            V from = load(above + x), v = from + splat(p.between) * (load(below + x) - from);
            store(out + x, v);
            sum += v;
        }
        for (; x < columns; x++) {
            out[x] = above[x] + p.between * (below[x] - above[x]);
            total += out[x];
        }
        total += (double)((sum[0] + sum[2]) + (sum[1] + sum[3]));
    }
    return total;
}

/* WIDTH pixels, all channels of them: mixed, cut to 0..255, lit, normalised. */
static inline void colour(int channels, V *v, const V *mix, const V *offset, int cut, const V *light, const V *scale,
                          const V *shift)
{
    V was[MOST_CHANNELS];
    for (int k = 0; k < channels; k++)
        was[k] = v[k];
    for (int k = 0; k < channels; k++) {
        V sum = was[k];
        if (cut) {
            sum = offset[0];
            for (int n = 0; n < channels; n++)
                sum += mix[k * channels + n] * was[n];
            sum = where(sum < splat(0), splat(0), sum);
            sum = where(sum > splat(255), splat(255), sum);
        }
        v[k] = scale[k] * (sum + light[k]) + shift[k];
    }
}

static inline __attribute__((always_inline)) void colours(const ShowSpec *s, int channels, int64_t n, float mean, float *out)
{
    V mix[MOST_CHANNELS * MOST_CHANNELS], light[MOST_CHANNELS], scale[MOST_CHANNELS], shift[MOST_CHANNELS], v[MOST_CHANNELS];
    V offset = s->colours ? splat(s->kept[n] * mean) : splat(0);
    ptrdiff_t plane = (ptrdiff_t)s->size[0] * s->size[1], x = 0;
    for (int k = 0; k < channels; k++) {
        for (int m = 0; m < channels; m++)
            mix[k * channels + m] = splat(s->colours ? s->colours[(n * channels + k) * channels + m] : 0);
        light[k] = splat(s->light ? s->light[n * channels + k] : 0);
        scale[k] = splat(s->scale[k]);
        shift[k] = splat(s->shift[k]);
    }
    for (; x < plane; x += WIDTH) {
        ptrdiff_t left = plane - x;
        for (int k = 0; k < channels; k++)
            if (left >= WIDTH)
                v[k] = load(out + k * plane + x);
            else {
                v[k] = splat(0);
                memcpy(&v[k], out + k * plane + x, (size_t)left * sizeof *out);
            }
        colour(channels, v, mix, &offset, s->colours != NULL, light, scale, shift);
        for (int k = 0; k < channels; k++)
            if (left >= WIDTH)
                store(out + k * plane + x, v[k]);
            else
                memcpy(out + k * plane + x, &v[k], (size_t)left * sizeof *out);
    }
}

static void show(void *context, int n, int worker)
{
    (void)worker;
    const ShowSpec *s = context;
    Scratch scratch;
    ptrdiff_t plane = (ptrdiff_t)s->size[0] * s->size[1], from = (ptrdiff_t)s->picture[0] * s->picture[1];
    const uint8_t *pixels = s->pixels + s->index[n] * s->channels * from;
    const float *places = s->places + (ptrdiff_t)n * (s->size[0] + s->size[1]);
    float *out = s->out + n * s->channels * plane;
    scratch.from = s->picture[1];
    scratch.to = 0;
    for (int x = 0; x < s->size[1]; x++) {
        Place p = scratch.columns[x] = place_of(places[s->size[0] + x], s->picture[1]);
        scratch.from = p.first < scratch.from ? p.first : scratch.from;
        scratch.to = p.second >= scratch.to ? p.second + 1 : scratch.to;
    }
    double mean = 0;
    for (int k = 0; k < s->channels; k++)
        mean += (double)s->grey[k] * show_channel(s, &scratch, pixels + k * from, places, out + k * plane) / (double)plane;
    if (s->channels == 3)
        colours(s, 3, n, (float)mean, out);
    else
        colours(s, 1, n, (float)mean, out);
}

int show_pictures(const ShowSpec *spec)
{
    Pool *pool = pool_new(spec->threads);
    if (!pool)
        return 1;
    pool_run(pool, show, (void *)spec, (int)spec->count);
    pool_free(pool);
    return 0;
}

enum { AT_ONCE = 16384 }; /* 255 x 255 times so many fit 31 bits */

void sum_pixels(const uint8_t *pixels, int64_t count, int32_t channels, int64_t plane, int64_t *sums, int64_t *products)
{
    for (int64_t n = 0; n < count; n++, pixels += channels * plane)
        for (int64_t start = 0; start < plane; start += AT_ONCE) {
            int many = (int)(plane - start < AT_ONCE ? plane - start : AT_ONCE);
            for (int k = 0; k < channels; k++) {
                const uint8_t *one = pixels + k * plane + start;
                int32_t sum = 0;
                for (int x = 0; x < many; x++)
                    sum += one[x];
                sums[k] += sum;
                for (int m = 0; m <= k; m++) {
                    const uint8_t *other = pixels + m * plane + start;
                    int32_t product = 0;
                    for (int x = 0; x < many; x++)
                        product += (int16_t)one[x] * (int16_t)other[x];
                    products[k * channels + m] += product;
                    if (m < k)
                        products[m * channels + k] += product;
                }
            }
        }
}
