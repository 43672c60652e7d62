/* A block of pictures into the workspace. Lanes without a picture repeat the block's first one: their
 * gradient is set to zero, and zero times a value that is finite whenever a real one is adds nothing. */
#include "engine.h"

static void load_floats(const Map *map, const BatchSpec *batch, float *to, int lanes, int64_t first, int live)
{
    int64_t size = (int64_t)map->channels * map->height * map->width;
    for (int c = 0; c < map->channels; c++)
        for (int y = 0; y < map->height; y++) {
            float *row = to + c * map->plane + y * map->row;
            int64_t place = ((int64_t)c * map->height + y) * map->width;
            for (int lane = 0; lane < lanes; lane++) {
                const float *from = batch->floats + (first + (lane < live ? lane : 0)) * size + place;
                for (int x = 0; x < map->width; x++)
                    row[x * lanes + lane] = from[x];
            }
        }
}

static void load_row(const float *table, const uint8_t *from, int columns, float *row, int lanes)
{
    for (int x = 0; x < columns; x++)
        row[x * lanes] = table[from[x]];
}

static void load_pixels(const Map *map, const BatchSpec *batch, const float *tables, float *to, int lanes,
                        int64_t first, int live)
{
    int top = (map->height - batch->rows) / 2, left = (map->width - batch->columns) / 2;
    for (int c = 0; c < map->channels; c++)
        for (int y = 0; y < map->height; y++) {
            float *row = to + c * map->plane + y * map->row;
            const float *table = tables + c * 256;
            int inside = y >= top && y < top + batch->rows;
            for (int x = 0; x < map->width; x++)
                if (!inside || x < left || x >= left + batch->columns)
                    for (int lane = 0; lane < lanes; lane++)
                        row[x * lanes + lane] = table[0];
            for (int lane = 0; inside && lane < lanes; lane++) {
                int64_t picture = batch->index[first + (lane < live ? lane : 0)];
                int64_t line = (picture * map->channels + c) * batch->rows + (y - top);
                load_row(table, batch->pixels + line * batch->columns, batch->columns, row + left * lanes + lane, lanes);
            }
        }
}

void load_block(const Net *net, const Call *call, const Block *block)
{
    const Map *map = &net->maps[0];
    int lanes = net->kernels->lanes;
    float *to = block->space + map->at;
    if (call->batch.floats)
        load_floats(map, &call->batch, to, lanes, block->first, block->live);
    else
        load_pixels(map, &call->batch, call->tables, to, lanes, block->first, block->live);
}
