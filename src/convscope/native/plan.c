/* From op specifications to a plan: where each tensor lies, how convolutions are cut into tiles. */
#include "engine.h"
#include <stdlib.h>
#include <string.h>

/* Memory is asked for in small pieces while a net is planned; one refusal makes the whole plan fail. */
static void *claim(size_t count, size_t size, int *failed)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        *failed = 1;
    return memory;
}

static void *copy_of(const void *from, size_t bytes, int *failed)
{
    void *memory = claim(bytes, 1, failed);
    if (memory)
        memcpy(memory, from, bytes);
    return memory;
}

static int looks_through_windows(int kind)
{
    return kind == CONV || kind == SUBSAMPLE || kind == MAX_POOL || kind == AVERAGE_POOL;
}

/* A map's place: with the zeros its consumer wants around it; without any gap where it is flattened. */
static Map place_map(int map_number, const OpSpec *specs, int count, int lanes, ptrdiff_t *end)
{
    const OpSpec *consumer = NULL;
    const int32_t *shape = specs->in;
    for (int n = 0; n < count; n++) {
        if (specs[n].source == map_number && looks_through_windows(specs[n].kind))
            consumer = &specs[n];
        if (specs[n].into == map_number)
            shape = specs[n].out;
    }
    int32_t none[4] = {0}, windows = consumer && looks_through_windows(consumer->kind);
    const int32_t *sides = windows && consumer->kind == CONV ? consumer->sides : none;
    Map map = {shape[0], shape[1], shape[2], 0, 0, 0};
    ptrdiff_t rows = map.height + sides[0] + sides[2], columns = map.width + sides[1] + sides[3];
    ptrdiff_t places = rows * columns;
    if (windows && places % 2 == 0)
        places++; /* maps an odd number of places apart do not crowd into the same sets of a cache */
    map.row = columns * lanes;
    map.plane = places * lanes;
    map.at = *end + sides[0] * map.row + sides[1] * lanes;
    *end += map.plane * map.channels;
    return map;
}

static int linked(const Op *op, int out, int in)
{
    return op->links[out * op->spec.in[0] + in] >= 0;
}

/* Whether a tile of maps on one side is linked to map `other` of the other side. */
static int tile_sees(const Op *op, const Tile *tile, int other, int of_inputs)
{
    for (int n = tile->first; n < tile->first + tile->size; n++)
        if (of_inputs ? linked(op, other, n) : linked(op, n, other))
            return 1;
    return 0;
}

/* The order of a tile's weights: [linked][tap][size], or [tap][linked][size] for the input's gradient. */
static void plan_places(const Op *op, Tile *tile, int of_inputs)
{
    int area = op->spec.kernel[0] * op->spec.kernel[1], channels = op->spec.in[0];
    for (int n = 0; n < tile->linked; n++)
        for (int r = 0; r < tile->size; r++) {
            int here = tile->first + r, there = tile->links[n];
            int32_t kernel = of_inputs ? op->links[there * channels + here] : op->links[here * channels + there];
            for (int tap = 0; tap < area; tap++) {
                ptrdiff_t place = of_inputs ? (ptrdiff_t)tap * tile->linked + n : (ptrdiff_t)n * area + tap;
                tile->places[place * tile->size + r] = kernel < 0 ? -1 : kernel * area + tap;
            }
        }
}

static void plan_tile(const Op *op, Tile *tile, int of_inputs, int *failed)
{
    const OpSpec *s = &op->spec;
    int others = of_inputs ? s->out[0] : s->in[0], area = s->kernel[0] * s->kernel[1];
    tile->links = claim((size_t)others, sizeof(int), failed);
    tile->offsets = claim((size_t)others * (of_inputs ? 1 : area), sizeof(int32_t), failed);
    if (*failed)
        return;
    for (int n = 0; n < others; n++)
        if (tile_sees(op, tile, n, of_inputs))
            tile->links[tile->linked++] = n;
    int32_t *offset = tile->offsets;
    ptrdiff_t lanes = op->in->row / (s->in[2] + s->sides[1] + s->sides[3]);
    for (int n = 0; n < tile->linked; n++) {
        if (of_inputs) {
            *offset++ = (int32_t)(tile->links[n] * op->out->plane);
            continue;
        }
        for (int i = 0; i < s->kernel[0]; i++)
            for (int j = 0; j < s->kernel[1]; j++)
                *offset++ = (int32_t)(tile->links[n] * op->in->plane + i * op->in->row + j * lanes);
    }
    tile->packed = claim((size_t)tile->linked * area * tile->size, sizeof(float), failed);
    tile->places = claim((size_t)tile->linked * area * tile->size, sizeof(int32_t), failed);
    if (!*failed)
        plan_places(op, tile, of_inputs);
}

/* Tiles of at most `most` maps, as even as can be. */
static Tiling plan_tiling(const Op *op, int maps, int most, int of_inputs, int *failed)
{
    Tiling tiling = {(maps + most - 1) / most, NULL};
    tiling.tiles = claim((size_t)tiling.count, sizeof(Tile), failed);
    for (int t = 0; t < tiling.count && !*failed; t++) {
        int first = maps * t / tiling.count;
        tiling.tiles[t].first = first;
        tiling.tiles[t].size = maps * (t + 1) / tiling.count - first;
        plan_tile(op, &tiling.tiles[t], of_inputs, failed);
    }
    return tiling;
}

/* The op that wrote a map last before op n, or NULL: the map holds the pictures. */
static const Op *maker(const Net *net, int n, int map)
{
    while (--n >= 0)
        if (net->ops[n].spec.into == map)
            return &net->ops[n];
    return NULL;
}

static int is_read(const OpSpec *specs, int count, int map)
{
    for (int n = 0; n < count; n++)
        if (specs[n].source == map)
            return 1;
    return 0;
}

/* An op's maps, and what made them. */
static void wire_op(Net *net, int n)
{
    Op *op = &net->ops[n];
    const OpSpec *s = &op->spec;
    const Op *below = maker(net, n, s->source), *other = s->kind == ADD ? maker(net, n, s->beside) : below;
    op->in = &net->maps[s->source];
    op->out = &net->maps[s->into];
    if (other) {
        op->in_act = other->spec.act;
        op->in_amplitude = other->spec.amplitude;
        op->in_slope = other->spec.slope;
        op->passes_on = other->trains;
    }
    op->trains = s->weight >= 0 || op->passes_on || (below && below->trains);
    if (s->kind == ADD) {
        op->beside = &net->maps[s->beside];
        op->spare = &net->maps[s->spare];
    }
}

static void plan_op(Net *net, int n, const OpSpec *spec, int *failed)
{
    Op *op = &net->ops[n];
    op->spec = *spec;
    op->number = n;
    wire_op(net, n);
    if (spec->links) {
        size_t links = spec->kind == CONV ? (size_t)spec->out[0] * spec->in[0] : (size_t)spec->out[0];
        op->links = copy_of(spec->links, links * sizeof(int32_t), failed);
    }
    if (spec->codes)
        op->codes = copy_of(spec->codes, (size_t)spec->out[0] * spec->in[0] * sizeof(float), failed);
    size_t scratch = 0;
    op->winograd = plan_winograd(spec, net->kernels->lanes, &scratch, failed);
    net->scratch = scratch > net->scratch ? scratch : net->scratch;
    net->has_winograd |= op->winograd != NULL;
    if (spec->kind == NORM) {
        op->centres = claim((size_t)spec->in[0], sizeof(Centre), failed);
        net->norm_maps = spec->in[0] > net->norm_maps ? spec->in[0] : net->norm_maps;
    }
    if (spec->kind == CONV && !op->winograd && !*failed) {
        op->forward = plan_tiling(op, spec->out[0], net->kernels->tile, 0, failed);
        op->weights = plan_tiling(op, spec->out[0], net->kernels->weight_tile, 0, failed);
        if (op->passes_on)
            op->inputs = plan_tiling(op, spec->in[0], net->kernels->tile, 1, failed);
    }
}

Net *plan_net(const OpSpec *specs, int count, int64_t parameters, const Kernels *kernels)
{
    int failed = 0;
    Net *net = claim(1, sizeof *net, &failed);
    if (!net)
        return NULL;
    *net = (Net){.count = count, .parameters = parameters, .kernels = kernels};
    net->ops = claim((size_t)count, sizeof(Op), &failed);
    int maps = 1;
    for (int n = 0; n < count; n++)
        maps = specs[n].into < maps ? maps : specs[n].into + 1;
    net->maps = claim((size_t)maps, sizeof(Map), &failed);
    ptrdiff_t end = 0, largest = 0;
    for (int m = 0; m < maps && !failed; m++) {
        ptrdiff_t before = end;
        net->maps[m] = place_map(m, specs, count, kernels->lanes, &end);
        largest = end - before > largest ? end - before : largest;
    }
    for (int n = 0; n < count && !failed; n++)
        plan_op(net, n, &specs[n], &failed);
    for (int n = 0; n < count && !failed; n++)
        net->ops[n].copies = specs[n].kind == FORK && is_read(specs, count, specs[n].into);
    if (failed) {
        free_net(net);
        return NULL;
    }
    const int32_t *out = specs[count - 1].out;
    size_t aside = (size_t)(largest + kernels->lanes * kernels->lanes);
    net->outputs = out[0] * out[1] * out[2];
    net->space = (size_t)end;
    net->scratch = net->scratch > aside ? net->scratch : aside;
    return net;
}

static void pack_tile(const Op *op, const Tile *tile, const float *weights)
{
    int count = tile->linked * op->spec.kernel[0] * op->spec.kernel[1] * tile->size;
    for (int n = 0; n < count; n++)
        tile->packed[n] = tile->places[n] < 0 ? 0 : weights[tile->places[n]];
}

void pack_weights(Net *net, const float *parameters, int training)
{
    for (int n = 0; n < net->count; n++) {
        const Op *op = &net->ops[n];
        if (op->spec.kind != CONV)
            continue;
        for (int t = 0; t < op->forward.count; t++)
            pack_tile(op, &op->forward.tiles[t], parameters + op->spec.weight);
        for (int t = 0; training && t < op->inputs.count; t++)
            pack_tile(op, &op->inputs.tiles[t], parameters + op->spec.weight);
    }
}

static void free_tiling(Tiling *tiling)
{
    for (int t = 0; tiling->tiles && t < tiling->count; t++) {
        free(tiling->tiles[t].links);
        free(tiling->tiles[t].offsets);
        free(tiling->tiles[t].places);
        free(tiling->tiles[t].packed);
    }
    free(tiling->tiles);
}

void free_net(Net *net)
{
    if (!net)
        return;
    for (int n = 0; net->ops && n < net->count; n++) {
        free(net->ops[n].links);
        free(net->ops[n].codes);
        free_winograd(net->ops[n].winograd);
        free(net->ops[n].centres);
        free_tiling(&net->ops[n].forward);
        free_tiling(&net->ops[n].inputs);
        free_tiling(&net->ops[n].weights);
    }
    free(net->ops);
    free(net->maps);
    free(net);
}
