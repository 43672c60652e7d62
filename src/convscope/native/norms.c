/* What all blocks of a batch found for a batch normalisation, put together: always in their order. */
#include "engine.h"
#include <math.h>

static void centre(Centre *to, const OpSpec *spec, double mean, double variance)
{
    to->mean = (float)mean;
    to->inverse = (float)(1 / sqrt(variance + spec->epsilon));
}

/* The mean and the sum of squared gaps of what this process computes, from its blocks' (Chan, Golub & LeVeque 1979). */
static void own_moments(const Op *op, const Call *call, int lanes, int maps, const double (*moments)[2], double *sums)
{
    int64_t count = call->batch.count, area = (int64_t)op->spec.in[1] * op->spec.in[2];
    for (int64_t c = 0; c < op->spec.in[0]; c++) {
        double all = (double)(count * area), mean = 0, gaps = 0;
        for (int64_t first = 0; first < count; first += lanes) {
            double part = (double)((count - first < lanes ? count - first : lanes) * area);
            mean += moments[first / lanes * maps + c][0] * (part / all);
        }
        for (int64_t first = 0; first < count; first += lanes) {
            double part = (double)((count - first < lanes ? count - first : lanes) * area);
            const double *own = moments[first / lanes * maps + c];
            gaps += own[1] + part * (own[0] - mean) * (own[0] - mean);
        }
        sums[2 * c] = mean;
        sums[2 * c + 1] = gaps;
    }
}

/* The same of the whole batch, from its shares': their sums of values, and of squares. */
static void common_moments(const Op *op, const BatchSpec *batch, double *sums)
{
    int64_t area = (int64_t)op->spec.in[1] * op->spec.in[2], channels = op->spec.in[0];
    double own = (double)(batch->count * area), all = (double)(batch->total * area);
    for (int64_t c = 0; c < channels; c++) {
        sums[2 * c + 1] += own * sums[2 * c] * sums[2 * c];
        sums[2 * c] *= own;
    }
    batch->add(sums, 2 * channels);
    for (int64_t c = 0; c < channels; c++) {
        sums[2 * c] /= all;
        sums[2 * c + 1] = fmax(0, sums[2 * c + 1] - all * sums[2 * c] * sums[2 * c]);
    }
}

/* The running mean and variance are moved towards a batch's as PyTorch does, which divides the running variance by one less. */
void settle_moments(const Op *op, const Call *call, int lanes, int maps, const double (*moments)[2])
{
    const OpSpec *s = &op->spec;
    int64_t channels = s->in[0];
    double all = (double)(call->batch.total * s->in[1] * s->in[2]), sums[2 * channels];
    float *means = call->running + s->running, *variances = means + channels;
    own_moments(op, call, lanes, maps, moments, sums);
    if (call->batch.add)
        common_moments(op, &call->batch, sums);
    for (int64_t c = 0; c < channels; c++) {
        double mean = sums[2 * c], gaps = sums[2 * c + 1];
        centre(&op->centres[c], s, mean, gaps / all);
        means[c] += s->momentum * ((float)mean - means[c]);
        variances[c] += s->momentum * ((float)(gaps / (all - 1)) - variances[c]);
    }
}

/* Outside of training the running mean and variance are used. */
void settle_running(const Op *op, const float *running)
{
    const float *means = running + op->spec.running, *variances = means + op->spec.in[0];
    for (int c = 0; c < op->spec.in[0]; c++)
        centre(&op->centres[c], &op->spec, means[c], variances[c]);
}

/* The mean gradients of a batch's values and of their spread, from what its parts found. */
void settle_slopes(const Op *op, const BatchSpec *batch, const float *gradients, int64_t stride, int parts)
{
    const OpSpec *s = &op->spec;
    double all = (double)batch->total * s->in[1] * s->in[2], sums[2 * s->in[0]];
    for (int c = 0; c < s->in[0]; c++) {
        double scale = 0, shift = 0;
        for (int p = 0; p < parts; p++) {
            scale += gradients[p * stride + s->weight + c];
            shift += gradients[p * stride + s->bias + c];
        }
        sums[2 * c] = scale;
        sums[2 * c + 1] = shift;
    }
    if (batch->add)
        batch->add(sums, 2 * (int64_t)s->in[0]);
    for (int c = 0; c < s->in[0]; c++) {
        op->centres[c].scale_slope = (float)(sums[2 * c] / all);
        op->centres[c].shift_slope = (float)(sums[2 * c + 1] / all);
    }
}
