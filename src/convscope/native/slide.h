/* A kernel over a picture, SCALAR at a time: included by isa.h once for float and once for double.
 *
 * A window of the picture lies in memory as rows `pitch` apart; `offsets` says how far right each column of the
 * kernel looks. Eight or more neighbouring positions are a vector. Where kernel rows follow one another, a row
 * that was loaded serves ROWS rows of the map: its weights differ, its values do not.
 */
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define NAMED(name) JOIN(name, SCALAR)
#define VEC NAMED(Vec_)
#define LOOSE NAMED(Loose_)
#define ACROSS (SLIDE_VECTORS * (int)(sizeof(VEC) / sizeof(SCALAR)))

typedef SCALAR VEC __attribute__((vector_size(WIDTH * 4)));
typedef SCALAR LOOSE __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

/* sums[r][v] += weights[(row - r)][column] * the vectors of one row of the picture, for r from first to last. */
INLINE void NAMED(take_row_)(VEC (*sums)[SLIDE_VECTORS], int first, int last, const SCALAR *from, const SCALAR *weights,
                             int columns, const int32_t *offsets)
{
    for (int c = 0; c < columns; c++) {
        const SCALAR *place = from + offsets[c];
        VEC v[SLIDE_VECTORS];
        UNROLL for (int n = 0; n < SLIDE_VECTORS; n++)
            v[n] = *(const LOOSE *)(place + n * (int)(sizeof(VEC) / sizeof(SCALAR)));
        UNROLL for (int r = first; r <= last; r++)
            UNROLL for (int n = 0; n < SLIDE_VECTORS; n++)
                sums[r][n] += weights[c - r * columns] * v[n];
    }
}

/* `rows` neighbouring rows of the map, ACROSS values each, of one channel; row r of the window meets map rows r and above,
 * as far as the kernel reaches. */
INLINE void NAMED(take_channel_)(int rows, VEC (*sums)[SLIDE_VECTORS], const SCALAR *from, ptrdiff_t pitch,
                                 const SCALAR *weights, const Slide *s)
{
    int columns = s->columns;
    if (rows == 4 && s->rows == 3) {
        UNROLL for (int r = 0; r < 6; r++)
            NAMED(take_row_)(sums, r > 2 ? r - 2 : 0, r < 3 ? r : 3, from + r * pitch, weights + r * columns, columns, s->offsets);
        return;
    }
    UNROLL for (int r = 0; r < rows - 1; r++)
        NAMED(take_row_)(sums, 0, r, from + r * pitch, weights + r * columns, columns, s->offsets);
    for (int r = rows - 1; r < s->rows; r++)
        NAMED(take_row_)(sums, 0, rows - 1, from + r * pitch, weights + r * columns, columns, s->offsets);
    UNROLL for (int r = 0; r < rows - 1; r++)
        NAMED(take_row_)(sums, r + 1, rows - 1, from + (s->rows + r) * pitch, weights + (s->rows + r) * columns, columns,
                         s->offsets);
}

/* A map larger than the cache is written past it, where its rows are aligned: otherwise each line would be read first. */
INLINE void NAMED(put_)(SCALAR *out, const VEC *sums, int count, int past)
{
    if (count == ACROSS && past) {
        UNROLL for (int n = 0; n < SLIDE_VECTORS; n++)
            write_past((float *)(out + n * (int)(sizeof(VEC) / sizeof(SCALAR))), (V)sums[n]);
        return;
    }
    if (count == ACROSS) {
        UNROLL for (int n = 0; n < SLIDE_VECTORS; n++)
            *(LOOSE *)(out + n * (int)(sizeof(VEC) / sizeof(SCALAR))) = sums[n];
        return;
    }
    SCALAR row[ACROSS];
    memcpy(row, sums, sizeof row);
    memcpy(out, row, (size_t)count * sizeof *out);
}

/* The block of `rows` x `count` values of the map at `out`; kernel rows are `down` apart. */
INLINE void NAMED(block_)(int rows, const SCALAR *from, SCALAR *out, int count, const Slide *s, int past)
{
    const SCALAR *weights = s->weights;
    VEC sums[SLIDE_ROWS][SLIDE_VECTORS];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int n = 0; n < SLIDE_VECTORS; n++)
            sums[r][n] = (SCALAR)s->bias - (VEC){};
    for (int channel = 0; channel < s->channels; channel++, from += s->plane, weights += s->rows * s->columns) {
        if (s->dense)
            NAMED(take_channel_)(rows, sums, from, s->pitch, weights, s);
        else
            for (int i = 0; i < s->rows; i++)
                UNROLL for (int r = 0; r < rows; r++)
                    NAMED(take_row_)(sums + r, 0, 0, from + i * s->down + r * s->next, weights + i * s->columns, s->columns,
                                     s->offsets);
    }
    UNROLL for (int r = 0; r < rows; r++)
        NAMED(put_)(out + r * s->out_pitch, sums[r], count, past);
}

/* A strip of `rows` rows. Its last block starts early enough to end with it: values are then computed twice, alike. */
INLINE void NAMED(strip_)(int rows, const SCALAR *from, SCALAR *out, const Slide *s, int past)
{
    for (int x = 0; x < s->width; x += ACROSS) {
        int start = x + ACROSS <= s->width || s->width < ACROSS ? x : s->width - ACROSS;
        int count = s->width < ACROSS ? s->width : ACROSS;
        for (int r = 0; s->dense && r < rows; r++) /* what the next strip will read that this one does not */
            for (int line = 0; line < ACROSS * (int)sizeof(SCALAR); line += 64)
                __builtin_prefetch((const char *)(from + start + (s->rows - 1 + rows + r) * s->pitch) + line, 0, 2);
        NAMED(block_)(rows, from + start, out + start, count, s, past);
    }
}

static void NAMED(slide_)(const Slide *s)
{
    const SCALAR *from = s->from;
    SCALAR *out = s->out;
    size_t odd = (size_t)out | (size_t)s->out_pitch * sizeof *out | (size_t)s->width * sizeof *out;
    int past = s->past && odd % sizeof(VEC) == 0;
    int most = s->dense && s->rows < 3 ? s->rows : SLIDE_ROWS;
    for (int y = 0; y < s->height;) {
        int rows = s->height - y < most ? s->height - y : most;
        switch (rows >= 4 && SLIDE_ROWS >= 4 ? 4 : rows >= 2 ? 2 : 1) {
        case 4: NAMED(strip_)(4, from, out, s, past); rows = 4; break;
        case 2: NAMED(strip_)(2, from, out, s, past); rows = 2; break;
        default: NAMED(strip_)(1, from, out, s, past); rows = 1;
        }
        y += rows;
        from += rows * s->next;
        out += rows * s->out_pitch;
    }
}

#undef ACROSS
#undef LOOSE
#undef VEC
#undef NAMED
#undef JOIN
#undef JOIN2
