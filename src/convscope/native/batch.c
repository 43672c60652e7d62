/* One call: a batch's blocks through the net, each from the first op to the last and back. Where a batch normalisation wants
 * to know all blocks first, they go as far as that one by one, and then on: each in maps of its own. */
#include "batch.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* How a batch is cut depends on its size alone: so sums have one order, whatever the number of threads. */
static int parts_of(int64_t blocks)
{
    int64_t most = blocks > 128 ? 16 : blocks > 32 ? 8 : 4;
    return (int)(blocks < most ? blocks : most);
}

/* `count` floats, zeros at first, kept in `place`; NULL where memory ran out. */
static float *space_in(float **place, size_t count)
{
    if (!*place) {
        size_t huge = 1 << 21, bytes = (count * sizeof(float) + huge - 1) / huge * huge;
        *place = aligned_alloc(huge, bytes);
#ifdef MADV_HUGEPAGE
        if (*place)
            madvise(*place, bytes, MADV_HUGEPAGE); /* far fewer address translations to look up */
#endif
        if (*place)
            memset(*place, 0, bytes);
    }
    return *place;
}

void free_spaces(float **spaces, int64_t count)
{
    for (int64_t n = 0; spaces && n < count; n++)
        free(spaces[n]);
    free(spaces);
}

/* Whether the blocks of a call wait for one another. */
static int waits(const Job *job) { return job->call.training && job->engine->net->norm_maps; }

static Block block_of(const Job *job, int64_t number, int worker)
{
    Engine *engine = job->engine;
    const Net *net = engine->net;
    int lanes = net->kernels->lanes;
    int64_t first = number * lanes, left = job->call.batch.count - first;
    float **space = waits(job) ? &engine->blocks[number] : &engine->spaces[worker];
    return (Block){space_in(space, net->space), space_in(&engine->scratches[worker], net->scratch), first,
                   (int)(left < lanes ? left : lanes)};
}

static void write_outputs(const Net *net, const Block *block, float *out)
{
    const float *values = block->space + net->ops[net->count - 1].out->at;
    for (int lane = 0; lane < block->live; lane++)
        for (int k = 0; k < net->outputs; k++)
            out[(block->first + lane) * net->outputs + k] = values[k * net->kernels->lanes + lane];
}

static int norm_from(const Net *net, int n)
{
    while (n < net->count && net->ops[n].spec.kind != NORM)
        n++;
    return n;
}

static int norm_below(const Net *net, int n)
{
    while (--n >= 0 && net->ops[n].spec.kind != NORM)
        ;
    return n;
}

static void forward_block(Job *job, int part, int64_t number, const Block *block, float *gradients)
{
    const Engine *engine = job->engine;
    const Net *net = engine->net;
    if (job->from == 0)
        load_block(net, &job->call, block);
    net->kernels->forward(net, &job->call, block, job->from, job->to);
    if (job->to < net->count) {
        net->kernels->moments(&net->ops[job->to], block, engine->moments + number * net->norm_maps);
    } else if (!job->call.training) {
        write_outputs(net, block, job->out);
    } else {
        job->losses[part] += block_loss(net, &job->call, block, &job->correct[part]);
        net->kernels->backward(net, &job->call, block, net->count, norm_below(net, net->count), gradients);
    }
}

static void do_part(void *context, int part, int worker)
{
    Job *job = context;
    const Net *net = job->engine->net;
    int64_t lanes = net->kernels->lanes, blocks = (job->call.batch.count + lanes - 1) / lanes;
    float *gradients = job->engine->parts + part * job->engine->stride;
    if (job->call.training && !job->is_backward && job->from == 0)
        memset(gradients, 0, (size_t)net->parameters * sizeof(float));
    for (int64_t number = blocks * part / job->parts; number < blocks * (part + 1) / job->parts; number++) {
        Block block = block_of(job, number, worker);
        if (!block.space || !block.scratch) {
            job->failed[part] = 1;
            return;
        }
        if (job->is_backward)
            net->kernels->backward(net, &job->call, &block, job->from, job->to, gradients);
        else
            forward_block(job, part, number, &block, gradients);
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

/* Room for what a batch normalisation wants to know of each block. */
static int claim_blocks(Engine *engine, int64_t count)
{
    if (count <= engine->block_count)
        return 1;
    float **blocks = realloc(engine->blocks, (size_t)count * sizeof *blocks);
    if (!blocks)
        return 0;
    memset(blocks + engine->block_count, 0, (size_t)(count - engine->block_count) * sizeof *blocks);
    engine->blocks = blocks;
    engine->block_count = count;
    free(engine->moments);
    engine->moments = calloc((size_t)count * (size_t)engine->net->norm_maps, sizeof *engine->moments);
    return engine->moments != NULL;
}

static void fill_tables(float *tables, const BatchSpec *batch, int channels)
{
    for (int c = 0; c < channels; c++)
        for (int pixel = 0; pixel < 256; pixel++)
            tables[c * 256 + pixel] = batch->scale[c] * (float)pixel + batch->shift[c];
}

/* The ops from `from` to `to` for all blocks; 0, or 1 where memory ran out. */
static int run_ops(Job *job, int is_backward, int from, int to)
{
    job->is_backward = is_backward;
    job->from = from;
    job->to = to;
    pool_run(job->engine->pool, do_part, job, job->parts);
    int failed = 0;
    for (int part = 0; part < job->parts; part++)
        failed |= job->failed[part];
    return failed;
}

/* Forward from one batch normalisation to the next, then back from one to the one below. */
static int run_between_norms(Engine *engine, Job *job)
{
    const Net *net = engine->net;
    int from = 0, to = norm_from(net, 0);
    for (; to < net->count; from = to, to = norm_from(net, from + 1)) {
        if (run_ops(job, 0, from, to))
            return 1;
        settle_moments(&net->ops[to], &job->call, net->kernels->lanes, net->norm_maps, (const double(*)[2])engine->moments);
    }
    if (run_ops(job, 0, from, to))
        return 1;
    for (from = norm_below(net, net->count); from >= 0; from = to) {
        settle_slopes(&net->ops[from], &job->call.batch, engine->parts, engine->stride, job->parts);
        to = norm_below(net, from);
        if (run_ops(job, 1, from, to))
            return 1;
    }
    return 0;
}

/* Runs a job's parts; 0, or 1 where memory ran out. */
int run_job(Engine *engine, Job *job)
{
    Net *net = engine->net;
    int64_t blocks = (job->call.batch.count + net->kernels->lanes - 1) / net->kernels->lanes;
    job->engine = engine;
    job->parts = parts_of(blocks);
    job->call.tables = engine->tables;
    if (job->call.training && !claim_parts(engine, job->parts))
        return 1;
    if (waits(job) && !claim_blocks(engine, blocks))
        return 1;
    if (job->call.batch.pixels)
        fill_tables(engine->tables, &job->call.batch, net->maps[0].channels);
    pack_weights(net, job->call.parameters, job->call.training);
    if (net->has_winograd)
        pool_run(engine->pool, pack_part, job, job->parts);
    for (int n = 0; n < net->count && !job->call.training; n++)
        if (net->ops[n].spec.kind == NORM)
            settle_running(&net->ops[n], job->call.running);
    if (waits(job) ? run_between_norms(engine, job) : run_ops(job, 0, 0, net->count))
        return 1;
    if (job->call.training)
        pool_run(engine->pool, add_part, job, job->parts);
    return 0;
}
