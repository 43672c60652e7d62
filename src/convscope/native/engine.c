/* The engine's handle and its two calls: gradients of a batch, and outputs. */
#include "engine.h"
#include "convolution.h"
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    Net *net;
    Pool *pool;
    int threads;
    pid_t process;
    pthread_mutex_t lock;
    float **spaces;        /* one workspace a thread, made by the thread that uses it */
    float *parts;          /* [parts][stride]: the gradients of each part of the batch */
    int part_count;
    int64_t stride;
    float *tables;
} Engine;

/* A call that is under way. */
typedef struct {
    Engine *engine;
    Call call;
    int parts;
    float *out;            /* gradients, or outputs */
    double losses[16];
    int64_t correct[16];
    int failed[16];
} Job;

const Kernels *choose_kernels(void)
{
    const char *wish = getenv("CONVSCOPE_ISA");
    if (wish && strcmp(wish, "base") == 0)
        return &kernels_base;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int wide = !wish || strcmp(wish, "avx2") != 0;
    if (wide && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return &kernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return &kernels_avx2;
#endif
    return &kernels_base;
}

const Convolver *choose_convolver(void)
{
    const Kernels *kernels = choose_kernels();
#if defined(__x86_64__)
    if (kernels == &kernels_avx512)
        return &convolver_avx512;
    if (kernels == &kernels_avx2)
        return &convolver_avx2;
#endif
    return &convolver_base;
}

/* How a batch is cut depends on its size alone: so sums have one order, whatever the number of threads. */
static int parts_of(int64_t blocks)
{
    int64_t most = blocks > 128 ? 16 : blocks > 32 ? 8 : 4;
    return (int)(blocks < most ? blocks : most);
}

static float *space_of(Engine *engine, int worker)
{
    if (!engine->spaces[worker]) {
        size_t huge = 1 << 21, bytes = (engine->net->workspace * sizeof(float) + huge - 1) / huge * huge;
        engine->spaces[worker] = aligned_alloc(huge, bytes);
#ifdef MADV_HUGEPAGE
        if (engine->spaces[worker])
            madvise(engine->spaces[worker], bytes, MADV_HUGEPAGE); /* far fewer address translations to look up */
#endif
        if (engine->spaces[worker])
            memset(engine->spaces[worker], 0, bytes);
    }
    return engine->spaces[worker];
}

static void write_outputs(const Net *net, const float *space, float *out, int live)
{
    const float *values = space + net->maps[net->count].at;
    for (int lane = 0; lane < live; lane++)
        for (int k = 0; k < net->outputs; k++)
            out[lane * net->outputs + k] = values[k * net->kernels->lanes + lane];
}

static void do_part(void *context, int part, int worker)
{
    Job *job = context;
    const Net *net = job->engine->net;
    const Kernels *kernels = net->kernels;
    int64_t count = job->call.batch.count, blocks = (count + kernels->lanes - 1) / kernels->lanes;
    float *space = space_of(job->engine, worker), *gradients = job->engine->parts + part * job->engine->stride;
    if (!space) {
        job->failed[part] = 1;
        return;
    }
    if (job->call.training)
        memset(gradients, 0, (size_t)net->parameters * sizeof(float));
    for (int64_t block = blocks * part / job->parts; block < blocks * (part + 1) / job->parts; block++) {
        int64_t first = block * kernels->lanes;
        int live = (int)(count - first < kernels->lanes ? count - first : kernels->lanes);
        load_block(net, &job->call, space, first, live);
        kernels->forward(net, &job->call, space, first);
        if (!job->call.training) {
            write_outputs(net, space, job->out + first * net->outputs, live);
            continue;
        }
        job->losses[part] += block_loss(net, &job->call, space, first, live, &job->correct[part]);
        kernels->backward(net, &job->call, space, first, gradients);
    }
}

/* A part of all kernels that are wanted at the points of winograd.h. */
static void pack_part(void *context, int part, int worker)
{
    const Job *job = context;
    const Net *net = job->engine->net;
    (void)worker;
    for (int n = 0; n < net->count; n++) {
        const Op *op = &net->ops[n];
        int maps = op->out->channels;
        if (op->winograd)
            net->kernels->kernels_apart(op, job->call.parameters, maps * part / job->parts, maps * (part + 1) / job->parts);
    }
}

static void add_part(void *context, int part, int worker)
{
    Job *job = context;
    const Engine *engine = job->engine;
    int64_t size = engine->net->parameters, from = size * part / job->parts, to = size * (part + 1) / job->parts;
    (void)worker;
    engine->net->kernels->add(job->out, engine->parts, engine->stride, job->parts, from, to);
}

static int claim_parts(Engine *engine, int parts)
{
    if (parts <= engine->part_count)
        return 1;
    free(engine->parts);
    engine->parts = aligned_alloc(4096, (size_t)parts * (size_t)engine->stride * sizeof(float));
    engine->part_count = engine->parts ? parts : 0;
    return engine->parts != NULL;
}

static void fill_tables(float *tables, const BatchSpec *batch, int channels)
{
    for (int c = 0; c < channels; c++)
        for (int pixel = 0; pixel < 256; pixel++)
            tables[c * 256 + pixel] = batch->scale[c] * (float)pixel + batch->shift[c];
}

/* Runs a job's parts; 0, or 1 where memory ran out. */
static int run_job(Engine *engine, Job *job)
{
    Net *net = engine->net;
    job->engine = engine;
    job->parts = parts_of((job->call.batch.count + net->kernels->lanes - 1) / net->kernels->lanes);
    job->call.tables = engine->tables;
    if (job->call.training && !claim_parts(engine, job->parts))
        return 1;
    if (job->call.batch.pixels)
        fill_tables(engine->tables, &job->call.batch, net->maps[0].channels);
    pack_weights(net, job->call.parameters, job->call.training);
    if (net->scratch)
        pool_run(engine->pool, pack_part, job, job->parts);
    pool_run(engine->pool, do_part, job, job->parts);
    for (int part = 0; part < job->parts; part++)
        if (job->failed[part])
            return 1;
    if (job->call.training)
        pool_run(engine->pool, add_part, job, job->parts);
    return 0;
}

/* A lock that another process held when this one was forked from it is nobody's. */
static void lock(Engine *engine)
{
    if (engine->process != getpid()) {
        pthread_mutex_init(&engine->lock, NULL);
        engine->process = getpid();
    }
    pthread_mutex_lock(&engine->lock);
}

void engine_free(Engine *engine)
{
    if (!engine)
        return;
    pool_free(engine->pool);
    for (int worker = 0; engine->spaces && worker < engine->threads; worker++)
        free(engine->spaces[worker]);
    free(engine->spaces);
    free(engine->parts);
    free(engine->tables);
    free_net(engine->net);
    free(engine);
}

Engine *engine_new(const OpSpec *specs, int count, int64_t parameters, int threads)
{
    Engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return NULL;
    engine->net = plan_net(specs, count, parameters, choose_kernels());
    engine->pool = pool_new(threads);
    engine->threads = threads;
    engine->stride = (parameters + 1023) / 1024 * 1024 + 1024;
    engine->spaces = calloc((size_t)threads, sizeof *engine->spaces);
    engine->tables = calloc((size_t)specs->in[0] * 256, sizeof(float));
    engine->process = getpid();
    pthread_mutex_init(&engine->lock, NULL);
    if (engine->net && engine->pool && engine->spaces && engine->tables)
        return engine;
    engine_free(engine);
    return NULL;
}

/* The mean gradient of a batch; `loss` is the sum over the batch. 0, or 1 where memory ran out. */
int engine_gradients(Engine *engine, const BatchSpec *batch, const int64_t *labels, const LossSpec *loss,
                     uint64_t seed, const float *parameters, float *gradients, double *loss_sum, int64_t *correct)
{
    Job job = {.out = gradients};
    job.call = (Call){*batch, *loss, labels, parameters, seed, 1, NULL};
    lock(engine);
    int failed = run_job(engine, &job);
    pthread_mutex_unlock(&engine->lock);
    *loss_sum = 0;
    *correct = 0;
    for (int part = 0; part < job.parts; part++) {
        *loss_sum += job.losses[part];
        *correct += job.correct[part];
    }
    return failed;
}

int engine_outputs(Engine *engine, const BatchSpec *batch, const float *parameters, float *outputs)
{
    Job job = {.out = outputs};
    job.call = (Call){.batch = *batch, .parameters = parameters};
    lock(engine);
    int failed = run_job(engine, &job);
    pthread_mutex_unlock(&engine->lock);
    return failed;
}

const char *engine_isa(void) { return choose_kernels()->name; }

/* For the tests: tanh of each value, in place; `count` is a multiple of the lanes. */
void engine_tanh(float *values, int64_t count) { choose_kernels()->activate(TANH, 1, 1, values, (size_t)count); }
