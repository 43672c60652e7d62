/* Activations in place, and their derivatives from their own values. */

/* tanh as the quotient of two polynomials in x (odd, degree 13) and x^2 (degree 3), the coefficients of
 * Eigen's generic_fast_tanh_float; beyond +-7.9 tanh is 1 in float32. A NaN stays one: the comparisons
 * are written so that it passes through. */
INLINE float fast_tanh(float x)
{
    const float most = 7.90531110763549805f;
    x = most < x ? most : x;
    x = -most > x ? -most : x;
    float s = x * x;
    float p = -2.76076847742355e-16f;
    p = p * s + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    float q = 1.19825839466702e-06f;
    q = q * s + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * p / q;
}

static void activate(int act, float amplitude, float slope, float *values, size_t count)
{
    if (act == TANH)
        for (size_t n = 0; n < count; n++)
            values[n] = amplitude * fast_tanh(slope * values[n]);
    else if (act == SIGMOID)
        for (size_t n = 0; n < count; n++)
            values[n] = 0.5f + 0.5f * fast_tanh(0.5f * values[n]);
    else if (act == RELU)
        for (size_t n = 0; n < count; n++)
            values[n] = 0 > values[n] ? 0 : values[n];
}

static void activate_op(const Op *op, float *values, size_t count)
{
    activate(op->spec.act, op->spec.amplitude, op->spec.slope, values, count);
}

/* The gradient before the activation that made `y`, given the gradient after it. */
INLINE V before(const Op *op, V gradient, V y)
{
    switch (op->in_act) {
    case TANH: return gradient * (op->in_slope * (op->in_amplitude - y * y * (1 / op->in_amplitude)));
    case RELU: return (V)((I)gradient & (y > 0));
    case SIGMOID: return gradient * (y - y * y);
    default: return gradient;
    }
}

INLINE void store_before(const Op *op, float *place, V gradient)
{
    store(place, before(op, gradient, load(place)));
}
