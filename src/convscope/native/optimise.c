/* Optimiser steps over flat vectors, with the arithmetic of torch.optim. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* `decay` and `rates` may be NULL: one value for all, or none. */
void optimise_sgd(float *parameters, const float *gradients, float *momenta, int64_t count, float rate,
                  const float *rates, float momentum, int nesterov, float decay, const float *decays)
{
    for (int64_t n = 0; n < count; n++) {
        float step = gradients[n] + (decays ? decays[n] * decay : decay) * parameters[n];
        if (momenta) {
            momenta[n] = momentum * momenta[n] + step;
            step = nesterov ? step + momentum * momenta[n] : momenta[n];
        }
        parameters[n] -= (rates ? rates[n] * rate : rate) * step;
    }
}

void optimise_adamw(float *parameters, const float *gradients, float *means, float *squares, int64_t count,
                    float rate, const float *rates, double beta1, double beta2, float epsilon, float decay,
                    const float *decays, int64_t step)
{
    double correction1 = 1 - pow(beta1, (double)step), correction2 = sqrt(1 - pow(beta2, (double)step));
    float scale1 = (float)(1 / correction1), scale2 = (float)(1 / correction2);
    for (int64_t n = 0; n < count; n++) {
        float own = rates ? rates[n] * rate : rate;
        parameters[n] *= 1 - own * (decays ? decays[n] * decay : decay);
        means[n] += (float)(1 - beta1) * (gradients[n] - means[n]);
        squares[n] = (float)beta2 * squares[n] + (float)(1 - beta2) * gradients[n] * gradients[n];
        parameters[n] -= own * scale1 * means[n] / (sqrtf(squares[n]) * scale2 + epsilon);
    }
}
