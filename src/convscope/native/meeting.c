/* Sums over the processes of one machine, through memory that all of them map.
 *
 * A round takes as many values as have room. Each process writes into its slot those that others add up, and arrives; once all
 * are there it adds up its part of them, in the order of ranks, into the totals, and arrives again; once all are there it reads
 * what the others added up. So every process comes to the same bits. A slot is written again only in the next round, and the
 * totals only after all have arrived there: by then everybody has read them. */
#include "bfloat.h"
#include "pause.h"
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { FLOAT, DOUBLE, BFLOAT };
enum { ENTERING, ADDING, READING };

#define LINE 128              /* what two processors fetch for one another, in bytes */
#define LOOKS 4000            /* with pauses in between: some tens of microseconds */
#define YIELDS_FOR 2000       /* microseconds in which others may take the core and give it back at once */
#define BLOCK 512             /* values that are added up at a time */
#define SLEEP 100             /* microseconds between two looks later on */

typedef struct {
    _Alignas(LINE) _Atomic uint64_t arrived; /* how often this process has */
} Place;

typedef struct {
    int rank, size;
    int64_t room;    /* bytes of a slot */
    size_t bytes;    /* of all that is mapped */
    Place *places;   /* [size], then the slots [size][room], then the totals [room] */
    unsigned char *slots, *totals;
    uint64_t arrivals;
    int phase;
    int64_t done;    /* values of the sum under way that are in place */
} Meeting;

int64_t meeting_bytes(int size, int64_t room)
{
    return (int64_t)sizeof(Place) * size + room * (size + 1);
}

/* The memory is `meeting_bytes` long, zeros at first; NULL where it cannot be mapped. `room` is a multiple of LINE. */
Meeting *meeting_new(int descriptor, int rank, int size, int64_t room)
{
    Meeting *meeting = calloc(1, sizeof *meeting);
    if (!meeting)
        return NULL;
    *meeting = (Meeting){.rank = rank, .size = size, .room = room, .bytes = (size_t)meeting_bytes(size, room)};
    void *memory = mmap(NULL, meeting->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        free(meeting);
        return NULL;
    }
    meeting->places = memory;
    meeting->slots = (unsigned char *)(meeting->places + size);
    meeting->totals = meeting->slots + room * size;
    return meeting;
}

void meeting_free(Meeting *meeting)
{
    if (meeting)
        munmap(meeting->places, meeting->bytes);
    free(meeting);
}

static void arrive(Meeting *meeting)
{
    meeting->arrivals++;
    atomic_store_explicit(&meeting->places[meeting->rank].arrived, meeting->arrivals, memory_order_release);
}

/* Whether a process has arrived as often as this one. */
int meeting_has(const Meeting *meeting, int rank)
{
    return atomic_load_explicit(&meeting->places[rank].arrived, memory_order_acquire) >= meeting->arrivals;
}

static int all_there(const Meeting *meeting)
{
    for (int rank = 0; rank < meeting->size; rank++)
        if (!meeting_has(meeting, rank))
            return 0;
    return 1;
}

static int64_t microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Look out for the others without letting go of the core, then with, then asleep, for `most` microseconds or a little more. */
static int await_all(const Meeting *meeting, int64_t most)
{
    for (int look = 0; look < LOOKS; look++) {
        if (all_there(meeting))
            return 1;
        BREATHE();
    }
    for (int64_t began = microseconds(), passed = 0; passed < most; passed = microseconds() - began) {
        if (all_there(meeting))
            return 1;
        if (passed < YIELDS_FOR)
            sched_yield();
        else
            nanosleep(&(struct timespec){.tv_nsec = SLEEP * 1000}, NULL);
    }
    return all_there(meeting);
}

/* Sums of a part of the values, which are this process's own, in the order of ranks: into the totals, and into place. */
#define ADD_UP(TYPE)                                                                                                  \
    static void add_##TYPE(const Meeting *meeting, TYPE *values, int64_t first, int64_t stop)                         \
    {                                                                                                                 \
        TYPE *restrict totals = (TYPE *)meeting->totals;                                                              \
        for (int64_t start = first; start < stop; start += BLOCK) {                                                   \
            int64_t count = stop - start < BLOCK ? stop - start : BLOCK;                                              \
            TYPE sums[BLOCK] = {0};                                                                                   \
            for (int rank = 0; rank < meeting->size; rank++) {                                                        \
                const TYPE *from = rank == meeting->rank ? values : (const TYPE *)(meeting->slots + rank * meeting->room); \
                for (int64_t n = 0; n < count; n++)                                                                   \
                    sums[n] = rank ? sums[n] + from[start + n] : from[start + n];                                     \
            }                                                                                                         \
            for (int64_t n = 0; n < count; n++)                                                                       \
                values[start + n] = totals[start + n] = sums[n];                                                      \
        }                                                                                                             \
    }

ADD_UP(float)
ADD_UP(double)

/* bfloat16 is added up as float, and rounded once. */
static void add_halves(const Meeting *meeting, uint16_t *values, int64_t first, int64_t stop)
{
    for (int64_t n = first; n < stop; n++) {
        float sum = 0;
        for (int rank = 0; rank < meeting->size; rank++) {
            const uint16_t *slot = (const uint16_t *)(meeting->slots + rank * meeting->room);
            float own = wide(rank == meeting->rank ? values[n] : slot[n]);
            sum = rank ? sum + own : own;
        }
        values[n] = ((uint16_t *)meeting->totals)[n] = narrow(sum);
    }
}

static int64_t edge(const Meeting *meeting, int64_t count, int rank)
{
    return count * rank / meeting->size;
}

static void add_own_part(const Meeting *meeting, void *values, int64_t count, int kind)
{
    int64_t first = edge(meeting, count, meeting->rank), stop = edge(meeting, count, meeting->rank + 1);
    if (kind == FLOAT)
        add_float(meeting, values, first, stop);
    else if (kind == DOUBLE)
        add_double(meeting, values, first, stop);
    else
        add_halves(meeting, values, first, stop);
}

/* All but this process's own part: what the others add up of its values, or what they added up. */
static void copy_others(const Meeting *meeting, unsigned char *to, const unsigned char *from, int64_t count, int64_t size)
{
    int64_t first = edge(meeting, count, meeting->rank) * size, stop = edge(meeting, count, meeting->rank + 1) * size;
    memcpy(to, from, (size_t)first);
    memcpy(to + stop, from + stop, (size_t)(count * size - stop));
}

/* Put the sums over all processes in the place of `count` values; 1: not everybody came within `most` microseconds, and the
 * same call goes on. */
int meeting_add(Meeting *meeting, void *values, int64_t count, int kind, int64_t most)
{
    static const int64_t sizes[] = {[FLOAT] = sizeof(float), [DOUBLE] = sizeof(double), [BFLOAT] = sizeof(uint16_t)};
    int64_t fitting = meeting->room / sizes[kind];
    while (meeting->done < count) {
        int64_t taken = count - meeting->done < fitting ? count - meeting->done : fitting;
        unsigned char *own = (unsigned char *)values + meeting->done * sizes[kind];
        if (meeting->phase == ENTERING) {
            copy_others(meeting, meeting->slots + meeting->rank * meeting->room, own, taken, sizes[kind]);
            arrive(meeting);
            meeting->phase = ADDING;
        }
        if (!await_all(meeting, most))
            return 1;
        if (meeting->phase == ADDING) {
            add_own_part(meeting, own, taken, kind);
            arrive(meeting);
            meeting->phase = READING;
            if (!await_all(meeting, most))
                return 1;
        }
        copy_others(meeting, own, meeting->totals, taken, sizes[kind]);
        meeting->phase = ENTERING;
        meeting->done += taken;
    }
    meeting->done = 0;
    return 0;
}
