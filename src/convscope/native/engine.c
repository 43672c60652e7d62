/* The engine's handle and its two calls: gradients of a batch, and outputs. */
#include "batch.h"
#include "convolution.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    free_spaces(engine->spaces, engine->threads);
    free_spaces(engine->scratches, engine->threads);
    free_spaces(engine->blocks, engine->block_count);
    free(engine->moments);
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
    engine->scratches = calloc((size_t)threads, sizeof *engine->scratches);
    engine->tables = calloc((size_t)specs->in[0] * 256, sizeof(float));
    engine->process = getpid();
    pthread_mutex_init(&engine->lock, NULL);
    if (engine->net && engine->pool && engine->spaces && engine->scratches && engine->tables)
        return engine;
    engine_free(engine);
    return NULL;
}

/* The mean gradient of a batch; `loss` is the sum over the batch. Moves the `running` numbers of batch normalisations. 0, or
 * 1 where memory ran out. */
int engine_gradients(Engine *engine, const BatchSpec *batch, const int64_t *labels, const LossSpec *loss,
                     uint64_t seed, const float *parameters, float *running, float *gradients, double *loss_sum,
                     int64_t *correct)
{
    Job job = {.out = gradients};
    job.call = (Call){*batch, *loss, labels, parameters, running, seed, 1, NULL};
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

int engine_outputs(Engine *engine, const BatchSpec *batch, const float *parameters, float *running, float *outputs)
{
    Job job = {.out = outputs};
    job.call = (Call){.batch = *batch, .parameters = parameters, .running = running};
    lock(engine);
    int failed = run_job(engine, &job);
    pthread_mutex_unlock(&engine->lock);
    return failed;
}

const char *engine_isa(void) { return choose_kernels()->name; }

/* The sizes of what callers hand over: a library compiled from other sources would read the wrong memory. */
int64_t engine_layout(void)
{
    return (int64_t)sizeof(OpSpec) | (int64_t)sizeof(LossSpec) << 16 | (int64_t)sizeof(BatchSpec) << 32 |
           (int64_t)sizeof(ConvolveSpec) << 48;
}

/* For the tests: tanh of each value, in place; `count` is a multiple of the lanes. */
void engine_tanh(float *values, int64_t count) { choose_kernels()->activate(TANH, 1, 1, values, (size_t)count); }
