/* One block of pictures, forward and backward: the ops in turn. */
typedef uint32_t Bits __attribute__((vector_size(WIDTH * 4)));

/* Well mixed bits of numbers: Wellons' lowbias32. */
INLINE Bits mix(Bits x)
{
    x = (x ^ x >> 16) * 0x7feb352dU;
    x = (x ^ x >> 15) * 0x846ca68bU;
    return x ^ x >> 16;
}

/* A key for each picture of a block, of the seed, the op and the picture's place in the batch. */
static void dropout_keys(const Op *op, uint64_t seed, int64_t first, Bits *keys)
{
    for (int n = 0; n < VECTORS; n++) {
        Bits places;
        for (int lane = 0; lane < WIDTH; lane++)
            places[lane] = (uint32_t)(first + n * WIDTH + lane);
        Bits key = mix(((uint32_t)seed ^ 0x9e3779b9U * (uint32_t)(op->number + 1)) - (Bits){});
        keys[n] = mix(mix(key ^ (uint32_t)(seed >> 32)) + places);
    }
}

/* Copies with a mask that depends on nothing but the seed, the op, the picture's place in the batch and
 * the value's place in the picture. Backward, `from` is the gradient and `to` holds the values. */
static void dropout(const Op *op, const Call *call, float *space, int64_t first, int backward)
{
    const Slope slope = slope_of(op);
    float rate = call->training ? op->spec.rate : 0, scale = 1 / (1 - rate);
    uint32_t limit = (uint32_t)(rate * 4294967296.0), number = 0;
    Bits keys[VECTORS];
    dropout_keys(op, call->seed, first, keys);
    for (int c = 0; c < op->in->channels; c++)
        for (int y = 0; y < op->in->height; y++) {
            float *in = at(space, op->in, c, y, 0), *out = at(space, op->out, c, y, 0);
            for (int x = 0; x < op->in->width; x++, number++)
                for (int n = 0; n < VECTORS; n++) {
                    ptrdiff_t place = x * LANES + n * WIDTH;
                    I kept = (I)(mix(keys[n] + number * 0x85ebca6bU) >= limit);
                    V value = (V)(kept & (I)(load((backward ? out : in) + place) * scale));
                    if (backward)
                        store_before(slope, in + place, value);
                    else
                        store(out + place, value);
                }
            if (!backward)
                activate_op(op, out, (size_t)op->in->width * LANES);
        }
}

/* An activation that follows no op it could have been fused with. */
static void activation(const Op *op, float *space, int backward)
{
    const Slope slope = slope_of(op);
    for (int c = 0; c < op->in->channels; c++)
        for (int y = 0; y < op->in->height; y++) {
            float *in = at(space, op->in, c, y, 0), *out = at(space, op->out, c, y, 0);
            if (backward) {
                for (int n = 0; n < op->in->width * VECTORS; n++)
                    store_before(slope, in + n * WIDTH, load(out + n * WIDTH));
            } else {
                memcpy(out, in, (size_t)op->in->width * LANES * sizeof(float));
                activate_op(op, out, (size_t)op->in->width * LANES);
            }
        }
}

/* to += from, or to = from, of one shape but perhaps with other borders; then the op's activation, if `op` is given. */
static void lay_on(const Map *from_map, const Map *to_map, float *space, int adds, const Op *op)
{
    for (int c = 0; c < to_map->channels; c++)
        for (int y = 0; y < to_map->height; y++) {
            const float *from = at(space, from_map, c, y, 0);
            float *to = at(space, to_map, c, y, 0);
            for (int n = 0; n < to_map->width * VECTORS; n++)
                store(to + n * WIDTH, adds ? load(to + n * WIDTH) + load(from + n * WIDTH) : load(from + n * WIDTH));
            if (op)
                activate_op(op, to, (size_t)to_map->width * LANES);
        }
}

/* A sum passes its gradient on as it is: to its first value, which had the same place, and to `spare`. */
static void add_gradient(const Op *op, float *space)
{
    const Slope slope = slope_of(op);
    for (int c = 0; c < op->out->channels; c++)
        for (int y = 0; y < op->out->height; y++) {
            const float *gradient = at(space, op->out, c, y, 0), *values = at(space, op->beside, c, y, 0);
            float *to = at(space, op->spare, c, y, 0);
            for (int n = 0; n < op->out->width * VECTORS; n++)
                store(to + n * WIDTH, before(slope, load(gradient + n * WIDTH), load(values + n * WIDTH)));
        }
}

static void forward(const Net *net, const Call *call, const Block *block, int from, int to)
{
    float *space = block->space;
    for (int n = from; n < to; n++) {
        const Op *op = &net->ops[n];
        switch (op->spec.kind) {
        case CONV:
            if (op->winograd)
                winograd_forward(op, call->parameters, block);
            else
                conv_forward(op, call->parameters, space);
            break;
        case LINEAR: linear_forward(op, call->parameters, space); break;
        case RBF: rbf_forward(op, space); break;
        case NORM: norm_forward(op, call->parameters, block); break;
        case ACTIVATION: activation(op, space, 0); break;
        case DROPOUT: dropout(op, call, space, call->batch.first + block->first, 0); break;
        case ADD: lay_on(op->beside, op->out, space, 1, op); break;
        case FORK:
            if (op->copies)
                lay_on(op->in, op->out, space, 0, NULL);
            break;
        default: windows_forward(op, call->parameters, space);
        }
    }
}

static void weight_gradient(const Op *op, const Block *block, float *gradients)
{
    float *space = block->space;
    switch (op->spec.kind) {
    case CONV: conv_weight_gradient(op, space, gradients); break;
    case LINEAR: linear_weight_gradient(op, space, block->scratch, gradients); break;
    case SUBSAMPLE: subsample_gradient(op, space, gradients); break;
    case NORM: norm_weight_gradient(op, block, gradients); break;
    }
}

static void input_gradient(const Op *op, const Call *call, const Block *block)
{
    float *space = block->space;
    switch (op->spec.kind) {
    case CONV: conv_input_gradient(op, space); break;
    case LINEAR: linear_input_gradient(op, call->parameters, space); break;
    case RBF: rbf_backward(op, space); break;
    case NORM: norm_input_gradient(op, call->parameters, block); break;
    case ACTIVATION: activation(op, space, 1); break;
    case DROPOUT: dropout(op, call, space, call->batch.first + block->first, 1); break;
    case ADD: add_gradient(op, space); break;
    case FORK: lay_on(op->out, op->in, space, 1, NULL); break;
    default: windows_input_gradient(op, call->parameters, space, block->scratch);
    }
}

/* An op's weights see its input's values; only then may the input's gradient overwrite them. */
static void backward(const Net *net, const Call *call, const Block *block, int from, int to, float *gradients)
{
    if (from < net->count && net->ops[from].passes_on)
        input_gradient(&net->ops[from], call, block);
    for (int n = from - 1; n >= 0; n--) {
        const Op *op = &net->ops[n];
        if (!op->trains)
            continue;
        if (op->winograd) {
            winograd_backward(op, block, gradients);
            continue;
        }
        weight_gradient(op, block, gradients);
        if (n == to)
            return;
        if (op->passes_on)
            input_gradient(op, call, block);
    }
}

/* total = part 0 + part 1 + ..., always in this order. */
static void add(float *total, const float *parts, int64_t stride, int count, int64_t from, int64_t to)
{
    for (int64_t n = from; n < to; n++)
        total[n] = parts[n];
    for (int p = 1; p < count; p++)
        for (int64_t n = from; n < to; n++)
            total[n] += parts[p * stride + n];
}

const Kernels KERNELS = {NAME, LANES, TILE, WEIGHT_TILE, forward, backward, norm_moments, kernels_apart, activate, add};
