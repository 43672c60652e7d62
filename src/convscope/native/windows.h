/* Pools and LeNet's trained subsampling, activations that stand alone, and dropout. */

/* Windows that tile the maps: each value of the input belongs to at most one. */
INLINE int apart(const Op *op)
{
    return op->spec.kernel[0] == op->spec.stride[0] && op->spec.kernel[1] == op->spec.stride[1] && !op->spec.coded;
}

INLINE int source(const Op *op, int channel) { return op->links ? op->links[channel] : channel; }

/* What a window's sum is multiplied by, and what is then added. */
INLINE void coefficients(const Op *op, const float *parameters, int channel, float *factor, float *bias)
{
    const OpSpec *s = &op->spec;
    int trained = s->kind == SUBSAMPLE;
    *factor = trained ? parameters[s->weight + channel] : 1.0f / (float)(s->kernel[0] * s->kernel[1]);
    *bias = trained ? parameters[s->bias + channel] : 0;
}

INLINE V window_sum(const Op *op, const float *corner)
{
    V total = {};
    for (int i = 0; i < op->spec.kernel[0]; i++)
        for (int j = 0; j < op->spec.kernel[1]; j++)
            total += load(corner + i * op->in->row + j * LANES);
    return total;
}

INLINE V window_max(const Op *op, const float *corner)
{
    V most = load(corner);
    for (int i = 0; i < op->spec.kernel[0]; i++)
        for (int j = 0; j < op->spec.kernel[1]; j++) {
            V value = load(corner + i * op->in->row + j * LANES);
            most = where(value <= most, most, value);
        }
    return most;
}

INLINE float *window(const Op *op, float *space, int channel, int y, int x)
{
    return at(space, op->in, source(op, channel), y * op->spec.stride[0], x * op->spec.stride[1]);
}

static void windows_forward(const Op *op, const float *parameters, float *space)
{
    const Map *out = op->out;
    float factor = 1, bias = 0;
    for (int c = 0; c < out->channels; c++) {
        if (op->spec.kind != MAX_POOL)
            coefficients(op, parameters, c, &factor, &bias);
        for (int y = 0; y < out->height; y++) {
            float *row = at(space, out, c, y, 0);
            for (int x = 0; x < out->width; x++)
                for (int n = 0; n < VECTORS; n++) {
                    const float *corner = window(op, space, c, y, x) + n * WIDTH;
                    V value = op->spec.kind == MAX_POOL ? window_max(op, corner) : window_sum(op, corner) * factor + bias;
                    store(row + x * LANES + n * WIDTH, value);
                }
            activate_op(op, row, (size_t)out->width * LANES);
        }
    }
}

/* Subsampling's coefficient sees the window's sum, its bias sees 1. */
static void subsample_gradient(const Op *op, float *space, float *gradients)
{
    const Map *out = op->out;
    for (int c = 0; c < out->channels; c++) {
        V weight = {}, bias = {};
        for (int y = 0; y < out->height; y++)
            for (int x = 0; x < out->width; x++)
                for (int n = 0; n < VECTORS; n++) {
                    V g = load(at(space, out, c, y, x) + n * WIDTH);
                    weight += g * window_sum(op, window(op, space, c, y, x) + n * WIDTH);
                    bias += g;
                }
        gradients[op->spec.weight + c] += sum(weight);
        gradients[op->spec.bias + c] += sum(bias);
    }
}

/* Windows that tile: each input value is overwritten by its gradient where it stands. */
INLINE void spread_apart(const Op *op, float *corner, V gradient)
{
    int is_max = op->spec.kind == MAX_POOL;
    V most = is_max ? window_max(op, corner) : gradient;
    I open = gradient == gradient || 1;
    open = open | -1;
    for (int i = 0; i < op->spec.kernel[0]; i++)
        for (int j = 0; j < op->spec.kernel[1]; j++) {
            float *place = corner + i * op->in->row + j * LANES;
            V value = load(place), share = gradient;
            if (is_max) { /* the first of the largest gets everything, as in PyTorch */
                I chosen = open & (value == most);
                share = (V)((I)gradient & chosen);
                open &= ~chosen;
            }
            store(place, before(op, share, value));
        }
}

/* Windows that overlap or leave gaps: the values are put aside, and the shares added up. */
INLINE void spread_over(const Op *op, const float *aside, float *corner, ptrdiff_t shift, V gradient)
{
    int is_max = op->spec.kind == MAX_POOL;
    const float *values = corner + shift - (corner - corner);
    V most = is_max ? window_max(op, values) : gradient;
    I open = (I){} - 1;
    (void)aside;
    for (int i = 0; i < op->spec.kernel[0]; i++)
        for (int j = 0; j < op->spec.kernel[1]; j++) {
            float *place = corner + i * op->in->row + j * LANES;
            V share = gradient;
            if (is_max) {
                I chosen = open & (load(values + i * op->in->row + j * LANES) == most);
                share = (V)((I)gradient & chosen);
                open &= ~chosen;
            }
            store(place, load(place) + share);
        }
}
