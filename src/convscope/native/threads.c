/* A few threads that take numbered parts of a job, and sleep between jobs. */
#include "engine.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

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
    unsigned long job_number;
    int busy, stop;
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

static void *work(void *argument)
{
    Worker *worker = argument;
    Pool *pool = worker->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->job_number == seen && !pool->stop)
            pthread_cond_wait(&pool->wake, &pool->lock);
        if (pool->stop)
            break;
        seen = pool->job_number;
        pthread_mutex_unlock(&pool->lock);
        take_parts(pool, worker->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Also after a fork, which copies the pool but none of its threads. */
static void start(Pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->process = getpid();
    pool->job_number = 0;
    pool->busy = pool->stop = 0;
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
    pthread_mutex_lock(&pool->lock);
    pool->job = job;
    pool->context = context;
    pool->parts = parts;
    atomic_store(&pool->next, 0);
    pool->job_number++;
    pool->busy = pool->started - 1;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    take_parts(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
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
