/* Batch normalisation (Ioffe & Szegedy 2015) over all pictures of a step: what is done block by block. Between the blocks'
 * turns norms.c puts together what they found. */

/* All ones in the lanes that hold a picture. */
INLINE I lanes_below(int live, int from)
{
    I mask;
    UNROLL for (int lane = 0; lane < WIDTH; lane++)
        mask[lane] = from + lane < live ? -1 : 0;
    return mask;
}

/* The sum over a map's live values of x - middle, or of its square. Rows are summed on their own, which rounds less. */
INLINE double map_sum(const Map *map, const float *space, int channel, int live, float middle, int squared)
{
    double total = 0;
    for (int n = 0; n < VECTORS; n++) {
        V all = {};
        for (int y = 0; y < map->height; y++) {
            const float *row = space + map->at + channel * map->plane + y * map->row + n * WIDTH;
            V part = {};
            for (int x = 0; x < map->width; x++) {
                V gap = load(row + x * LANES) - middle;
                part += squared ? gap * gap : gap;
            }
            all += part;
        }
        total += sum((V)((I)all & lanes_below(live, n * WIDTH)));
    }
    return total;
}

/* A block's mean and sum of squared gaps from it, of each map that a norm takes in. */
static void norm_moments(const Op *op, const Block *block, double (*moments)[2])
{
    double count = (double)block->live * op->in->height * op->in->width;
    for (int c = 0; c < op->in->channels; c++) {
        float first = *at(block->space, op->in, c, 0, 0); /* near the mean, so that the sum of gaps is small */
        double mean = first + map_sum(op->in, block->space, c, block->live, first, 0) / count;
        float middle = (float)mean;
        moments[c][0] = mean;
        moments[c][1] = map_sum(op->in, block->space, c, block->live, middle, 1) - count * (mean - middle) * (mean - middle);
    }
}

static void norm_forward(const Op *op, const float *parameters, const Block *block)
{
    for (int c = 0; c < op->in->channels; c++) {
        const Centre *centre = &op->centres[c];
        float mean = centre->mean, scale = centre->inverse * parameters[op->spec.weight + c];
        float shift = parameters[op->spec.bias + c];
        for (int y = 0; y < op->in->height; y++) {
            const float *in = at(block->space, op->in, c, y, 0);
            float *out = at(block->space, op->out, c, y, 0);
            for (int n = 0; n < op->in->width * VECTORS; n++)
                store(out + n * WIDTH, (load(in + n * WIDTH) - mean) * scale + shift);
            activate_op(op, out, (size_t)op->in->width * LANES);
        }
    }
}

/* The gradients of a norm's two numbers a map: sums of g, and of g times the normed value. */
static void norm_weight_gradient(const Op *op, const Block *block, float *gradients)
{
    for (int c = 0; c < op->in->channels; c++) {
        const Centre *centre = &op->centres[c];
        V scales = {}, shifts = {};
        for (int y = 0; y < op->in->height; y++) {
            const float *in = at(block->space, op->in, c, y, 0), *gradient = at(block->space, op->out, c, y, 0);
            V scale = {}, shift = {};
            for (int n = 0; n < op->in->width * VECTORS; n++) {
                V g = load(gradient + n * WIDTH);
                scale += g * (load(in + n * WIDTH) - centre->mean);
                shift += g;
            }
            scales += scale;
            shifts += shift;
        }
        gradients[op->spec.weight + c] += centre->inverse * sum(scales);
        gradients[op->spec.bias + c] += sum(shifts);
    }
}

/* The mean and the variance saw each value: what they passed on to all others is taken off. */
static void norm_input_gradient(const Op *op, const float *parameters, const Block *block)
{
    const Slope slope = slope_of(op);
    I live[VECTORS];
    for (int n = 0; n < VECTORS; n++)
        live[n] = lanes_below(block->live, n * WIDTH);
    for (int c = 0; c < op->in->channels; c++) {
        const Centre *centre = &op->centres[c];
        float factor = centre->inverse * parameters[op->spec.weight + c], spread = centre->inverse * centre->scale_slope;
        for (int y = 0; y < op->in->height; y++) {
            const float *gradient = at(block->space, op->out, c, y, 0);
            float *in = at(block->space, op->in, c, y, 0);
            for (int x = 0; x < op->in->width; x++)
                UNROLL for (int n = 0; n < VECTORS; n++) {
                    float *place = in + x * LANES + n * WIDTH;
                    V g = load(gradient + x * LANES + n * WIDTH) - centre->shift_slope;
                    g = factor * (g - spread * (load(place) - centre->mean));
                    store_before(slope, place, (V)((I)g & live[n]));
                }
        }
    }
}
