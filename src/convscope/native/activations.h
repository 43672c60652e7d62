/* Activations in place, and their derivatives from their own values. */

/* tanh as the quotient of two polynomials in x (odd, degree 13) and x^2 (degree 3), the coefficients of
 * Eigen's generic_fast_tanh_float; beyond +-7.9 tanh is 1 in float32. A NaN stays one. */
INLINE V fast_tanh(V x)
{
    const V limit = splat(7.90531110763549805f);
    x = most(-limit, least(limit, x));
    V s = x * x;
    V p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
    p = p * s + -8.60467152213735e-11f;
    p = p * s + 5.12229709037114e-08f;
    p = p * s + 1.48572235717979e-05f;
    p = p * s + 6.37261928875436e-04f;
    p = p * s + 4.89352455891786e-03f;
    V q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
    q = q * s + 2.26843463243900e-03f;
    q = q * s + 4.89352518554385e-03f;
    return x * p / q;
}

/* `count` is a multiple of WIDTH. */
static void activate(int act, float amplitude, float slope, float *values, size_t count)
{
    if (act == TANH)
        for (size_t n = 0; n < count; n += WIDTH)
            store(values + n, amplitude * fast_tanh(slope * load(values + n)));
    else if (act == SIGMOID)
        for (size_t n = 0; n < count; n += WIDTH)
            store(values + n, 0.5f + 0.5f * fast_tanh(0.5f * load(values + n)));
    else if (act == RELU)
        for (size_t n = 0; n < count; n += WIDTH)
            store(values + n, most((V){}, load(values + n)));
}

static void activate_op(const Op *op, float *values, size_t count)
{
    activate(op->spec.act, op->spec.amplitude, op->spec.slope, values, count);
}

/* The derivative of the activation that made an op's input, from its value y: base + square * y * y for
 * tanh. Held by value, so that no store can be thought to change it. */
typedef struct {
    int act;
    float base, square;
} Slope;

INLINE Slope slope_of(const Op *op)
{
    return (Slope){op->in_act, op->in_slope * op->in_amplitude, -op->in_slope / op->in_amplitude};
}

/* The gradient before that activation, given the gradient after it. */
INLINE V before(Slope slope, V gradient, V y)
{
    switch (slope.act) {
    case TANH: return gradient * (slope.base + slope.square * (y * y));
    case RELU: return (V)((I)gradient & (y > 0));
    case SIGMOID: return gradient * (y - y * y);
    default: return gradient;
    }
}

INLINE void store_before(Slope slope, float *place, V gradient)
{
    store(place, before(slope, gradient, load(place)));
}
