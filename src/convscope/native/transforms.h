/* Three taps along one axis with fewer multiplications (Toom & Cook; Winograd 1980; Lavin & Gray 2016).
 *
 * Three weights, and the 3 or 4 outputs they give, are taken as polynomials. Their values at n points (5 or 6 of
 * them) are multiplied, point by point, and the products are put together: n multiplications in place of 9 or 12.
 * The points are 0, 2/3, -2/3, 3/2, -3/2 and, for 4 outputs, infinity: of those that were tried these round least,
 * and as 2/3 * 3/2 = 1 most factors are simple. For 3 outputs nothing changes but that infinity is left away.
 *
 * Along an axis, with n inputs d, weights g and outputs y:  y = A' ((G g) * (B' d)).  So a gradient of y becomes
 * one of the inputs by B ((G g) * (A dy)) and one of the weights by G' ((B' d) * (A dy)).
 */
#define NEAR (2.0f / 3)
#define FAR (3.0f / 2)
#define NEAR2 (NEAR * NEAR)
#define FAR2 (FAR * FAR)
#define NEAR_WEIGHT (-81.0f / 130) /* 1 / (2 NEAR2 (NEAR2 - FAR2)) */
#define FAR_WEIGHT (8.0f / 65)     /* 1 / (2 FAR2 (FAR2 - NEAR2)) */

/* The inputs' values at the points: t = B' d. */
INLINE void inputs_apart(int n, const V *d, V *t)
{
    V near = d[4] - FAR2 * d[2], far = d[4] - NEAR2 * d[2];
    V near_odd = d[3] - FAR2 * d[1], far_odd = d[3] - NEAR2 * d[1];
    t[0] = d[0] + d[4] - (NEAR2 + FAR2) * d[2];
    t[1] = near + NEAR * near_odd;
    t[2] = near - NEAR * near_odd;
    t[3] = far + FAR * far_odd;
    t[4] = far - FAR * far_odd;
    if (n == 6)
        t[5] = d[1] + d[5] - (NEAR2 + FAR2) * d[3];
}

/* Its transpose: d = B t. */
INLINE void inputs_together(int n, const V *t, V *d)
{
    V near = t[1] + t[2], near_odd = t[1] - t[2], far = t[3] + t[4], far_odd = t[3] - t[4];
    d[0] = t[0];
    d[1] = -FAR * near_odd - NEAR * far_odd;
    d[2] = -(NEAR2 + FAR2) * t[0] - FAR2 * near - NEAR2 * far;
    d[3] = NEAR * near_odd + FAR * far_odd;
    d[4] = t[0] + near + far;
    if (n == 6) {
        d[1] += t[5];
        d[3] -= (NEAR2 + FAR2) * t[5];
        d[5] = t[5];
    }
}

/* n - 2 outputs from their values at the points: y = A' t. */
INLINE void outputs_together(int n, const V *t, V *y)
{
    V near = t[1] + t[2], near_odd = t[1] - t[2], far = t[3] + t[4], far_odd = t[3] - t[4];
    y[0] = t[0] + near + far;
    y[1] = NEAR * near_odd + FAR * far_odd;
    y[2] = NEAR2 * near + FAR2 * far;
    if (n == 6)
        y[3] = (NEAR * NEAR2) * near_odd + (FAR * FAR2) * far_odd + t[5];
}

/* Its transpose: t = A y. */
INLINE void outputs_apart(int n, const V *y, V *t)
{
    V near = y[0] + NEAR2 * y[2], far = y[0] + FAR2 * y[2], near_odd = y[1], far_odd = y[1];
    if (n == 6) {
        near_odd += NEAR2 * y[3];
        far_odd += FAR2 * y[3];
        t[5] = y[3];
    }
    t[0] = y[0];
    t[1] = near + NEAR * near_odd;
    t[2] = near - NEAR * near_odd;
    t[3] = far + FAR * far_odd;
    t[4] = far - FAR * far_odd;
}

/* Three weights at the points: t = G g. */
INLINE void weights_apart(int n, const V *g, V *t)
{
    V near = NEAR_WEIGHT * g[0] + (NEAR_WEIGHT * NEAR2) * g[2], near_odd = (NEAR_WEIGHT * NEAR) * g[1];
    V far = FAR_WEIGHT * g[0] + (FAR_WEIGHT * FAR2) * g[2], far_odd = (FAR_WEIGHT * FAR) * g[1];
    t[0] = g[0];
    t[1] = near + near_odd;
    t[2] = near - near_odd;
    t[3] = far + far_odd;
    t[4] = far - far_odd;
    if (n == 6)
        t[5] = g[2];
}

/* Its transpose: g = G' t. */
INLINE void weights_together(int n, const V *t, V *g)
{
    V near = t[1] + t[2], near_odd = t[1] - t[2], far = t[3] + t[4], far_odd = t[3] - t[4];
    g[0] = t[0] + NEAR_WEIGHT * near + FAR_WEIGHT * far;
    g[1] = (NEAR_WEIGHT * NEAR) * near_odd + (FAR_WEIGHT * FAR) * far_odd;
    g[2] = (NEAR_WEIGHT * NEAR2) * near + (FAR_WEIGHT * FAR2) * far;
    if (n == 6)
        g[2] += t[5];
}
