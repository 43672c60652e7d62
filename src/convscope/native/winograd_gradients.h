/* The gradients of winograd.h's convolution, and its kernels at the points. */

/* Kernels of the maps [from, to) at the points: [position][map][width], zeros behind the last map below. */
static void kernels_apart(const Op *op, const float *parameters, int from, int to)
{
    const Winograd *w = op->winograd;
    int below = op->in->channels, rows = w->rows.side, columns = w->columns.side;
    for (int o = from; o < to; o++)
        for (int c = 0; c < below; c += WIDTH) {
            const float *weights = parameters + op->spec.weight + ((ptrdiff_t)o * below + c) * 9;
            float *place = w->kernels + o * w->width + c;
            V g[3][3] = {0}, half[6][3], t[6];
            for (int lane = 0; lane < WIDTH && c + lane < below; lane++)
                UNROLL for (int tap = 0; tap < 9; tap++)
                    g[tap % 3][tap / 3][lane] = weights[lane * 9 + tap];
            UNROLL for (int x = 0; x < 3; x++) {
                weights_apart(6, g[x], t);
                UNROLL for (int i = 0; i < 6; i++)
                    half[i][x] = t[i];
            }
            for (int i = 0; i < rows; i++) {
                weights_apart(6, half[i], t);
                UNROLL for (int j = 0; j < 6; j++)
                    if (j < columns)
                        store(place + (i * columns + j) * op->out->channels * w->width, t[j]);
            }
        }
}

/* The gradient of WIDTH kernels from that of their values at the points. */
INLINE void kernels_together(int rows, int columns, const float *slopes, ptrdiff_t position, float (*taps)[WIDTH])
{
    V t[6], g[3], half[3][6];
    UNROLL for (int j = 0; j < columns; j++) {
        UNROLL for (int i = 0; i < rows; i++)
            t[i] = load(slopes + (i * columns + j) * position);
        weights_together(rows, t, g);
        UNROLL for (int y = 0; y < 3; y++)
            half[y][j] = g[y];
    }
    UNROLL for (int y = 0; y < 3; y++) {
        weights_together(columns, half[y], g);
        UNROLL for (int x = 0; x < 3; x++)
            store(taps[3 * y + x], g[x]);
    }
}

static void slopes_together(const Op *op, const float *slopes, float *gradients)
{
    const Winograd *w = op->winograd;
    int below = op->in->channels, above = op->out->channels;
    ptrdiff_t position = above * w->width;
    for (int o = 0; o < above; o++)
        for (int c = 0; c < below; c += WIDTH) {
            float *weights = gradients + op->spec.weight + ((ptrdiff_t)o * below + c) * 9, taps[9][WIDTH];
            const float *from = slopes + o * w->width + c;
            switch (8 * w->rows.side + w->columns.side) {
            case 8 * 5 + 5: kernels_together(5, 5, from, position, taps); break;
            case 8 * 5 + 6: kernels_together(5, 6, from, position, taps); break;
            case 8 * 6 + 5: kernels_together(6, 5, from, position, taps); break;
            default: kernels_together(6, 6, from, position, taps);
            }
            for (int lane = 0; lane < WIDTH && c + lane < below; lane++)
                UNROLL for (int tap = 0; tap < 9; tap++)
                    weights[lane * 9 + tap] += taps[tap][lane];
        }
}

/* turned[lane][map] = values[map][lane] for up to LANES maps, `step` apart; zeros where no map is. */
static void turn_block(const float *values, ptrdiff_t step, int maps, float *turned)
{
    for (int c = 0; c < LANES; c += WIDTH)
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            V square[WIDTH];
            UNROLL for (int n = 0; n < WIDTH; n++)
                square[n] = c + n < maps ? load(values + (c + n) * step + lane) : (V){};
            transpose(square);
            UNROLL for (int n = 0; n < WIDTH; n++)
                store(turned + (lane + n) * LANES + c, square[n]);
        }
}

/* slopes[map][map below] += sums[map] times values[map below] over all tiles and lanes, at one position. */
static void multiply_turned(const Op *op, const float *sums, const float *turned, float *slopes, int tiles, int is_first)
{
    const Winograd *w = op->winograd;
    int above = op->out->channels, groups = (above + TILE - 1) / TILE;
    ptrdiff_t row = w->columns.tiles * LANES, block = tiles * LANES * LANES;
    for (int c = 0; c < op->in->channels; c += LANES, turned += block)
        for (int g = 0; g < groups; g++) {
            int first = above * g / groups, size = above * (g + 1) / groups - first;
            float *to = slopes + first * w->width + c;
#define TILE_OF(count) do { \
            V totals[TILE][VECTORS]; \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    totals[r][n] = is_first ? (V){} : load(to + r * w->width + n * WIDTH); \
            accumulate(count, totals, tiles * LANES, sums + first * row, row, 1, turned, LANES); \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    store(to + r * w->width + n * WIDTH, totals[r][n]); \
        } while (0)
            WITH_SIZE(size, TILE_OF)
#undef TILE_OF
        }
}

/* What a row of tiles adds to the gradient of the kernels at the points. The first row has all positions. */
static void add_slopes(const Row *row)
{
    const Winograd *w = row->w;
    int below = row->op->in->channels, above = row->op->out->channels;
    ptrdiff_t step = w->columns.tiles * LANES;
    for (int i = 0; i < row->side; i++)
        for (int j = 0; j < w->columns.side; j++) {
            ptrdiff_t position = i * w->columns.side + j;
            const float *values = row->values + position * w->below;
            float *turned = row->turned;
            int tiles = tiles_at(&w->columns, j);
            for (int c = 0; c < below; c += LANES)
                for (int t = 0; t < tiles; t++, turned += LANES * LANES)
                    turn_block(values + c * step + t * LANES, step, below - c, turned);
            multiply_turned(row->op, row->sums + position * w->above, row->turned,
                            row->slopes + position * above * w->width, tiles, row->row == 0);
        }
}

/* The gradients of a map's values under a row of tiles, along its lines. Neighbouring tiles share two columns. */
INLINE void lines_together(int n, const Row *row, const float *from, float *lines, int is_first)
{
    for (int i = 0; i < row->side; i++, from += row->w->columns.side * row->w->below, lines += row->w->line)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            V t[6], d[6];
            UNROLL for (int j = 0; j < n; j++)
                t[j] = load(from + j * row->w->below + v * WIDTH);
            inputs_together(n, t, d);
            UNROLL for (int j = 0; j < n; j++) {
                float *to = lines + j * LANES + v * WIDTH;
                store(to, j < 2 && !is_first ? load(to) + d[j] : d[j]);
            }
        }
}

/* Then down its columns. A row of tiles shares two rows of inputs with the next one: they are carried over. */
INLINE void columns_together(int n, const Row *row, int channel)
{
    const Winograd *w = row->w;
    const Op *op = row->op;
    const Map *in = op->in;
    const Slope slope = slope_of(op);
    int top = row->first - op->spec.sides[0], left = op->spec.sides[1];
    int whole = row->row + 1 == w->rows.tiles ? n : n - 2;
    for (int x = 0; x < in->width; x++) {
        const float *lines = row->lines + (x + left) * LANES;
        float *carry = row->carry + (channel * in->width + x) * 2 * LANES, *to = at(row->space, in, channel, top, x);
        UNROLL for (int v = 0; v < VECTORS; v++) {
            V t[6], d[6];
            UNROLL for (int i = 0; i < n; i++)
                t[i] = load(lines + i * w->line + v * WIDTH);
            inputs_together(n, t, d);
            UNROLL for (int i = 0; i < 2; i++)
                d[i] += row->row > 0 ? load(carry + i * LANES + v * WIDTH) : (V){};
            UNROLL for (int i = 0; i < n; i++)
                if (i < whole && top + i >= 0 && top + i < in->height)
                    store_before(slope, to + i * in->row + v * WIDTH, d[i]);
            UNROLL for (int i = 0; i < 2; i++)
                store(carry + i * LANES + v * WIDTH, d[n - 2 + i]);
        }
    }
}

static void put_gradients(const Row *row)
{
    const Winograd *w = row->w;
    for (int c = 0; c < row->op->in->channels; c++) {
        for (int t = 0; t < w->columns.tiles; t++) {
            const float *from = row->values + ((ptrdiff_t)c * w->columns.tiles + t) * LANES;
            float *lines = row->lines + tile_first(&w->columns, t) * LANES;
#define ALONG(n) lines_together(n, row, from, lines, t == 0)
            WITH_SIDE(tile_side(&w->columns, t), ALONG);
#undef ALONG
        }
#define DOWN(n) columns_together(n, row, c)
        WITH_SIDE(row->side, DOWN);
#undef DOWN
    }
}

/* The gradients of the weights and, where they are wanted, of the inputs, in the inputs' place: a row of tiles writes
 * only rows that no later one reads. */
static void winograd_backward(const Op *op, const Block *block, float *gradients)
{
    for (int r = 0; r < op->winograd->rows.tiles; r++) {
        const Row row = row_of(op, block, r);
        take_inputs(&row);
        take_gradients(&row);
        add_slopes(&row);
        if (op->passes_on) {
            multiply_row(&row, 1);
            put_gradients(&row);
        }
    }
    slopes_together(op, block->scratch + op->winograd->slopes, gradients);
    if (op->spec.bias >= 0)
        bias_gradient(op, block->space, gradients);
}
