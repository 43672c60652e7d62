/* Linear layers, and LeNet-5's distances to fixed codes. Their input lies without gaps: value k at k * LANES. */

static void linear_forward(const Op *op, const float *parameters, float *space)
{
    int inputs = op->spec.in[0], outputs = op->spec.out[0], size;
    const float *in = at(space, op->in, 0, 0, 0), *weights = parameters + op->spec.weight;
    float *out = at(space, op->out, 0, 0, 0);
    for (int o = 0; o < outputs; o += size) {
        size = outputs - o < TILE ? outputs - o : TILE;
        const float *bias = op->spec.bias < 0 ? NULL : parameters + op->spec.bias + o;
#define TILE_OF(count) do { \
        V sums[TILE][VECTORS]; \
        UNROLL for (int r = 0; r < count; r++) \
            UNROLL for (int n = 0; n < VECTORS; n++) \
                sums[r][n] = splat(bias ? bias[r] : 0); \
        accumulate(count, sums, inputs, weights + (ptrdiff_t)o * inputs, inputs, 1, in, LANES); \
        UNROLL for (int r = 0; r < count; r++) \
            UNROLL for (int n = 0; n < VECTORS; n++) \
                store(out + (o + r) * LANES + n * WIDTH, sums[r][n]); \
    } while (0)
        WITH_SIZE(size, TILE_OF)
#undef TILE_OF
    }
    activate_op(op, out, (size_t)outputs * LANES);
}

static void linear_input_gradient(const Op *op, const float *parameters, float *space)
{
    int inputs = op->spec.in[0], outputs = op->spec.out[0], size;
    const float *gradient = at(space, op->out, 0, 0, 0), *weights = parameters + op->spec.weight;
    float *in = at(space, op->in, 0, 0, 0);
    const Slope slope = slope_of(op);
    for (int k = 0; k < inputs; k += size) {
        size = inputs - k < TILE ? inputs - k : TILE;
#define TILE_OF(count) do { \
        V sums[TILE][VECTORS]; \
        UNROLL for (int r = 0; r < count; r++) \
            UNROLL for (int n = 0; n < VECTORS; n++) \
                sums[r][n] = (V){}; \
        accumulate(count, sums, outputs, weights + k, 1, inputs, gradient, LANES); \
        UNROLL for (int r = 0; r < count; r++) \
            UNROLL for (int n = 0; n < VECTORS; n++) \
                store_before(slope, in + (k + r) * LANES + n * WIDTH, sums[r][n]); \
    } while (0)
        WITH_SIZE(size, TILE_OF)
#undef TILE_OF
    }
}

/* turned[lane][k] = in[k][lane], so that a row of weights can be taken as vectors along k. */
static void turn(const float *in, int inputs, ptrdiff_t width, float *turned)
{
    for (int lane = 0; lane < LANES; lane++)
        for (int k = 0; k < inputs; k++)
            turned[lane * width + k] = in[k * LANES + lane];
}

static void linear_weight_gradient(const Op *op, float *space, float *turned, float *gradients)
{
    int inputs = op->spec.in[0], outputs = op->spec.out[0], size;
    ptrdiff_t width = (inputs + LANES - 1) / LANES * LANES;
    const float *gradient = at(space, op->out, 0, 0, 0);
    float *weights = gradients + op->spec.weight;
    turn(at(space, op->in, 0, 0, 0), inputs, width, turned);
    for (int o = 0; o < outputs; o += size) {
        size = outputs - o < TILE ? outputs - o : TILE;
        for (int k = 0; k < inputs; k += LANES) {
            float *to = weights + (ptrdiff_t)o * inputs + k, rest[TILE * LANES];
            int live = inputs - k < LANES ? inputs - k : LANES;
            ptrdiff_t stride = live < LANES ? LANES : inputs;
            float *total = live < LANES ? rest : to;
            if (live < LANES)
                for (int r = 0; r < size; r++)
                    memcpy(rest + r * LANES, to + (ptrdiff_t)r * inputs, live * sizeof(float));
#define TILE_OF(count) do { \
            V sums[TILE][VECTORS]; \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    sums[r][n] = load(total + r * stride + n * WIDTH); \
            accumulate(count, sums, LANES, gradient + o * LANES, LANES, 1, turned + k, width); \
            UNROLL for (int r = 0; r < count; r++) \
                UNROLL for (int n = 0; n < VECTORS; n++) \
                    store(total + r * stride + n * WIDTH, sums[r][n]); \
        } while (0)
            WITH_SIZE(size, TILE_OF)
#undef TILE_OF
            if (live < LANES)
                for (int r = 0; r < size; r++)
                    memcpy(to + (ptrdiff_t)r * inputs, rest + r * LANES, live * sizeof(float));
        }
    }
    if (op->spec.bias >= 0)
        bias_gradient(op, space, gradients);
}

static void rbf_forward(const Op *op, float *space)
{
    int inputs = op->spec.in[0];
    const float *in = at(space, op->in, 0, 0, 0);
    for (int o = 0; o < op->spec.out[0]; o++)
        for (int n = 0; n < VECTORS; n++) {
            V total = {};
            for (int k = 0; k < inputs; k++) {
                V gap = load(in + k * LANES + n * WIDTH) - op->codes[o * inputs + k];
                total += gap * gap;
            }
            store(at(space, op->out, o, 0, 0) + n * WIDTH, total);
        }
    activate_op(op, at(space, op->out, 0, 0, 0), (size_t)op->spec.out[0] * LANES);
}

static void rbf_backward(const Op *op, float *space)
{
    const Slope slope = slope_of(op);
    int inputs = op->spec.in[0];
    for (int k = 0; k < inputs; k++)
        for (int n = 0; n < VECTORS; n++) {
            float *place = at(space, op->in, 0, 0, 0) + k * LANES + n * WIDTH;
            V x = load(place), total = {};
            for (int o = 0; o < op->spec.out[0]; o++)
                total += load(at(space, op->out, o, 0, 0) + n * WIDTH) * (x - op->codes[o * inputs + k]);
            store_before(slope, place, 2 * total);
        }
}
