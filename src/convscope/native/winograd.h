/* Convolution by 3x3 with stride 1 in few multiplications: tiles of 3 or 4 outputs a side, a row of tiles at a time.
 *
 * A tile's inputs are taken apart into 5 or 6 times 5 or 6 values (transforms.h), one a `position`; at each position
 * all maps of all tiles are one small matrix product with that position's kernels; a tile's outputs are put together
 * from its positions. Backward the same steps are taken the other way round. In the scratch space lie
 *     values [position][map below][tile][lane], sums [position][map][tile][lane], slopes [position][map][width].
 */

/* Where a row of tiles is, and what it needs to be worked on. */
typedef struct {
    const Op *op;
    const Winograd *w;
    float *space, *values, *sums, *turned, *slopes, *lines, *carry;
    int row, first, side; /* which row of tiles; its first output; 6 where it gives 4 rows of outputs, else 5 */
} Row;

INLINE int tile_side(const Cut *cut, int tile) { return tile < cut->wide ? 6 : 5; }
INLINE int tile_first(const Cut *cut, int tile) { return 3 * tile + (tile < cut->wide ? tile : cut->wide); }

static Row row_of(const Op *op, const Block *block, int row)
{
    const Winograd *w = op->winograd;
    float *scratch = block->scratch;
    return (Row){op, w, block->space, scratch, scratch + w->sums, scratch + w->turned, scratch + w->slopes, scratch + w->lines,
                 scratch + w->carry, row, tile_first(&w->rows, row), tile_side(&w->rows, row)};
}

/* So many of `most` rows or columns from `first` on are there. */
INLINE int live_from(int first, int size, int most) { return size - first < most ? size - first : most; }

/* CALL(5) or CALL(6), as constants. */
#define WITH_SIDE(side, CALL) do { \
        if ((side) == 6) \
            CALL(6); \
        else \
            CALL(5); \
    } while (0)

/* From values to their values at the points: of inputs n, of outputs' gradients n - 2. */
INLINE int taken(int n, int is_input) { return is_input ? n : n - 2; }

INLINE void apart(int n, int is_input, const V *d, V *t)
{
    if (is_input)
        inputs_apart(n, d, t);
    else
        outputs_apart(n, d, t);
}

/* Down each column of a strip of rows, of which `live` are there: lines [n][x] from rows [x]. */
INLINE void strip_down(int n, int live, int is_input, const float *from, ptrdiff_t row, int width, float *lines,
                       ptrdiff_t line)
{
    for (int x = 0; x < width; x++, from += LANES, lines += LANES)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            V d[6], t[6];
            UNROLL for (int i = 0; i < taken(n, is_input); i++)
                d[i] = i < live ? load(from + i * row + v * WIDTH) : (V){};
            apart(n, is_input, d, t);
            UNROLL for (int i = 0; i < n; i++)
                store(lines + i * line + v * WIDTH, t[i]);
        }
}

/* Along a tile's lines, of which `live` columns are there: to [line][n], `next` apart, from lines [line][x]. */
INLINE void tile_along(int n, int live, int is_input, const Row *row, const float *lines, float *to, ptrdiff_t next)
{
    for (int i = 0; i < row->side; i++, lines += row->w->line, to += row->w->columns.side * next)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            V d[6], t[6];
            UNROLL for (int j = 0; j < taken(n, is_input); j++)
                d[j] = j < live ? load(lines + j * LANES + v * WIDTH) : (V){};
            apart(n, is_input, d, t);
            UNROLL for (int j = 0; j < n; j++)
                store(to + j * next + v * WIDTH, t[j]);
        }
}

/* A map's strip under a row of tiles, taken apart: `rows` of its rows are there, and `width` columns. */
INLINE void strip_apart(const Row *row, int is_input, const float *from, ptrdiff_t step, int rows, int width, float *to,
                        ptrdiff_t next)
{
    const Winograd *w = row->w;
#define DOWN(n) do { \
        if (rows == taken(n, is_input)) \
            strip_down(n, taken(n, is_input), is_input, from, step, width, row->lines, w->line); \
        else \
            strip_down(n, rows, is_input, from, step, width, row->lines, w->line); \
    } while (0)
    WITH_SIDE(row->side, DOWN);
#undef DOWN
    for (int t = 0; t < w->columns.tiles; t++, to += LANES) {
        int first = tile_first(&w->columns, t), side = tile_side(&w->columns, t);
        int live = live_from(first, width, taken(side, is_input));
        const float *lines = row->lines + first * LANES;
#define ALONG(n) do { \
        if (live == taken(n, is_input)) \
            tile_along(n, taken(n, is_input), is_input, row, lines, to, next); \
        else \
            tile_along(n, live, is_input, row, lines, to, next); \
    } while (0)
        WITH_SIDE(side, ALONG);
#undef ALONG
    }
}

/* The maps below, taken apart. */
static void take_inputs(const Row *row)
{
    const Map *in = row->op->in;
    const int32_t *sides = row->op->spec.sides;
    int width = in->width + sides[1] + sides[3], rows = live_from(row->first, in->height + sides[0] + sides[2], row->side);
    ptrdiff_t size = row->w->columns.tiles * LANES;
    for (int c = 0; c < in->channels; c++)
        strip_apart(row, 1, at(row->space, in, c, row->first - sides[0], -sides[1]), in->row, rows, width,
                    row->values + c * size, row->w->below);
}

/* The gradients of the maps above, taken apart. */
static void take_gradients(const Row *row)
{
    const Map *out = row->op->out;
    int rows = live_from(row->first, out->height, row->side - 2);
    ptrdiff_t size = row->w->columns.tiles * LANES;
    for (int c = 0; c < out->channels; c++)
        strip_apart(row, 0, at(row->space, out, c, row->first, 0), out->row, rows, out->width, row->sums + c * size,
                    row->w->above);
}

/* Tiles of a row that have a column of positions: the first ones have six. */
INLINE int tiles_at(const Cut *columns, int column) { return column < 5 ? columns->tiles : columns->wide; }

/* to[map][tile] = kernels times from[other map][tile], at one position; weights lie `across` apart from map to map
 * and `along` from other map to other map. */
static void multiply(int maps, int others, const float *kernels, ptrdiff_t across, ptrdiff_t along, const float *from,
                     float *to, ptrdiff_t row, int tiles)
{
    int groups = (maps + TILE - 1) / TILE;
    for (int g = 0; g < groups; g++) {
        int first = maps * g / groups, size = maps * (g + 1) / groups - first;
        const float *weights = kernels + first * across;
        for (int t = 0; t < tiles; t++) {
            const float *vectors = from + t * LANES;
            float *result = to + first * row + t * LANES;
#define TILE_OF(count) do { \
            V sums[TILE][VECTORS]; \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    sums[r][n] = (V){}; \
            accumulate(count, sums, others, weights, across, along, vectors, row); \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    store(result + r * row + n * WIDTH, sums[r][n]); \
        } while (0)
            WITH_SIZE(size, TILE_OF)
#undef TILE_OF
        }
    }
}

/* All positions of a row of tiles: its sums from its values, or backward its values from its sums. */
static void multiply_row(const Row *row, int backward)
{
    const Winograd *w = row->w;
    int below = row->op->in->channels, above = row->op->out->channels;
    ptrdiff_t size = w->columns.tiles * LANES;
    for (int i = 0; i < row->side; i++)
        for (int j = 0; j < w->columns.side; j++) {
            ptrdiff_t position = i * w->columns.side + j;
            const float *kernels = w->kernels + position * above * w->width;
            float *values = row->values + position * w->below, *sums = row->sums + position * w->above;
            int tiles = tiles_at(&w->columns, j);
            if (backward)
                multiply(below, above, kernels, 1, w->width, sums, values, size, tiles);
            else
                multiply(above, below, kernels, w->width, 1, values, sums, size, tiles);
        }
}

/* The outputs of a row of tiles, with bias and activation. */
INLINE void sums_down(int n, const Row *row, int channel)
{
    const Winograd *w = row->w;
    for (int t = 0; t < w->columns.tiles; t++)
        for (int j = 0; j < tile_side(&w->columns, t); j++)
            UNROLL for (int v = 0; v < VECTORS; v++) {
                const float *from =
                    row->sums + j * w->above + ((ptrdiff_t)channel * w->columns.tiles + t) * LANES + v * WIDTH;
                V s[6], y[4];
                UNROLL for (int i = 0; i < n; i++)
                    s[i] = load(from + i * w->columns.side * w->above);
                outputs_together(n, s, y);
                UNROLL for (int i = 0; i < n - 2; i++)
                    store(row->lines + i * w->line + (t * 6 + j) * LANES + v * WIDTH, y[i]);
            }
}

INLINE void sums_along(int n, int live, const float *from, float bias, float *to)
{
    UNROLL for (int v = 0; v < VECTORS; v++) {
        V s[6], y[4];
        UNROLL for (int j = 0; j < n; j++)
            s[j] = load(from + j * LANES + v * WIDTH);
        outputs_together(n, s, y);
        UNROLL for (int j = 0; j < n - 2; j++)
            if (j < live)
                store(to + j * LANES + v * WIDTH, y[j] + bias);
    }
}

static void put_outputs(const Row *row, const float *parameters)
{
    const Winograd *w = row->w;
    const Op *op = row->op;
    const Map *out = op->out;
    int rows = live_from(row->first, out->height, row->side - 2);
    for (int c = 0; c < out->channels; c++) {
        float bias = op->spec.bias < 0 ? 0 : parameters[op->spec.bias + c];
#define DOWN(n) sums_down(n, row, c)
        WITH_SIDE(row->side, DOWN);
#undef DOWN
        for (int i = 0; i < rows; i++) {
            float *to = at(row->space, out, c, row->first + i, 0);
            for (int t = 0; t < w->columns.tiles; t++) {
                const float *from = row->lines + i * w->line + t * 6 * LANES;
                int first = tile_first(&w->columns, t), columns = live_from(first, out->width, tile_side(&w->columns, t) - 2);
#define ALONG(n) sums_along(n, columns, from, bias, to + first * LANES)
                WITH_SIDE(tile_side(&w->columns, t), ALONG);
#undef ALONG
            }
            activate_op(op, to, (size_t)out->width * LANES);
        }
    }
}

static void winograd_forward(const Op *op, const float *parameters, const Block *block)
{
    for (int r = 0; r < op->winograd->rows.tiles; r++) {
        const Row row = row_of(op, block, r);
        take_inputs(&row);
        multiply_row(&row, 0);
        put_outputs(&row, parameters);
    }
}
