/* A kernel over a picture: what Python asks for, and the one piece of it that a thread computes at a time. */
#ifndef CONVSCOPE_CONVOLUTION_H
#define CONVSCOPE_CONVOLUTION_H

#include <stddef.h>
#include <stdint.h>

enum { PIXELS_UINT8, PIXELS_FLOAT, PIXELS_DOUBLE };

/* library.py mirrors this struct, field for field. Sizes are (rows, columns); "padded" is the picture with its padding.
 * uint8 pictures are computed in float, the others in their own type. */
typedef struct {
    int32_t pixels, groups;
    int32_t inside, outside; /* channels below and maps above, of one group */
    int32_t kernels;         /* how many there are; map number o has kernel o % kernels */
    int32_t tile;            /* side of the Fourier transforms; 0: no transforms */
    int32_t threads;
    int32_t picture[2], padded[2], before[2], map[2], kernel[2], stride[2], dilation[2];
    double constant;                      /* the value of padding where rows_of or columns_of is -1 */
    const void *values;                   /* [channels][rows][columns] */
    const void *weights;                  /* [kernels][inside][rows][columns] */
    const void *downs, *acrosses;         /* kernels as a column times a row: [kernels][rows], [kernels][columns]; or NULL */
    const void *biases;                   /* [maps] or NULL */
    const int32_t *rows_of, *columns_of;  /* for each row and column of the padded picture, the picture's, or -1 */
    void *maps;                           /* [maps][rows][columns] */
} ConvolveSpec;

/* A kernel over a window that lies in memory; strides count values. */
typedef struct {
    const void *from, *weights;
    void *out;
    double bias;
    int channels, rows, columns; /* of the kernel */
    int height, width;           /* of the piece of the map */
    ptrdiff_t plane, pitch;      /* from channel to channel, from row to row */
    ptrdiff_t down, next;        /* from kernel row to kernel row, from map row to map row */
    ptrdiff_t out_pitch;
    int past;                    /* whether to write past the cache, where rows are aligned */
    int dense;                   /* whether kernel rows and map rows both follow one another */
    const int32_t *offsets;      /* how far right each column of the kernel looks */
} Slide;

/* Two real pictures as one complex one, `side` x `side`, rows `pitch` floats apart. */
typedef struct {
    int side;
    ptrdiff_t pitch;
    float *real, *imaginary;
    const float *twiddles; /* [side] cosines, [side] sines */
} Waves;

/* Compiled once for each instruction set. */
typedef struct {
    void (*slide_float)(const Slide *);
    void (*slide_double)(const Slide *);
    void (*spectrum)(const Waves *kernel, float *to);
    void (*filter)(const Waves *picture, const float *spectrum);
} Convolver;

extern const Convolver convolver_base, convolver_avx2, convolver_avx512;
const Convolver *choose_convolver(void);

/* convolution.c: what tiles share. */
typedef struct {
    const ConvolveSpec *spec;
    const Convolver *code;
    char *scratch; /* `room` bytes a worker */
    size_t room;
    int past;    /* whether the maps are too large for the cache */
    size_t size; /* bytes of a number: float or double */
    int tile[2], tiles[2]; /* of the map */
    int strip[2];          /* most that the direct way takes at once */
    ptrdiff_t pitch;
    int window_rows, phase; /* rows of a tile's window, and values from one phase of a row to the next */
    int32_t *offsets;
    float *spectra, *twiddles;
} Convolution;

typedef struct {
    int group, y, x, height, width; /* of the map */
} Piece;

int gather(const Convolution *c, int channel, const int32_t origin[2], int rows, int columns, float *to, ptrdiff_t pitch);
void convolve_piece(const Convolution *c, const Piece *p, char *scratch);
int plan_fourier(Convolution *c);
int fourier_parts(const Convolution *c);
void fourier_part(void *context, int part, int worker);
void spectrum_part(void *context, int part, int worker);

#endif
