/* Each run has a thread of its own as long as there are as many runs as threads, so that nothing is joined within a step; with fewer runs
 * the threads are shared out. Runs are taken group by group, so that few copies of rows are in memory; in a group seed by seed, so that what is
 * interrupted has the first seeds of all; and of a seed the costliest first, so that no long run is left over at the end. None of this shows in
 * a result: a run's bits do not depend on threads. */
#include "train/many.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"

/* Runs that learn from the same rows: read by the first of them that begins, gone with the last. */
typedef struct group {
    pthread_mutex_t lock;
    gw__text key;     /* gw__spec_write_data: equal for all its runs */
    size_t n_runs, n_left;
    bool is_read;
    gw_status status; /* of reading */
    gw_error err;
    gw__intake data;
} group;

typedef struct many many;

typedef struct job {
    many *all;
    size_t index;             /* of its run */
    gw_train_options options; /* the base's, with overrides, path and listener of its own */
    const char **overrides;
    gw__spec *spec;           /* NULL: it is wrong, and the run over */
    size_t group;
    double cost;
} job;

struct many {
    gw_train_options base;
    const gw_run_options *runs;
    const gw__witness *witnesses; /* [n], or NULL */
    size_t n;
    gw_run_result *results;
    char *spec_text;          /* of standard input, which can be read once */
    gw__origin from;
    job *jobs;                /* [n] */
    job **order;              /* [n_ordered] in which they are begun */
    size_t n_ordered;
    group *groups;
    size_t n_groups, groups_capacity;
    size_t threads, n_workers;
    gw__pool **pools;         /* [n_workers] one for each run under way */
    pthread_mutex_t listening;
};

/* ---- plan ------------------------------------------------------------------------------------------------------------------------ */

static void relay(void *context, const gw_event *event) {
    const job *j = context;
    gw_event told = *event;
    told.run = j->index;
    pthread_mutex_lock(&j->all->listening);
    j->all->base.listener(j->all->base.listener_context, &told);
    pthread_mutex_unlock(&j->all->listening);
}

/* Of training, in no unit: enough to tell long runs from short ones on the same rows. */
static double expected_cost(const gw__spec *spec) {
    const gw__model_spec *model = &spec->model;
    double experts = model->experts.count, products = 0;
    for (size_t t = 0; t < spec->n_tasks; t++) experts += model->experts.per_task[t];
    for (uint32_t l = 0; l < model->levels; l++) {
        const gw__widths *hidden = &model->experts.mlp.hidden[l];
        double in = hidden->at[0];
        for (size_t i = 0; i < hidden->n; i++) {
            products += in * hidden->at[i];
            in = hidden->at[i];
        }
    }
    return spec->train.epochs * experts * products;
}

/* Options and spec of a run. What is wrong with the spec ends this run alone. */
static gw_status plan_run(many *m, size_t i, gw_error *err) {
    job *j = &m->jobs[i];
    const gw_run_options *run = &m->runs[i];
    const size_t n = m->base.n_overrides;
    *j = (job){.all = m, .index = i, .options = m->base};
    j->overrides = calloc(n + run->n_overrides + 1, sizeof *j->overrides);
    if (!j->overrides) return gw__fail_nomem(err);
    if (n) memcpy(j->overrides, m->base.overrides, n * sizeof *j->overrides);
    if (run->n_overrides) memcpy(j->overrides + n, run->overrides, run->n_overrides * sizeof *j->overrides);
    j->options.overrides = j->overrides;
    j->options.n_overrides = n + run->n_overrides;
    j->options.model_path = run->model_path;
    if (m->base.listener) {
        j->options.listener = relay;
        j->options.listener_context = j;
    }
    gw_run_result *result = &m->results[i];
    result->status = gw__run_spec(&j->options, &m->from, &j->spec, &result->error);
    if (result->status != GW_OK) return GW_OK;
    j->cost = expected_cost(j->spec);
    m->order[m->n_ordered++] = j;
    return GW_OK;
}

/* The seed of the rows stands first in a key, so that comparing keys that differ in it alone is short. */
static gw_status find_group(many *m, job *j, gw_error *err) {
    gw__text key = {0};
    gw_status status = gw__spec_write_data(j->spec, &key, err);
    if (status != GW_OK) GW__FAIL(status);
    for (j->group = 0; j->group < m->n_groups; j->group++)
        if (strcmp(m->groups[j->group].key.at, key.at) == 0) break;
    if (j->group == m->n_groups) {
        GW__TRY(gw__grow((void **)&m->groups, &m->groups_capacity, m->n_groups + 1, sizeof *m->groups, err));
        m->groups[m->n_groups++] = (group){.key = key};
        key = (gw__text){0};
    }
    m->groups[j->group].n_runs++;
    m->groups[j->group].n_left++;
cleanup:
    gw__text_clear(&key);
    return status;
}

static int by_turn(const void *a, const void *b) {
    const job *x = *(job *const *)a, *y = *(job *const *)b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    const uint64_t seed_x = x->spec->train.seed, seed_y = y->spec->train.seed;
    if (seed_x != seed_y) return seed_x < seed_y ? -1 : 1;
    if (x->cost != y->cost) return x->cost > y->cost ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_path(const void *a, const void *b) { return strcmp((*(job *const *)a)->options.model_path, (*(job *const *)b)->options.model_path); }

/* Two runs that save to one path would leave the model of one of them. */
static gw_status check_paths(const many *m, gw_error *err) {
    size_t n = 0;
    job **saved = calloc(m->n + 1, sizeof *saved);
    if (!saved) return gw__fail_nomem(err);
    for (size_t i = 0; i < m->n; i++)
        if (m->jobs[i].options.model_path) saved[n++] = &m->jobs[i];
    qsort(saved, n, sizeof *saved, by_path);
    gw_status status = GW_OK;
    for (size_t i = 1; i < n && status == GW_OK; i++)
        if (by_path(&saved[i - 1], &saved[i]) == 0)
            status = gw__fail(err, GW_E_ARGUMENT, "'model_path': two runs are to be saved as '%s'", saved[i]->options.model_path);
    free(saved);
    return status;
}

static gw_status plan_runs(many *m, gw_error *err) {
    gw_status status = GW_OK;
    m->jobs = calloc(m->n, sizeof *m->jobs);
    m->order = calloc(m->n, sizeof *m->order);
    if (!m->jobs || !m->order) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__options_keep(&m->base, &m->spec_text, err));
    GW__TRY(gw__origin_read(&m->base, &m->from, err));
    for (size_t i = 0; i < m->n; i++) GW__TRY(plan_run(m, i, err));
    GW__TRY(check_paths(m, err));
    for (size_t i = 0; i < m->n_ordered; i++) GW__TRY(find_group(m, m->order[i], err));
    for (size_t g = 0; g < m->n_groups; g++) gw__text_clear(&m->groups[g].key);
    qsort(m->order, m->n_ordered, sizeof *m->order, by_turn);
cleanup:
    return status;
}

static gw_status plan_threads(many *m, gw_error *err) {
    gw_status status = GW_OK;
    m->threads = m->base.threads ? m->base.threads : gw__pool_processors();
    m->n_workers = m->n_ordered < m->threads ? m->n_ordered : m->threads;
    m->pools = calloc(m->n_workers + 1, sizeof *m->pools);
    if (!m->pools) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < m->n_workers; i++)
        GW__TRY(gw__pool_new(m->threads / m->n_workers + (i < m->threads % m->n_workers), &m->pools[i], err));
cleanup:
    return status;
}

static void clear(many *m) {
    for (size_t i = 0; m->jobs && i < m->n; i++) {
        gw__spec_free(m->jobs[i].spec);
        free(m->jobs[i].overrides);
    }
    for (size_t g = 0; g < m->n_groups; g++) gw__text_clear(&m->groups[g].key);
    for (size_t i = 0; m->pools && i < m->n_workers; i++) gw__pool_free(m->pools[i]);
    gw__origin_clear(&m->from);
    gw__aligned_free(m->spec_text);
    free(m->pools);
    free(m->groups);
    free(m->order);
    free(m->jobs);
}

/* ---- run ------------------------------------------------------------------------------------------------------------------------- */

/* While a group with a run for every worker is read nobody else has much to do, so that the reading may have all threads. */
static void read_group(many *m, job *j, group *g, gw__pool *own) {
    gw__pool *pool = own, *all = NULL;
    if (m->n_workers > 1 && g->n_runs >= m->n_workers && gw__pool_new(m->threads, &all, NULL) == GW_OK) pool = all;
    g->status = gw__intake_read(&j->options, j->spec, &m->from, pool, &g->data, &g->err);
    if (g->status == GW_OK && (g->n_runs > 1 || m->witnesses)) gw__intake_keep_test(&g->data, &j->options, j->spec, pool);
    gw__pool_free(all);
}

static gw_status enter_group(job *j, gw__pool *pool, gw_error *err) {
    group *g = &j->all->groups[j->group];
    pthread_mutex_lock(&g->lock);
    if (!g->is_read) read_group(j->all, j, g, pool);
    g->is_read = true;
    if (g->status != GW_OK) *err = g->err;
    pthread_mutex_unlock(&g->lock);
    return g->status;
}

static void leave_group(job *j) {
    group *g = &j->all->groups[j->group];
    pthread_mutex_lock(&g->lock);
    if (--g->n_left == 0) gw__intake_clear(&g->data);
    pthread_mutex_unlock(&g->lock);
}

/* What is left of a run whose model is there. */
static gw_status fill_result(gw__run *run, const gw_model *model, gw_run_result *result) {
    gw__text training = {0};
    gw__text_add(&training, model->record.at, model->record.n);
    if (training.failed) {
        gw__text_clear(&training);
        return gw__fail_nomem(&result->error);
    }
    result->training = training.at;
    result->test = run->test.at;
    run->test = (gw__text){0};
    return GW_OK;
}

static void measure(const gw__run *run, gw_run_result *result) {
    const gw__net *net = run->model->net;
    result->dense_parameters = gw__net_trained_values(net, false);
    result->table_parameters = gw__net_trained_values(net, true);
    result->multiply_adds = gw__net_multiply_adds(net);
}

static gw_status show(const job *j, const gw__run *run, const gw_model *model, gw_error *err) {
    const gw__witness *witness = j->all->witnesses ? &j->all->witnesses[j->index] : NULL;
    return witness && witness->look ? witness->look(witness->context, run, model, err) : GW_OK;
}

static gw_status train(job *j, gw__pool *pool, gw_run_result *result) {
    many *m = j->all;
    gw_error *err = &result->error;
    gw_model *model = NULL;
    gw__run run = {0};
    if (gw__is_canceled(&m->base)) return gw__fail(err, GW_E_CANCELED, "canceled before it began; there is no model");
    gw_status status = enter_group(j, pool, err);
    if (status != GW_OK) return status;
    j->options.threads = gw__pool_threads(pool);
    status = gw__run_begin(&run, &j->options, j->spec, &m->from, &m->groups[j->group].data, pool, err);
    if (status == GW_OK) measure(&run, result);
    if (status == GW_OK) status = gw__run_train(&run, &model, err);
    if (status == GW_OK) status = show(j, &run, model, err);
    if (model && fill_result(&run, model, result) != GW_OK) status = GW_E_NOMEM;
    gw__run_clear(&run); /* which still looks at the model's network */
    if (result->training && m->runs[j->index].keep_model) result->model = model;
    else gw__model_free(model);
    return status;
}

static void tell_end(job *j, const gw_run_result *result) {
    if (!j->all->base.listener) return;
    relay(j, &(gw_event){.kind = GW_EVENT_END, .text = result->status == GW_OK ? NULL : result->error.message});
}

static void run_job(void *context, size_t item, size_t worker) {
    many *m = context;
    job *j = m->order[item];
    gw_run_result *result = &m->results[j->index];
    result->status = train(j, m->pools[worker], result);
    tell_end(j, result);
    leave_group(j);
    gw__spec_free(j->spec);
    j->spec = NULL;
}

static gw_status run_all(many *m, gw_error *err) {
    gw__pool *workers = NULL;
    if (!m->n_ordered) return GW_OK;
    gw_status status = gw__pool_new(m->n_workers, &workers, err);
    if (status != GW_OK) return status;
    pthread_mutex_init(&m->listening, NULL);
    for (size_t g = 0; g < m->n_groups; g++) pthread_mutex_init(&m->groups[g].lock, NULL);
    gw__pool_run(workers, m->n_ordered, run_job, m);
    for (size_t g = 0; g < m->n_groups; g++) pthread_mutex_destroy(&m->groups[g].lock);
    pthread_mutex_destroy(&m->listening);
    gw__pool_free(workers);
    return GW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------- */

/* No run was begun: what stands for the call stands for each. */
static void blame_all(many *m, gw_status status, const gw_error *err) {
    for (size_t i = 0; i < m->n; i++) {
        if (m->results[i].status != GW_OK) continue;
        m->results[i].status = status;
        if (err) m->results[i].error = *err;
    }
}

/* Canceled if any run was, else the first that failed. */
static gw_status judge(const many *m, gw_error *err) {
    const gw_run_result *worst = NULL;
    for (size_t i = 0; i < m->n; i++) {
        const gw_run_result *result = &m->results[i];
        if (result->status != GW_OK && (!worst || (result->status == GW_E_CANCELED && worst->status != GW_E_CANCELED))) worst = result;
    }
    if (!worst) return GW_OK;
    if (!err) return worst->status;
    *err = worst->error;
    if (m->n > 1)
        snprintf(err->message, sizeof err->message, "run %zu of %zu: %.700s", (size_t)(worst - m->results) + 1, m->n, worst->error.message);
    return worst->status;
}

gw_status gw__train_many(const gw_train_options *base, const gw_run_options *runs, size_t n_runs, const gw__witness *witnesses, gw_run_result *ret_results,
                         gw_error *err) {
    many m = {.base = *base, .runs = runs, .witnesses = witnesses, .n = n_runs, .results = ret_results};
    gw_status status = plan_runs(&m, err);
    if (status == GW_OK) status = plan_threads(&m, err);
    if (status == GW_OK) status = run_all(&m, err);
    if (status == GW_OK) status = judge(&m, err);
    else blame_all(&m, status, err);
    clear(&m);
    return status;
}

void gw__run_results_clear(gw_run_result *results, size_t n_runs) {
    for (size_t i = 0; i < n_runs; i++) {
        gw__model_free(results[i].model);
        gw__text_clear(&(gw__text){.at = results[i].training});
        gw__text_clear(&(gw__text){.at = results[i].test});
        results[i] = (gw_run_result){0};
    }
}
