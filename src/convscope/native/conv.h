/* Convolution: forward, gradient of the weights, gradient of the input. */

INLINE void conv_row(int size, const Tile *tile, int taps, const float *bias, const float *in, ptrdiff_t step,
                     float *out, ptrdiff_t plane, int width)
{
    for (int x = 0; x < width; x++, in += step, out += LANES) {
        V sums[TILE][VECTORS];
        UNROLL for (int r = 0; r < size; r++)
            UNROLL for (int n = 0; n < VECTORS; n++)
                sums[r][n] = splat(bias ? bias[r] : 0);
        accumulate_listed(size, sums, taps, tile->packed, in, tile->offsets);
        UNROLL for (int r = 0; r < size; r++)
            UNROLL for (int n = 0; n < VECTORS; n++)
                store(out + r * plane + n * WIDTH, sums[r][n]);
    }
}

static void conv_forward(const Op *op, const float *parameters, float *space)
{
    const OpSpec *s = &op->spec;
    const Map *in = op->in, *out = op->out;
    ptrdiff_t step = s->stride[1] * LANES, plane = out->plane;
    int width = out->width;
    /* Row by row: the rows below that it sees stay in the cache for all maps. */
    for (int y = 0; y < out->height; y++) {
        const float *from = at(space, in, 0, y * s->stride[0] - s->sides[0], -s->sides[1]);
        for (int t = 0; t < op->forward.count; t++) {
            const Tile *tile = &op->forward.tiles[t];
            const float *bias = s->bias < 0 ? NULL : parameters + s->bias + tile->first;
            int taps = tile->linked * s->kernel[0] * s->kernel[1];
            float *to = at(space, out, tile->first, y, 0);
#define ROW(n) conv_row(n, tile, taps, bias, from, step, to, plane, width)
            WITH_SIZE(tile->size, ROW)
#undef ROW
            for (int r = 0; r < tile->size; r++)
                activate_op(op, to + r * plane, (size_t)width * LANES);
        }
    }
}

/* Rows of a weight tile that are worked on together: their gradients shall stay in the first-level cache. */
static int rows_at_once(const Op *op)
{
    int rows = 16384 / (WEIGHT_TILE * op->out->width * LANES * (int)sizeof(float));
    return rows < 1 ? 1 : rows;
}

/* sums[o][t]: gradient of map o times input at tap t, over `rows` rows and all lanes. */
INLINE void weight_sums(int outs, int taps, int rows, const Op *op, const float *gradient, const float *in,
                        const int32_t *offsets, float (*result)[4])
{
    V sums[WEIGHT_TILE][4];
    ptrdiff_t plane = op->out->plane, step = op->spec.stride[1] * LANES;
    UNROLL for (int o = 0; o < outs; o++)
        UNROLL for (int t = 0; t < taps; t++)
            sums[o][t] = (V){};
    for (int y = 0; y < rows; y++) {
        const float *g = gradient + y * op->out->row, *places[4];
        UNROLL for (int t = 0; t < taps; t++)
            places[t] = in + y * op->spec.stride[0] * op->in->row + offsets[t];
        ptrdiff_t along = 0;
        for (int x = 0; x < op->out->width; x++, g += LANES, along += step) {
            UNROLL for (int n = 0; n < VECTORS; n++) {
                V value[4];
                UNROLL for (int t = 0; t < taps; t++)
                    value[t] = load(places[t] + along + n * WIDTH);
                UNROLL for (int o = 0; o < outs; o++) {
                    V d = load(g + o * plane + n * WIDTH);
                    UNROLL for (int t = 0; t < taps; t++)
                        sums[o][t] += d * value[t];
                }
            }
        }
    }
    UNROLL for (int o = 0; o < outs; o++)
        UNROLL for (int t = 0; t < taps; t++)
            result[o][t] = sum(sums[o][t]);
}

static void weight_sums_of(int outs, int taps, int rows, const Op *op, const float *gradient, const float *in,
                           const int32_t *offsets, float (*result)[4])
{
#define CASE(o, t) case 8 * o + t: weight_sums(o, t, rows, op, gradient, in, offsets, result); break;
    switch (8 * outs + taps) {
        CASE(1, 1) CASE(1, 2) CASE(1, 3) CASE(1, 4) CASE(2, 1) CASE(2, 2) CASE(2, 3) CASE(2, 4)
        CASE(3, 1) CASE(3, 2) CASE(3, 3) CASE(3, 4) CASE(4, 1) CASE(4, 2) CASE(4, 3)
#if WEIGHT_TAPS(4) > 3
        CASE(4, 4)
#endif
    }
#undef CASE
}

/* Adds sums to the weights they belong to; a tile holds places without a weight too. */
INLINE void add_sums(int outs, int taps, const int32_t *places, float (*result)[4], float *weights)
{
    for (int t = 0; t < taps; t++, places += outs)
        for (int o = 0; o < outs; o++)
            if (places[o] >= 0)
                weights[places[o]] += result[o][t];
}

static void bias_gradient(const Op *op, float *space, float *gradients)
{
    const Map *out = op->out;
    for (int o = 0; o < out->channels; o++) {
        V totals[VECTORS] = {0};
        for (int y = 0; y < out->height; y++) {
            const float *g = at(space, out, o, y, 0);
            for (int x = 0; x < out->width; x++, g += LANES)
                UNROLL for (int n = 0; n < VECTORS; n++)
                    totals[n] += load(g + n * WIDTH);
        }
        UNROLL for (int n = 1; n < VECTORS; n++)
            totals[0] += totals[n];
        gradients[op->spec.bias + o] += sum(totals[0]);
    }
}

static void conv_weight_gradient(const Op *op, float *space, float *gradients)
{
    const OpSpec *s = &op->spec;
    int most = rows_at_once(op), area = s->kernel[0] * s->kernel[1];
    for (int y = 0; y < op->out->height; y += most) {
        int rows = op->out->height - y < most ? op->out->height - y : most;
        const float *in = at(space, op->in, 0, y * s->stride[0] - s->sides[0], -s->sides[1]);
        for (int t = 0; t < op->weights.count; t++) {
            const Tile *tile = &op->weights.tiles[t];
            const float *gradient = at(space, op->out, tile->first, y, 0);
            int count = tile->linked * area, passes = (count + WEIGHT_TAPS(tile->size) - 1) / WEIGHT_TAPS(tile->size);
            for (int p = 0; p < passes; p++) {
                int first = (int)((int64_t)count * p / passes), taps = (int)((int64_t)count * (p + 1) / passes) - first;
                float result[WEIGHT_TILE][4];
                weight_sums_of(tile->size, taps, rows, op, gradient, in, tile->offsets + first, result);
                add_sums(tile->size, taps, tile->places + (ptrdiff_t)first * tile->size, result, gradients + s->weight);
            }
        }
    }
    if (s->bias >= 0)
        bias_gradient(op, space, gradients);
}

/* The gradient of `size` input maps at one place: over the windows that saw it, and all maps above. */
INLINE void conv_place(int size, const Op *op, const Tile *tile, float *space, int y, int x, float *to)
{
    const OpSpec *s = &op->spec;
    const Map *out = op->out;
    const Slope slope = slope_of(op);
    V sums[TILE][VECTORS];
    UNROLL for (int r = 0; r < size; r++)
        UNROLL for (int n = 0; n < VECTORS; n++)
            sums[r][n] = (V){};
    int down = y + s->sides[0], right = x + s->sides[1];
    for (int i = down % s->stride[0]; i < s->kernel[0] && i <= down; i += s->stride[0]) {
        int row = (down - i) / s->stride[0];
        if (row >= out->height)
            continue;
        for (int j = right % s->stride[1]; j < s->kernel[1] && j <= right; j += s->stride[1]) {
            int column = (right - j) / s->stride[1];
            if (column >= out->width)
                continue;
            const float *weights = tile->packed + (ptrdiff_t)(i * s->kernel[1] + j) * tile->linked * size;
            accumulate_listed(size, sums, tile->linked, weights, at(space, out, 0, row, column), tile->offsets);
        }
    }
    UNROLL for (int r = 0; r < size; r++)
        UNROLL for (int n = 0; n < VECTORS; n++)
            store_before(slope, to + r * op->in->plane + n * WIDTH, sums[r][n]);
}

static void conv_input_gradient(const Op *op, float *space)
{
    const Map *in = op->in;
    for (int y = 0; y < in->height; y++)
        for (int t = 0; t < op->inputs.count; t++) {
            const Tile *tile = &op->inputs.tiles[t];
            for (int x = 0; x < in->width; x++) {
                float *to = at(space, in, tile->first, y, x);
#define PLACE(n) conv_place(n, op, tile, space, y, x, to)
                WITH_SIZE(tile->size, PLACE)
#undef PLACE
            }
        }
}
