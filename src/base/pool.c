#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

/* How a run works. The caller opens a job: one atomic word holds its number, whether it is open, and how many workers are in it. A
 * worker enters an open job that it has not yet seen, takes items from a shared counter until there are none, and leaves. The caller takes
 * items, too, then closes the job and waits until nobody is inside. A worker that wakes too late finds the job closed and is not
 * waited for, so that an overloaded machine costs a thread's help but not its delay.
 * Whoever goes to sleep says so and then looks once more; whoever has news tells it and then looks for sleepers. Between the two of each no load may
 * pass the store: they are exchanges, because under qemu a plain store to an ARM's memory may be passed, and a sleeper slept on. */

#define OPEN ((uint64_t)1)
#define INSIDE ((uint64_t)2)                 /* one worker */
#define INSIDE_MASK ((uint64_t)0xFFFFFFFE)
#define NUMBER ((uint64_t)1 << 32)           /* one job */
#define SPINS 1500                           /* some tens of microseconds */
#define MOST_THREADS 4096

typedef struct worker {
    gw__pool *pool;
    size_t index;
    pthread_t thread;
} worker;

struct gw__pool {
    _Alignas(GW__ALIGN) _Atomic uint64_t state;
    _Alignas(GW__ALIGN) atomic_size_t next; /* item */
    _Alignas(GW__ALIGN) size_t n_items;     /* of the open job; written only while nobody is inside */
    gw__work work;
    void *context;
    size_t threads, n_started;
    int spins;
    atomic_bool stop;
    atomic_size_t sleepers;      /* changed under the lock */
    atomic_bool caller_sleeps;   /* changed under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    worker *workers;             /* [threads-1] */
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_items(gw__pool *pool, size_t index) {
    size_t n = pool->n_items;
    gw__work work = pool->work;
    void *context = pool->context;
    for (size_t item; (item = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < n;) work(context, item, index);
}

/* ---- workers ---- */

static bool is_new(uint64_t state, uint32_t seen) {
    return (state & OPEN) != 0 && (uint32_t)(state >> 32) != seen;
}

static void leave(gw__pool *pool) {
    uint64_t before = atomic_fetch_sub(&pool->state, INSIDE);
    if ((before & INSIDE_MASK) == INSIDE && atomic_load(&pool->caller_sleeps)) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void sleep_until_new(gw__pool *pool, uint32_t seen) {
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!atomic_load(&pool->stop) && !is_new(atomic_load(&pool->state), seen)) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->lock);
}

static void *run_worker(void *argument) {
    worker *self = argument;
    gw__pool *pool = self->pool;
    uint32_t seen = 0;
    for (int spins = 0; !atomic_load(&pool->stop);) {
        uint64_t state = atomic_load(&pool->state);
        if (!is_new(state, seen)) {
            if (spins++ < pool->spins) {
                relax();
            } else {
                sleep_until_new(pool, seen);
                spins = 0;
            }
        } else if (atomic_compare_exchange_weak(&pool->state, &state, state + INSIDE)) {
            take_items(pool, self->index);
            seen = (uint32_t)(state >> 32);
            leave(pool);
            spins = 0;
        }
    }
    return NULL;
}

/* ---- the caller ---- */

size_t gw__pool_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (size_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set can hold */
    return n < 1 ? 1 : n < MOST_THREADS ? (size_t)n : MOST_THREADS;
}

static gw_status start_workers(gw__pool *pool, gw_error *err) {
    for (size_t i = 0; i + 1 < pool->threads; i++) {
        worker *w = &pool->workers[i];
        *w = (worker){.pool = pool, .index = i + 1};
        if (pthread_create(&w->thread, NULL, run_worker, w) != 0) {
            return gw__fail(err, GW_E_LIMIT, "cannot start thread %zu of %zu; hint: ask for fewer threads", i + 2, pool->threads);
        }
        pool->n_started++;
    }
    return GW_OK;
}

gw_status gw__pool_new(size_t threads, gw__pool **ret_pool, gw_error *err) {
    size_t available = gw__pool_processors();
    if (threads == 0) threads = available;
    if (threads > MOST_THREADS) {
        return gw__fail(err, GW_E_ARGUMENT, "expected at most %d threads but found %zu", MOST_THREADS, threads);
    }
    gw__pool *pool = gw__aligned_alloc(1, sizeof *pool);
    worker *workers = gw__aligned_alloc(threads, sizeof *workers);
    if (pool == NULL || workers == NULL) {
        gw__aligned_free(workers);
        gw__aligned_free(pool);
        return gw__fail_nomem(err);
    }
    atomic_init(&pool->state, 0);
    pool->threads = threads;
    pool->workers = workers;
    pool->spins = threads <= available ? SPINS : 0; /* who spins on a processor that another thread needs does harm */
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    gw_status status = start_workers(pool, err);
    if (status != GW_OK) {
        gw__pool_free(pool);
        return status;
    }
    *ret_pool = pool;
    return GW_OK;
}

void gw__pool_free(gw__pool *pool) {
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->n_started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    gw__aligned_free(pool->workers);
    gw__aligned_free(pool);
}

size_t gw__pool_threads(const gw__pool *pool) {
    return pool->threads;
}

static void wake_workers(gw__pool *pool, size_t wanted) {
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->lock);
    if (wanted >= atomic_load(&pool->sleepers)) {
        pthread_cond_broadcast(&pool->wake);
    } else {
        for (; wanted > 0; wanted--) pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->lock);
}

static bool is_empty(gw__pool *pool) {
    return (atomic_load(&pool->state) & INSIDE_MASK) == 0;
}

static void wait_until_empty(gw__pool *pool) {
    for (int spins = 0; spins < pool->spins; spins++) {
        if (is_empty(pool)) return;
        relax();
    }
    if (is_empty(pool)) return;
    pthread_mutex_lock(&pool->lock);
    atomic_exchange(&pool->caller_sleeps, true);
    while (!is_empty(pool)) pthread_cond_wait(&pool->done, &pool->lock);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->lock);
}

void gw__pool_run(gw__pool *pool, size_t n_items, gw__work work, void *context) {
    if (pool == NULL || pool->threads == 1 || n_items <= 1) {
        for (size_t item = 0; item < n_items; item++) work(context, item, 0);
        return;
    }
    pool->n_items = n_items;
    pool->work = work;
    pool->context = context;
    atomic_store(&pool->next, 0);
    uint64_t number = (atomic_load(&pool->state) & ~(NUMBER - 1)) + NUMBER; /* nobody is inside and it is closed: nothing is lost */
    atomic_exchange(&pool->state, number | OPEN);
    wake_workers(pool, n_items - 1);
    take_items(pool, 0);
    atomic_fetch_and(&pool->state, ~OPEN);
    wait_until_empty(pool);
}

gw_status gw__job_finish(const gw__job *job, gw_error *err) {
    return job != NULL && job->finish != NULL ? job->finish(job->context, err) : GW_OK;
}

gw_status gw__job_run(gw__pool *pool, const gw__job *job, gw_error *err) {
    if (job != NULL) gw__pool_run(pool, job->n_items, job->work, job->context);
    return gw__job_finish(job, err);
}
