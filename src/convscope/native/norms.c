/* What all blocks of a batch found for a batch normalisation, put together: always in their order. */
#include "engine.h"
#include <math.h>

static void centre(Centre *to, const OpSpec *spec, double mean, double variance)
{
    to->mean = (float)mean;
    to->inverse = (float)(1 / sqrt(variance + spec->epsilon));
}

/* The mean and variance of a batch from its blocks' (Chan, Golub & LeVeque 1979), and the running ones moved towards
 * them as PyTorch does, which divides the running variance by one less. */
void settle_moments(const Op *op, const Call *call, int lanes, int maps, const double (*moments)[2])
{
    const OpSpec *s = &op->spec;
    int64_t count = call->batch.count, area = (int64_t)s->in[1] * s->in[2], channels = s->in[0];
    float *means = call->running + s->running, *variances = means + channels;
    for (int64_t c = 0; c < channels; c++) {
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
void settle_slopes(const Op *op, int64_t count, const float *gradients, int64_t stride, int parts)
{
    const OpSpec *s = &op->spec;
    double all = (double)count * s->in[1] * s->in[2];
    for (int c = 0; c < s->in[0]; c++) {
        double scale = 0, shift = 0;
        for (int p = 0; p < parts; p++) {
            scale += gradients[p * stride + s->weight + c];
            shift += gradients[p * stride + s->bias + c];
        }
        op->centres[c].scale_slope = (float)(scale / all);
        op->centres[c].shift_slope = (float)(shift / all);
    }
}
