/* Pools and LeNet's trained subsampling: everything that looks through a window at each map alone. */

/* A window's size and kind, by value: the common 2x2 becomes constants, and its loops disappear. */
typedef struct {
    int rows, columns, is_max;
    ptrdiff_t row;
} Window;

/* CALL(window) with constants where they pay. */
#define WITH_WINDOW(op, CALL) do { \
        const OpSpec *shape = &(op)->spec; \
        int is_max = shape->kind == MAX_POOL, square = shape->kernel[0] == 2 && shape->kernel[1] == 2; \
        if (square && is_max) \
            CALL(((Window){2, 2, 1, (op)->in->row})); \
        else if (square) \
            CALL(((Window){2, 2, 0, (op)->in->row})); \
        else \
            CALL(((Window){shape->kernel[0], shape->kernel[1], is_max, (op)->in->row})); \
    } while (0)

INLINE int source(const Op *op, int channel) { return op->links ? op->links[channel] : channel; }

/* Windows that tile the maps: each value of the input belongs to at most one. */
static int tiled(const Op *op)
{
    return op->spec.kernel[0] == op->spec.stride[0] && op->spec.kernel[1] == op->spec.stride[1] && !op->links;
}

/* What a window's sum is multiplied by, and what is then added. */
static void coefficients(const Op *op, const float *parameters, int channel, float *factor, float *bias)
{
    const OpSpec *s = &op->spec;
    int trained = s->kind == SUBSAMPLE;
    *factor = trained ? parameters[s->weight + channel] : 1.0f / (float)(s->kernel[0] * s->kernel[1]);
    *bias = trained ? parameters[s->bias + channel] : 0;
    if (s->kind == MAX_POOL)
        *factor = 1;
}

INLINE V window_value(Window window, const float *corner)
{
    V value = load(corner);
    for (int i = 0; i < window.rows; i++)
        for (int j = !i; j < window.columns; j++) {
            V next = load(corner + i * window.row + j * LANES);
            value = window.is_max ? most(value, next) : value + next;
        }
    return value;
}

INLINE void windows_row(const Op *op, Window window, const float *in, float *out, float factor, float bias)
{
    ptrdiff_t step = op->spec.stride[1] * LANES;
    int width = op->out->width;
    for (int x = 0; x < width; x++, in += step, out += LANES)
        UNROLL for (int n = 0; n < VECTORS; n++) {
            V value = window_value(window, in + n * WIDTH);
            store(out + n * WIDTH, window.is_max ? value : value * factor + bias);
        }
}

static int padded(const Op *op)
{
    const int32_t *sides = op->spec.sides;
    return sides[0] || sides[1] || sides[2] || sides[3];
}

/* CALL(window, row, column) for each place of a map of a padded pool: the part of its window that lies on the map below, and
 * where that begins. The common whole 3x3 has constants. */
#define EACH_PADDED_WINDOW(op, CALL) \
    for (int y = 0; y < (op)->out->height; y++) \
        for (int x = 0; x < (op)->out->width; x++) { \
            const OpSpec *shape = &(op)->spec; \
            int top = y * shape->stride[0] - shape->sides[0], left = x * shape->stride[1] - shape->sides[1]; \
            int row = top < 0 ? 0 : top, column = left < 0 ? 0 : left; \
            int bottom = top + shape->kernel[0], right = left + shape->kernel[1]; \
            int rows = (bottom < (op)->in->height ? bottom : (op)->in->height) - row; \
            int columns = (right < (op)->in->width ? right : (op)->in->width) - column; \
            if (rows == 3 && columns == 3) \
                CALL(((Window){3, 3, 1, (op)->in->row}), row, column); \
            else \
                CALL(((Window){rows, columns, 1, (op)->in->row}), row, column); \
        }

static void padded_forward(const Op *op, float *space)
{
    for (int c = 0; c < op->out->channels; c++) {
#define PLACE(window, row, column) \
        UNROLL for (int n = 0; n < VECTORS; n++) \
            store(at(space, op->out, c, y, x) + n * WIDTH, window_value(window, at(space, op->in, c, row, column) + n * WIDTH))
        EACH_PADDED_WINDOW(op, PLACE)
#undef PLACE
        for (int y = 0; y < op->out->height; y++)
            activate_op(op, at(space, op->out, c, y, 0), (size_t)op->out->width * LANES);
    }
}

static void windows_forward(const Op *op, const float *parameters, float *space)
{
    if (padded(op)) {
        padded_forward(op, space);
        return;
    }
    const Map *out = op->out;
    float factor, bias;
    for (int c = 0; c < out->channels; c++) {
        coefficients(op, parameters, c, &factor, &bias);
        for (int y = 0; y < out->height; y++) {
            const float *in = at(space, op->in, source(op, c), y * op->spec.stride[0], 0);
            float *row = at(space, out, c, y, 0);
#define ROW(window) windows_row(op, window, in, row, factor, bias)
            WITH_WINDOW(op, ROW);
#undef ROW
            activate_op(op, row, (size_t)out->width * LANES);
        }
    }
}

/* Subsampling's coefficient sees the window's sum, its bias sees 1. */
static void subsample_gradient(const Op *op, float *space, float *gradients)
{
    const Map *out = op->out;
    const Window window = {op->spec.kernel[0], op->spec.kernel[1], 0, op->in->row};
    for (int c = 0; c < out->channels; c++) {
        V weight[VECTORS] = {0}, bias[VECTORS] = {0};
        for (int y = 0; y < out->height; y++) {
            const float *in = at(space, op->in, source(op, c), y * op->spec.stride[0], 0);
            const float *gradient = at(space, out, c, y, 0);
            for (int x = 0; x < out->width; x++, in += op->spec.stride[1] * LANES, gradient += LANES)
                UNROLL for (int n = 0; n < VECTORS; n++) {
                    V g = load(gradient + n * WIDTH);
                    weight[n] += g * window_value(window, in + n * WIDTH);
                    bias[n] += g;
                }
        }
        for (int n = 0; n < VECTORS; n++) {
            gradients[op->spec.weight + c] += sum(weight[n]);
            gradients[op->spec.bias + c] += sum(bias[n]);
        }
    }
}

/* A window's gradient for its values: a share of all, or everything for the first of the largest, as in
 * PyTorch. Where windows tile the map, a value is overwritten where it stands; elsewhere the values were
 * put aside, and the shares are added up. */
INLINE void spread(Window window, float *corner, const float *values, V gradient, const Slope *slope)
{
    V largest = window.is_max ? window_value(window, values) : gradient;
    I open = (I){} - 1;
    for (int i = 0; i < window.rows; i++)
        for (int j = 0; j < window.columns; j++) {
            ptrdiff_t place = i * window.row + j * LANES;
            V value = load(values + place), share = gradient;
            if (window.is_max) {
                I chosen = open & (value == largest);
                share = (V)((I)gradient & chosen);
                open &= ~chosen;
            }
            store(corner + place, slope ? before(*slope, share, value) : load(corner + place) + share);
        }
}

INLINE void spread_row(const Op *op, Window window, float *in, const float *values, const float *gradient, float factor)
{
    const Slope slope = slope_of(op);
    ptrdiff_t step = op->spec.stride[1] * LANES;
    int width = op->out->width;
    int in_place = values == in;
    for (int x = 0; x < width; x++, in += step, values += step, gradient += LANES)
        UNROLL for (int n = 0; n < VECTORS; n++) {
            float *corner = in + n * WIDTH;
            V share = load(gradient + n * WIDTH) * factor;
            if (in_place)
                spread(window, corner, corner, share, &slope);
            else
                spread(window, corner, values + n * WIDTH, share, NULL);
        }
}

/* `aside`: where the input's values were put aside. */
static void spread_padded(const Op *op, float *space, const float *aside)
{
    const Map *in = op->in;
    for (int c = 0; c < op->out->channels; c++) {
#define PLACE(window, row, column) \
        UNROLL for (int n = 0; n < VECTORS; n++) \
            spread(window, at(space, in, c, row, column) + n * WIDTH, \
                   aside + c * in->plane + (row) * in->row + (column) * LANES + n * WIDTH, \
                   load(at(space, op->out, c, y, x) + n * WIDTH), NULL)
        EACH_PADDED_WINDOW(op, PLACE)
#undef PLACE
    }
}

/* `aside`: where the input's values were put aside, or NULL. */
static void spread_all(const Op *op, const float *parameters, float *space, const float *aside)
{
    const Map *out = op->out;
    float factor, bias;
    for (int c = 0; c < out->channels; c++) {
        coefficients(op, parameters, c, &factor, &bias);
        for (int y = 0; y < out->height; y++) {
            float *in = at(space, op->in, source(op, c), y * op->spec.stride[0], 0);
            const float *values = aside ? aside + (in - at(space, op->in, 0, 0, 0)) : in;
            const float *gradient = at(space, out, c, y, 0);
#define ROW(window) spread_row(op, window, in, values, gradient, factor)
            WITH_WINDOW(op, ROW);
#undef ROW
        }
    }
}

/* What no window reaches, at the right and at the bottom, has no gradient. */
static void clear_rest(const Op *op, float *space)
{
    const Map *in = op->in;
    int rows = op->out->height * op->spec.kernel[0], columns = op->out->width * op->spec.kernel[1];
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < in->height; y++) {
            int from = y < rows ? columns : 0;
            if (from < in->width)
                memset(at(space, in, c, y, from), 0, (size_t)(in->width - from) * LANES * sizeof(float));
        }
}

static void spread_over_each_other(const Op *op, const float *parameters, float *space, float *aside)
{
    const Map *in = op->in;
    const Slope slope = slope_of(op);
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < in->height; y++) {
            float *row = at(space, in, c, y, 0);
            memcpy(aside + c * in->plane + y * in->row, row, (size_t)in->width * LANES * sizeof(float));
            memset(row, 0, (size_t)in->width * LANES * sizeof(float));
        }
    if (padded(op))
        spread_padded(op, space, aside);
    else
        spread_all(op, parameters, space, aside);
    for (int c = 0; c < in->channels; c++)
        for (int y = 0; y < in->height; y++) {
            float *row = at(space, in, c, y, 0);
            const float *values = aside + c * in->plane + y * in->row;
            for (int x = 0; x < in->width * VECTORS; x++)
                store(row + x * WIDTH, before(slope, load(row + x * WIDTH), load(values + x * WIDTH)));
        }
}

static void windows_input_gradient(const Op *op, const float *parameters, float *space, float *scratch)
{
    if (tiled(op) && !padded(op)) {
        spread_all(op, parameters, space, NULL);
        clear_rest(op, space);
    } else {
        spread_over_each_other(op, parameters, space, scratch);
    }
}
