/* An engine, and one call of it: what engine.c and batch.c share. */
#include "engine.h"
#include <pthread.h>
#include <sys/types.h>

typedef struct {
    Net *net;
    Pool *pool;
    int threads;
    pid_t process;
    pthread_mutex_t lock;
    float **spaces, **scratches; /* of each thread, made by the thread that uses them */
    float **blocks;        /* where a batch is normalised as a whole: the maps of each of its blocks */
    int64_t block_count;
    double (*moments)[2];  /* [block][map]: what a batch normalisation takes in */
    float *parts;          /* [parts][stride]: the gradients of each part of the batch */
    int part_count;
    int64_t stride;
    float *tables;
} Engine;

/* A call that is under way, and the ops that it is at: forward [from, to), or backward from `from` down to `to`. */
typedef struct {
    Engine *engine;
    Call call;
    int parts;
    float *out;            /* gradients, or outputs */
    int is_backward, from, to;
    double losses[16];
    int64_t correct[16];
    int failed[16];
} Job;

int run_job(Engine *engine, Job *job);
void free_spaces(float **spaces, int64_t count);
