/* What the parts of the native engine share: a net as a plan of ops, and one call's work.
 *
 * Pictures are taken in blocks of `lanes`, and a block's values are stored [map][row][column][lane]:
 * the picture is the innermost dimension, so that every loop vectorises, whatever the number of maps.
 * All strides below count floats. A tensor between two ops is one `Map`; in the backward pass the
 * gradient overwrites the values, place by place, as soon as nobody needs them any more. So each map has one op that reads it
 * and passes its gradient on: a value that more of them want is a map with forks, whose gradients are added to its own.
 */
#ifndef CONVSCOPE_ENGINE_H
#define CONVSCOPE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

enum { CONV, LINEAR, SUBSAMPLE, MAX_POOL, AVERAGE_POOL, ACTIVATION, DROPOUT, RBF, NORM, ADD, FORK };
enum { IDENTITY, TANH, RELU, SIGMOID };
enum { CROSS_ENTROPY, SQUARED, DISTANCE, DISTANCE_MAP };

/* An op as Python says it; library.py mirrors this struct and those below, field for field. */
typedef struct {
    int32_t kind, act;
    int32_t source, into;   /* the map it reads, and the one it writes: ADD writes where it read */
    int32_t beside, spare;  /* ADD: the map that is added, and the one where its gradient goes */
    float amplitude, slope; /* of TANH: amplitude * tanh(slope * x) */
    float rate;             /* of DROPOUT: the probability of a zero */
    float momentum, epsilon; /* of NORM: how far a batch moves the running numbers; what is added to a variance */
    int32_t in[3], out[3];  /* maps, rows, columns */
    int32_t kernel[2], stride[2], sides[4]; /* sides: zeros at top, left, bottom, right */
    int64_t weight, bias;   /* where the parameters begin; bias is -1 where there is none */
    int64_t running;        /* NORM: where its running means begin, and behind them its variances */
    const int32_t *links;   /* CONV: [out][in] number of the kernel or -1; SUBSAMPLE: [out] its source, or NULL */
    const float *codes;     /* RBF: [out][in] */
} OpSpec;

typedef struct {
    int32_t kind, classes;
    float smoothing, constant;
    const float *targets; /* SQUARED: [classes][outputs] */
} LossSpec;

/* Pictures: float32 [count][maps][rows][columns], or uint8 of any smaller size picked by `index`. They are those from place
 * `first` on of a batch of `total`; where other processes compute its other pictures, `add` puts the sums over all processes in
 * the place of its own values. */
typedef struct {
    int64_t count;
    const float *floats;
    const uint8_t *pixels;
    const int64_t *index;
    const float *scale, *shift; /* a pixel p of map c is scale[c] * p + shift[c] */
    int32_t rows, columns;      /* of the uint8 pictures; the rest is a border of pixels that are 0 */
    int64_t first, total;
    void (*add)(double *values, int64_t count); /* NULL: nobody else computes */
} BatchSpec;

/* A tensor in a block's workspace, inside a border of zeros that the next convolution may want. */
typedef struct {
    int channels, height, width;
    ptrdiff_t row, plane;
    ptrdiff_t at;   /* where value [0][0][0] lies in the workspace */
} Map;

/* Some neighbouring maps of one side of a convolution, and all maps of the other side they are linked to. */
typedef struct {
    int first, size;
    int linked, *links;
    int32_t *offsets; /* from a window's origin to each tap, or from map 0 to each linked map */
    int32_t *places;  /* [tap][size]: which weight of the op it is, or -1 */
    float *packed;    /* the tile's weights in the order the kernel reads them, 0 where no link is */
} Tile;

typedef struct {
    int count;
    Tile *tiles;
} Tiling;

/* How the outputs along one axis are cut into tiles: the first `wide` of them give four, the others three. */
typedef struct {
    int tiles, wide;
    int side; /* positions of the first tile: 6 for four outputs, else 5 */
} Cut;

/* A convolution in few multiplications: winograd.h says how. Floats from one position to the next of its values (below)
 * and sums (above), from one map's kernels or line to the next, and where each part of the scratch space begins. */
typedef struct {
    Cut rows, columns;
    ptrdiff_t below, above, width, line;
    ptrdiff_t sums, turned, slopes, lines, carry;
    float *kernels; /* at the points: [position][map][width] */
} Winograd;

/* A map of a batch normalisation: the mean it takes off, 1 / the deviation, and of the batch the mean gradients of its
 * outputs times their normed values, and of its outputs. */
typedef struct {
    float mean, inverse, scale_slope, shift_slope;
} Centre;

typedef struct {
    OpSpec spec;
    int number;
    const Map *in, *out;
    const Map *beside, *spare; /* ADD's */
    int copies;       /* FORK: somebody reads the values of its map, not only adds to its gradient */
    int in_act; /* what made the input (ADD: what is added): its derivative is applied where the gradient is stored */
    float in_amplitude, in_slope;
    int trains;       /* the op or one before it has parameters: it takes part in the backward pass */
    int passes_on;    /* an op before it has parameters: its input's gradient is wanted */
    int32_t *links;
    float *codes;
    Tiling forward, inputs, weights;
    Winograd *winograd; /* or NULL: then the tilings are used */
    Centre *centres;    /* NORM: of each map */
} Op;

typedef struct Kernels Kernels;

typedef struct {
    int count, outputs;
    int64_t parameters;
    Op *ops;
    Map *maps;            /* the input first */
    size_t space;         /* floats that a block's maps take */
    size_t scratch;       /* floats that a thread needs beside them */
    int has_winograd, norm_maps; /* the most maps that a batch normalisation has; 0 where there is none */
    const Kernels *kernels;
} Net;

/* What one call is about; constant while the threads work. */
typedef struct {
    BatchSpec batch;
    LossSpec loss;
    const int64_t *labels;
    const float *parameters;
    float *running; /* of the batch normalisations */
    uint64_t seed;
    int training;
    float *tables; /* [maps][256]: the value of each pixel, for uint8 pictures */
} Call;

/* A block of pictures at work: its maps, its thread's scratch space, its first picture, and how many lanes hold one. */
typedef struct {
    float *space, *scratch;
    int64_t first;
    int live;
} Block;

/* The code that is compiled once for each instruction set. */
struct Kernels {
    const char *name;
    int lanes;
    int tile;        /* most maps of a tile of `forward` and `inputs` */
    int weight_tile; /* most maps of a tile of `weights` */
    /* The ops [from, to). */
    void (*forward)(const Net *net, const Call *call, const Block *block, int from, int to);
    /* The ops below `from` down to `to`, both batch normalisations or the net's ends: of `from` only what it passes on, of
     * `to` only the gradient of its parameters. */
    void (*backward)(const Net *net, const Call *call, const Block *block, int from, int to, float *gradients);
    /* The mean and the sum of squared gaps from it of each map that a batch normalisation takes in. */
    void (*moments)(const Op *op, const Block *block, double (*moments)[2]);
    void (*kernels_apart)(const Op *op, const float *parameters, int from, int to); /* of the maps [from, to) */
    void (*activate)(int act, float amplitude, float slope, float *values, size_t count);
    void (*add)(float *total, const float *parts, int64_t stride, int count, int64_t from, int64_t to);
};

extern const Kernels kernels_base, kernels_avx2, kernels_avx512;
const Kernels *choose_kernels(void);

/* plan.c */
Net *plan_net(const OpSpec *specs, int count, int64_t parameters, const Kernels *kernels);
void pack_weights(Net *net, const float *parameters, int training);
void free_net(Net *net);

/* plan_winograd.c */
Winograd *plan_winograd(const OpSpec *spec, int lanes, size_t *scratch, int *failed);
void free_winograd(Winograd *winograd);

/* norms.c: over the whole batch, of which others may compute parts */
void settle_moments(const Op *op, const Call *call, int lanes, int maps, const double (*moments)[2]);
void settle_running(const Op *op, const float *running);
void settle_slopes(const Op *op, const BatchSpec *batch, const float *gradients, int64_t stride, int parts);

/* load.c */
void load_block(const Net *net, const Call *call, const Block *block);

/* loss.c: the loss of a block, summed over its pictures; leaves the gradient where the outputs were. */
double block_loss(const Net *net, const Call *call, const Block *block, int64_t *correct);

/* threads.c: runs job(context, part, worker) for each part, a worker being one of `threads`. */
typedef struct Pool Pool;
Pool *pool_new(int threads);
void pool_run(Pool *pool, void (*job)(void *, int, int), void *context, int parts);
void pool_free(Pool *pool);

#endif
