/* The loss of each picture of a block, and its gradient for the outputs before their activation. */
#include "engine.h"
#include <math.h>

/* One picture's outputs: value k at k * lanes. Each function returns the loss, writes its gradient into
 * `slopes` and says by `best` which class the outputs name. */
typedef struct {
    const LossSpec *spec;
    const float *values;
    int lanes, outputs;
    int64_t label;
    double *slopes;
} Answer;

static double value(const Answer *answer, int k) { return answer->values[(ptrdiff_t)k * answer->lanes]; }

static int extreme(const Answer *answer, int sign)
{
    int best = 0;
    for (int k = 1; k < answer->outputs; k++)
        if (sign * value(answer, k) > sign * value(answer, best))
            best = k;
    return best;
}

/* -sum_k t_k log softmax_k, with t = smoothing / classes, and 1 - smoothing more at the label. */
static double cross_entropy(const Answer *answer, int *best)
{
    int classes = answer->outputs;
    double total = 0, loss = 0, smoothing = answer->spec->smoothing;
    *best = extreme(answer, 1);
    double most = value(answer, *best);
    for (int k = 0; k < classes; k++)
        total += answer->slopes[k] = exp(value(answer, k) - most);
    double logarithm = log(total) + most;
    for (int k = 0; k < classes; k++) {
        double target = smoothing / classes + (k == answer->label ? 1 - smoothing : 0);
        loss += target * (logarithm - value(answer, k));
        answer->slopes[k] = answer->slopes[k] / total - target;
    }
    return loss;
}

static double squared_distance(const Answer *answer, int64_t row)
{
    const float *target = answer->spec->targets + row * answer->outputs;
    double total = 0;
    for (int k = 0; k < answer->outputs; k++)
        total += (value(answer, k) - target[k]) * (value(answer, k) - target[k]);
    return total;
}

/* The squared distance to the label's row of targets; the nearest row is the class that is named. */
static double squared(const Answer *answer, int *best)
{
    double nearest = INFINITY, loss = 0;
    *best = 0;
    for (int row = 0; row < answer->spec->classes; row++) {
        double distance = squared_distance(answer, row);
        loss = row == answer->label ? distance : loss;
        if (distance < nearest) {
            nearest = distance;
            *best = row;
        }
    }
    const float *target = answer->spec->targets + answer->label * answer->outputs;
    for (int k = 0; k < answer->outputs; k++)
        answer->slopes[k] = 2 * (value(answer, k) - target[k]);
    return loss;
}

/* LeCun et al. 1998: eq. 8, y_label; and eq. 9, which adds log(exp(-constant) + sum_k exp(-y_k)). */
static double distance(const Answer *answer, int *best)
{
    *best = extreme(answer, -1);
    double least = value(answer, *best), constant = answer->spec->constant, loss = value(answer, (int)answer->label);
    int rivals = answer->spec->kind == DISTANCE_MAP;
    double floor = rivals && constant < least ? constant : least, total = exp(floor - constant);
    for (int k = 0; k < answer->outputs; k++)
        total += answer->slopes[k] = rivals ? exp(floor - value(answer, k)) : 0;
    for (int k = 0; k < answer->outputs; k++)
        answer->slopes[k] = (k == answer->label) - (rivals ? answer->slopes[k] / total : 0);
    return rivals ? loss + log(total) - floor : loss;
}

static double activation_slope(const OpSpec *spec, double y)
{
    switch (spec->act) {
    case TANH: return spec->slope * (spec->amplitude - y * y / spec->amplitude);
    case RELU: return y > 0;
    case SIGMOID: return y * (1 - y);
    default: return 1;
    }
}

double block_loss(const Net *net, const Call *call, const Block *block, int64_t *correct)
{
    const OpSpec *last = &net->ops[net->count - 1].spec;
    int lanes = net->kernels->lanes, best;
    float *values = block->space + net->ops[net->count - 1].out->at;
    double slopes[net->outputs], total = 0;
    for (int lane = 0; lane < lanes; lane++) {
        Answer answer = {&call->loss, values + lane, lanes, net->outputs, 0, slopes};
        if (lane < block->live) {
            answer.label = call->labels[block->first + lane];
            total += call->loss.kind == CROSS_ENTROPY ? cross_entropy(&answer, &best)
                     : call->loss.kind == SQUARED     ? squared(&answer, &best)
                                                      : distance(&answer, &best);
            *correct += best == answer.label;
        }
        for (int k = 0; k < net->outputs; k++) {
            float *place = values + (ptrdiff_t)k * lanes + lane;
            *place = lane < block->live ? (float)(slopes[k] * activation_slope(last, *place) / (double)call->batch.total) : 0;
        }
    }
    return total;
}
