/* A few threads that take numbered parts of a job. Between jobs they look out for the next one for a moment,
 * since a training's next step comes within a fraction of a millisecond and waking a sleeper costs as much; then
 * they sleep. */
#include "engine.h"
#include "pause.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOKS 40000 /* about 0.2 to 1 ms, by processor */

typedef struct {
    Pool *pool;
    int number;
    pthread_t thread;
} Worker;

struct Pool {
    int threads, started;
    pid_t process;
    Worker *workers; /* worker 0 is whoever calls */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_ulong job_number;
    atomic_int busy, stop;
    void (*job)(void *, int, int);
    void *context;
    int parts;
    atomic_int next;
};

static void take_parts(Pool *pool, int worker)
{
    int part;
    while ((part = atomic_fetch_add(&pool->next, 1)) < pool->parts)
        pool->job(pool->context, part, worker);
}

static int something_new(Pool *pool, unsigned long seen)
{
    return atomic_load(&pool->job_number) != seen || atomic_load(&pool->stop);
}

static void await_job(Pool *pool, unsigned long seen)
{
    for (int look = 0; look < LOOKS; look++) {
        if (something_new(pool, seen))
            return;
        BREATHE();
    }
    pthread_mutex_lock(&pool->lock);
    while (!something_new(pool, seen))
        pthread_cond_wait(&pool->wake, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void await_others(Pool *pool)
{
    for (int look = 0; look < LOOKS; look++) {
        if (!atomic_load(&pool->busy))
            return;
        BREATHE();
    }
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->busy))
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
    Worker *worker = argument;
    Pool *pool = worker->pool;
    for (unsigned long seen = 0;;) {
        await_job(pool, seen);
        if (atomic_load(&pool->stop))
            return NULL;
        seen = atomic_load(&pool->job_number);
        take_parts(pool, worker->number);
        if (atomic_fetch_sub(&pool->busy, 1) == 1) {
            pthread_mutex_lock(&pool->lock);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->lock);
        }
    }
}

/* Also after a fork, which copies the pool but none of its threads. */
static void start(Pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->process = getpid();
    atomic_store(&pool->job_number, 0);
    atomic_store(&pool->busy, 0);
    atomic_store(&pool->stop, 0);
    for (pool->started = 1; pool->started < pool->threads; pool->started++) {
        Worker *worker = &pool->workers[pool->started];
        *worker = (Worker){.pool = pool, .number = pool->started};
        if (pthread_create(&worker->thread, NULL, work, worker) != 0)
            break; /* fewer threads give the same result */
    }
}

Pool *pool_new(int threads)
{
    Pool *pool = calloc(1, sizeof *pool);
    if (pool)
        pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    if (!pool || !pool->workers) {
        free(pool);
        return NULL;
    }
    pool->threads = threads;
    return pool;
}

void pool_run(Pool *pool, void (*job)(void *, int, int), void *context, int parts)
{
    if (pool->process != getpid())
        start(pool);
    pool->job = job;
    pool->context = context;
    pool->parts = parts;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->busy, pool->started - 1);
    pthread_mutex_lock(&pool->lock); /* a worker that is about to sleep looks once more under the lock */
    atomic_fetch_add(&pool->job_number, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    take_parts(pool, 0);
    await_others(pool);
}

void pool_free(Pool *pool)
{
    if (!pool)
        return;
    if (pool->process == getpid()) {
        pthread_mutex_lock(&pool->lock);
        pool->stop = 1;
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->lock);
        for (int n = 1; n < pool->started; n++)
            pthread_join(pool->workers[n].thread, NULL);
    }
    free(pool->workers);
    free(pool);
}
