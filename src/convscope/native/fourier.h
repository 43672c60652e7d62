/* Fourier transforms of small squares, for kernels too large to slide: included by isa.h.
 *
 * Forwards frequencies come out in an order of their own, backwards the same steps are undone in reverse; the kernel's
 * spectrum is in the same order, so nobody needs to know it. A square is transformed along its columns (eight or sixteen at
 * a time, which a vector holds side by side) and then eight rows at a time: those are filtered and transformed back
 * while they are in the cache. The last eight frequencies of eight rows are one 8 x 8 block, turned over in registers.
 */
typedef float V8 __attribute__((vector_size(32)));
typedef float Loose8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef struct {
    V8 r, i;
} C8;

#define STRIP 16

INLINE C8 c_load(const float *r, const float *i) { return (C8){*(const Loose8 *)r, *(const Loose8 *)i}; }
INLINE void c_store(float *r, float *i, C8 v) { *(Loose8 *)r = v.r; *(Loose8 *)i = v.i; }
INLINE C8 c_add(C8 a, C8 b) { return (C8){a.r + b.r, a.i + b.i}; }
INLINE C8 c_less(C8 a, C8 b) { return (C8){a.r - b.r, a.i - b.i}; }
INLINE C8 c_turned(C8 a) { return (C8){a.i, -a.r}; }  /* a times -i */
INLINE C8 c_back(C8 a) { return (C8){-a.i, a.r}; }    /* a times i */
INLINE C8 c_times(C8 a, C8 b) { return (C8){a.r * b.r - a.i * b.i, a.r * b.i + a.i * b.r}; }
INLINE C8 c_times_mirror(C8 a, C8 b) { return (C8){a.r * b.r + a.i * b.i, a.i * b.r - a.r * b.i}; } /* a conj(b) */

/* Four values a quarter of a block apart; w are the powers 1, 2 and 3 of the block's root of unity. */
INLINE void forth4(C8 *x, const C8 *w)
{
    C8 a = c_add(x[0], x[2]), b = c_less(x[0], x[2]), c = c_add(x[1], x[3]), d = c_turned(c_less(x[1], x[3]));
    x[0] = c_add(a, c);
    x[1] = c_times(c_less(a, c), w[1]);
    x[2] = c_times(c_add(b, d), w[0]);
    x[3] = c_times(c_less(b, d), w[2]);
}

INLINE void back4(C8 *x, const C8 *w)
{
    C8 p = c_times_mirror(x[1], w[1]), q = c_times_mirror(x[2], w[0]), s = c_times_mirror(x[3], w[2]);
    C8 a = c_add(x[0], p), c = c_less(x[0], p), b = c_add(q, s), d = c_back(c_less(q, s));
    x[0] = c_add(a, b);
    x[1] = c_add(c, d);
    x[2] = c_less(a, b);
    x[3] = c_less(c, d);
}

/* Where the table of a stage begins: for each stage of blocks of `length`, cosines and sines of three powers. */
INLINE const float *stage_table(const Waves *w, int length)
{
    const float *table = w->twiddles;
    for (int l = w->side; l > length; l /= 4)
        table += 6 * (l / 4);
    return table;
}

INLINE C8 c_splat(float r, float i) { return (C8){r - (V8){}, i - (V8){}}; }

/* One stage along the columns, of STRIP columns from `first`. */
INLINE void column_stage(const Waves *w, int first, int length, int forwards)
{
    int quarter = length / 4;
    const float *t = stage_table(w, length);
    ptrdiff_t step = quarter * w->pitch;
    for (int j = 0; j < quarter; j++) {
        C8 root[3];
        UNROLL for (int m = 0; m < 3; m++)
            root[m] = c_splat(t[2 * m * quarter + j], t[(2 * m + 1) * quarter + j]);
        for (int block = 0; block < w->side; block += length) {
            ptrdiff_t at = (block + j) * w->pitch + first;
            for (int c = 0; c < STRIP; c += 8, at += 8) {
                C8 x[4];
                UNROLL for (int n = 0; n < 4; n++)
                    x[n] = c_load(w->real + at + n * step, w->imaginary + at + n * step);
                if (forwards)
                    forth4(x, root);
                else
                    back4(x, root);
                UNROLL for (int n = 0; n < 4; n++)
                    c_store(w->real + at + n * step, w->imaginary + at + n * step, x[n]);
            }
        }
    }
}

/* The last stage where the side is twice a power of four: pairs of rows, the same in both directions. */
INLINE void column_pairs(const Waves *w, int first)
{
    for (int row = 0; row < w->side; row += 2)
        for (int c = 0; c < STRIP; c += 8) {
            ptrdiff_t at = row * w->pitch + first + c;
            C8 a = c_load(w->real + at, w->imaginary + at);
            C8 b = c_load(w->real + at + w->pitch, w->imaginary + at + w->pitch);
            c_store(w->real + at, w->imaginary + at, c_add(a, b));
            c_store(w->real + at + w->pitch, w->imaginary + at + w->pitch, c_less(a, b));
        }
}

static void columns_forth(const Waves *w)
{
    for (int first = 0; first < w->side; first += STRIP) {
        int length = w->side;
        for (; length >= 4; length /= 4)
            column_stage(w, first, length, 1);
        if (length == 2)
            column_pairs(w, first);
    }
}

static void columns_back(const Waves *w)
{
    int odd = __builtin_ctz((unsigned)w->side) % 2;
    for (int first = 0; first < w->side; first += STRIP) {
        if (odd)
            column_pairs(w, first);
        for (int length = odd ? 8 : 4; length <= w->side; length *= 4)
            column_stage(w, first, length, 0);
    }
}

INLINE void row_stage(const Waves *w, ptrdiff_t row, int length, int forwards)
{
    int quarter = length / 4;
    const float *t = stage_table(w, length);
    for (int block = 0; block < w->side; block += length)
        for (int j = 0; j < quarter; j += 8) {
            C8 root[3], x[4];
            float *r = w->real + row + block + j, *i = w->imaginary + row + block + j;
            UNROLL for (int m = 0; m < 3; m++)
                root[m] = c_load(t + 2 * m * quarter + j, t + (2 * m + 1) * quarter + j);
            UNROLL for (int n = 0; n < 4; n++)
                x[n] = c_load(r + n * quarter, i + n * quarter);
            if (forwards)
                forth4(x, root);
            else
                back4(x, root);
            UNROLL for (int n = 0; n < 4; n++)
                c_store(r + n * quarter, i + n * quarter, x[n]);
        }
}

/* Blocks of 16 into blocks of 8, where the rows' stages of four stop at 16; the roots stand after the stages'. */
INLINE void row_halves(const Waves *w, ptrdiff_t row, int forwards)
{
    const float *t = stage_table(w, 1) + 0;
    C8 root = c_load(t, t + 8);
    for (int block = 0; block < w->side; block += 16) {
        float *r = w->real + row + block, *i = w->imaginary + row + block;
        C8 a = c_load(r, i), b = c_load(r + 8, i + 8);
        if (!forwards)
            b = c_times_mirror(b, root);
        C8 less = c_less(a, b);
        c_store(r, i, c_add(a, b));
        c_store(r + 8, i + 8, forwards ? c_times(less, root) : less);
    }
}

INLINE void turn_over(V8 *v)
{
    V8 a[8], b[8];
    UNROLL for (int n = 0; n < 8; n += 2) {
        a[n] = __builtin_shufflevector(v[n], v[n + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        a[n + 1] = __builtin_shufflevector(v[n], v[n + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    UNROLL for (int n = 0; n < 8; n += 4)
        UNROLL for (int m = 0; m < 2; m++) {
            b[n + 2 * m] = __builtin_shufflevector(a[n + m], a[n + m + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            b[n + 2 * m + 1] = __builtin_shufflevector(a[n + m], a[n + m + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    UNROLL for (int n = 0; n < 4; n++) {
        v[n] = __builtin_shufflevector(b[n], b[n + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        v[n + 4] = __builtin_shufflevector(b[n], b[n + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

#define HALF 0.70710678118654752f

/* Eight values, half of them at a time: sums in place, differences turned by 0, 1, 2 and 3 eighths. */
INLINE void forth8(C8 *x)
{
    for (int k = 0; k < 4; k++) {
        C8 a = x[k], b = x[k + 4];
        x[k] = c_add(a, b);
        x[k + 4] = c_less(a, b);
    }
    x[5] = c_times(x[5], c_splat(HALF, -HALF));
    x[6] = c_turned(x[6]);
    x[7] = c_times(x[7], c_splat(-HALF, -HALF));
    UNROLL for (int h = 0; h < 8; h += 4) {
        C8 a = c_add(x[h], x[h + 2]), b = c_add(x[h + 1], x[h + 3]);
        C8 c = c_less(x[h], x[h + 2]), d = c_turned(c_less(x[h + 1], x[h + 3]));
        x[h] = c_add(a, b);
        x[h + 1] = c_less(a, b);
        x[h + 2] = c_add(c, d);
        x[h + 3] = c_less(c, d);
    }
}

INLINE void back8(C8 *x)
{
    UNROLL for (int h = 0; h < 8; h += 4) {
        C8 a = c_add(x[h], x[h + 1]), b = c_less(x[h], x[h + 1]);
        C8 c = c_add(x[h + 2], x[h + 3]), d = c_back(c_less(x[h + 2], x[h + 3]));
        x[h] = c_add(a, c);
        x[h + 2] = c_less(a, c);
        x[h + 1] = c_add(b, d);
        x[h + 3] = c_less(b, d);
    }
    x[5] = c_times(x[5], c_splat(HALF, HALF));
    x[6] = c_back(x[6]);
    x[7] = c_times(x[7], c_splat(-HALF, HALF));
    for (int k = 0; k < 4; k++) {
        C8 a = x[k], b = x[k + 4];
        x[k] = c_add(a, b);
        x[k + 4] = c_less(a, b);
    }
}

INLINE void turn_all(C8 *x)
{
    V8 r[8], i[8];
    UNROLL for (int n = 0; n < 8; n++) {
        r[n] = x[n].r;
        i[n] = x[n].i;
    }
    turn_over(r);
    turn_over(i);
    UNROLL for (int n = 0; n < 8; n++)
        x[n] = (C8){r[n], i[n]};
}

INLINE void rows_forth(const Waves *w, int rows)
{
    for (int n = 0; n < 8; n++) {
        int length = w->side;
        for (; length >= 32; length /= 4)
            row_stage(w, (rows + n) * w->pitch, length, 1);
        if (length == 16)
            row_halves(w, (rows + n) * w->pitch, 1);
    }
}

INLINE void rows_back(const Waves *w, int rows)
{
    int halves = __builtin_ctz((unsigned)w->side) % 2 == 0;
    for (int n = 0; n < 8; n++) {
        if (halves)
            row_halves(w, (rows + n) * w->pitch, 0);
        for (int length = halves ? 64 : 32; length <= w->side; length *= 4)
            row_stage(w, (rows + n) * w->pitch, length, 0);
    }
}

INLINE void block_at(const Waves *w, ptrdiff_t at, C8 *x, int storing)
{
    for (int n = 0; n < 8; n++, at += w->pitch)
        if (storing)
            c_store(w->real + at, w->imaginary + at, x[n]);
        else
            x[n] = c_load(w->real + at, w->imaginary + at);
}

/* The frequencies of the 8 x 8 block at `at`. */
INLINE void block_forth(const Waves *w, ptrdiff_t at, C8 *x)
{
    block_at(w, at, x, 0);
    turn_all(x);
    forth8(x);
}

INLINE void block_back(const Waves *w, ptrdiff_t at, C8 *x)
{
    back8(x);
    turn_all(x);
    block_at(w, at, x, 1);
}

/* The spectrum of a kernel, in the order of `filter`: [side][side] real parts, then imaginary ones. */
static void spectrum(const Waves *w, float *to)
{
    float *imaginary = to + w->side * w->side;
    columns_forth(w);
    for (int rows = 0; rows < w->side; rows += 8) {
        rows_forth(w, rows);
        for (ptrdiff_t at = rows * w->pitch, end = at + w->side; at < end; at += 8) {
            C8 x[8];
            block_forth(w, at, x);
            for (int n = 0; n < 8; n++, to += 8, imaginary += 8)
                c_store(to, imaginary, x[n]);
        }
    }
}

/* A picture, or two in one, times the mirrored spectrum of a kernel: the kernel at every position, `side`^2 times. */
static void filter(const Waves *w, const float *real)
{
    const float *imaginary = real + w->side * w->side;
    columns_forth(w);
    for (int rows = 0; rows < w->side; rows += 8) {
        rows_forth(w, rows);
        for (ptrdiff_t at = rows * w->pitch, end = at + w->side; at < end; at += 8) {
            C8 x[8];
            block_forth(w, at, x);
            for (int n = 0; n < 8; n++, real += 8, imaginary += 8)
                x[n] = c_times_mirror(x[n], c_load(real, imaginary));
            block_back(w, at, x);
        }
        rows_back(w, rows);
    }
    columns_back(w);
}
