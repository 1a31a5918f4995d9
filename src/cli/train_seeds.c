#include "cli/train_seeds.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "cli/message.h"
#include "cli/results.h"

#define MOST_SEEDS 10000
#define MARK "{seed}"

/* One run: its seed, and what is made of it. */
typedef struct seed_run {
    uint64_t seed;
    char set[40];            /* train.seed=7 */
    const char *overrides[1];
    char *path;
} seed_run;

typedef struct seed_runs {
    seed_run *at;
    size_t n, capacity;
    gw_run_options *options; /* [n] */
    gw_run_result *results;  /* [n] */
    cli_progress progress;
    bool read;               /* somebody told what was read: */
    size_t reader;           /* the run whose notes on it are shown */
} seed_runs;

/* ---- the seeds ------------------------------------------------------------------------------------------------------------------- */

static bool parse_seed(gw__slice text, uint64_t *ret) {
    int64_t value;
    if (!gw__parse_int64(text, &value) || value < 0) return false;
    *ret = (uint64_t)value;
    return true;
}

/* "7", or "1-10" with both its ends. */
static bool parse_range(const char *item, uint64_t *ret_first, uint64_t *ret_last) {
    const char *dash = strchr(item, '-');
    gw__slice first = dash ? (gw__slice){item, (size_t)(dash - item)} : gw__slice_of(item);
    if (!parse_seed(gw__slice_trim(first), ret_first)) return false;
    *ret_last = *ret_first;
    return !dash || (parse_seed(gw__slice_trim(gw__slice_of(dash + 1)), ret_last) && *ret_first <= *ret_last);
}

static bool has_seed(const seed_runs *runs, uint64_t seed) {
    for (size_t i = 0; i < runs->n; i++)
        if (runs->at[i].seed == seed) return true;
    return false;
}

static gw_status add_seeds(seed_runs *runs, const char *item, gw_error *err) {
    uint64_t first, last;
    if (!parse_range(item, &first, &last))
        return gw__fail(err, GW_E_ARGUMENT, "option '--seeds': expected seeds such as 7 or 1-10 but found '%.80s'", item);
    if (last - first >= MOST_SEEDS - runs->n) return gw__fail(err, GW_E_ARGUMENT, "option '--seeds': more than %d seeds", MOST_SEEDS);
    for (uint64_t seed = first; seed <= last; seed++) {
        if (has_seed(runs, seed)) return gw__fail(err, GW_E_ARGUMENT, "option '--seeds': seed %" PRIu64 " stands there twice", seed);
        gw_status status = gw__grow((void **)&runs->at, &runs->capacity, runs->n + 1, sizeof *runs->at, err);
        if (status != GW_OK) return status;
        runs->at[runs->n++] = (seed_run){.seed = seed};
    }
    return GW_OK;
}

/* The models' name with a seed wherever {seed} stands. */
static char *path_of(const char *output, uint64_t seed) {
    gw__text path = {0};
    for (const char *mark; (mark = strstr(output, MARK)) != NULL; output = mark + strlen(MARK)) {
        gw__text_add(&path, output, (size_t)(mark - output));
        gw__text_addf(&path, "%" PRIu64, seed);
    }
    gw__text_puts(&path, output);
    if (path.failed) gw__text_clear(&path);
    return path.at;
}

static gw_status prepare(seed_runs *runs, const cli_texts *seeds, const char *output, const char *spec, gw_error *err) {
    gw_status status = GW_OK;
    const char *inputs[] = {spec};
    if (!strstr(output, MARK))
        return gw__fail(err, GW_E_ARGUMENT, "option '--output': expected a name with " MARK " in it but found '%.200s'; hint: such as model-" MARK ".gw", output);
    for (size_t i = 0; i < seeds->n; i++) GW__TRY(add_seeds(runs, seeds->at[i], err));
    runs->options = calloc(runs->n, sizeof *runs->options);
    runs->results = calloc(runs->n, sizeof *runs->results);
    if (!runs->options || !runs->results) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < runs->n; i++) {
        seed_run *run = &runs->at[i];
        snprintf(run->set, sizeof run->set, "train.seed=%" PRIu64, run->seed);
        run->overrides[0] = run->set;
        run->path = path_of(output, run->seed);
        if (!run->path) GW__FAIL(gw__fail_nomem(err));
        GW__TRY(cli_check_output(run->path, inputs, GW__COUNT(inputs), err));
        runs->options[i] = (gw_run_options){.overrides = run->overrides, .n_overrides = 1, .model_path = run->path};
    }
cleanup:
    return status;
}

static void clear(seed_runs *runs) {
    if (runs->results) gw_run_results_clear(runs->results, runs->n);
    for (size_t i = 0; i < runs->n; i++) free(runs->at[i].path);
    free(runs->results);
    free(runs->options);
    free(runs->at);
}

/* ---- while they run -------------------------------------------------------------------------------------------------------------- */

/* What was read is told once, as it is the same or nearly so for all; what concerns one run has its seed in front. */
static void listen(void *context, const gw_event *event) {
    seed_runs *runs = context;
    cli_progress *progress = &runs->progress;
    const uint64_t seed = runs->at[event->run].seed;
    if (event->kind == GW_EVENT_READ && !runs->read) runs->reader = event->run;
    bool first = event->kind == GW_EVENT_READ ? !runs->read : runs->reader == event->run;
    runs->read |= event->kind == GW_EVENT_READ;
    if (event->kind == GW_EVENT_STEP || event->kind == GW_EVENT_END) return;
    if (!first && (event->kind == GW_EVENT_READ || event->kind == GW_EVENT_NOTE)) return;
    if (!progress->json && event->kind == GW_EVENT_TEST) return; /* the table at the end has it */
    snprintf(progress->label, sizeof progress->label, "seed %" PRIu64 ": ", seed);
    snprintf(progress->json_label, sizeof progress->json_label, "\"run\":%zu,\"seed\":%" PRIu64 ",", event->run + 1, seed);
    cli_progress_listen(progress, event);
}

/* ---- what came of them ----------------------------------------------------------------------------------------------------------- */

typedef struct outcome {
    gw__arena arena;
    const gw__doc **tasks; /* [n] metrics by task, of the test or else of the validation; NULL: none */
    const gw__doc **training; /* [n] */
} outcome;

static gw_status parse_results(const seed_runs *runs, outcome *out, gw_error *err) {
    gw_status status = GW_OK;
    out->tasks = gw__arena_alloc(&out->arena, runs->n, sizeof *out->tasks);
    out->training = gw__arena_alloc(&out->arena, runs->n, sizeof *out->training);
    if (!out->tasks || !out->training) return gw__fail_nomem(err);
    for (size_t i = 0; i < runs->n; i++) {
        const gw_run_result *result = &runs->results[i];
        gw__doc *doc;
        if (!result->training) continue;
        GW__TRY(cli_result(result->training, "training", &out->arena, &doc, err));
        out->training[i] = doc;
        out->tasks[i] = gw__doc_get(gw__doc_get(doc, "valid"), "tasks");
        if (!result->test) continue;
        GW__TRY(cli_result(result->test, "test", &out->arena, &doc, err));
        out->tasks[i] = gw__doc_get(doc, "tasks");
    }
cleanup:
    return status;
}

/* The metric of a run that stands in the column of `task`, a run's that has metrics. */
static const gw__doc *value_of(const gw__doc *tasks, const gw__doc *task) {
    const gw__doc *chief = cli_main_metric(task);
    return chief ? gw__doc_get(gw__doc_get(tasks, task->key.at), chief->key.at) : gw__doc_get(gw__doc_get(tasks, task->key.at), "loss");
}

static void put_number(cli_table *table, double value) {
    char text[32];
    gw__format_double(value, text);
    gw__doc cell = {.kind = GW__DOC_SCALAR, .text = gw__slice_of(text)};
    cli_cell_doc(table, &cell);
}

/* Mean and standard deviation of a column, over the runs that have it. */
static bool moments(const seed_runs *runs, const outcome *out, const gw__doc *task, double *ret_mean, double *ret_deviation) {
    double sum = 0, squares = 0, value;
    size_t n = 0;
    for (size_t i = 0; i < runs->n; i++)
        if (cli_number(value_of(out->tasks[i], task), &value)) sum += value, n++;
    if (n < 2) return false;
    *ret_mean = sum / (double)n;
    for (size_t i = 0; i < runs->n; i++)
        if (cli_number(value_of(out->tasks[i], task), &value)) squares += (value - *ret_mean) * (value - *ret_mean);
    *ret_deviation = sqrt(squares / (double)(n - 1));
    return true;
}

static void put_summary(cli_table *table, const seed_runs *runs, const outcome *out, const gw__doc *first, bool mean) {
    const char *word = mean ? "mean" : "deviation";
    cli_cell(table, word, strlen(word));
    cli_cell(table, "", 0);
    for (const gw__doc *task = first; task; task = task->next) {
        double m, d;
        if (moments(runs, out, task, &m, &d)) put_number(table, mean ? m : d);
        else cli_cell(table, "-", 1);
    }
}

static void put_header(cli_table *table, const gw__doc *first) {
    cli_cell(table, "seed", 4);
    cli_cell(table, "epoch", 5);
    for (const gw__doc *task = first; task; task = task->next) {
        const gw__doc *metric = cli_main_metric(task);
        gw__text name = {0};
        gw__text_addf(&name, "%.*s ", GW__SLICE_ARG(task->key));
        if (metric) gw__text_add(&name, metric->key.at, metric->key.n);
        else gw__text_puts(&name, "loss");
        cli_cell(table, name.at ? name.at : "", name.n);
        gw__text_clear(&name);
    }
}

/* A row per seed, and how they spread. `first` is the first task of a run that has metrics, NULL if none has. */
static void draw_table(const seed_runs *runs, const outcome *out, const gw__doc *first, gw__text *ret) {
    size_t n_tasks = 0;
    for (const gw__doc *task = first; task; task = task->next) n_tasks++;
    char *align = malloc(n_tasks + 3);
    if (!align) return;
    memset(align, 'r', n_tasks + 2);
    align[n_tasks + 2] = '\0';
    cli_table table = {.n_columns = n_tasks + 2, .align = align};
    put_header(&table, first);
    for (size_t i = 0; i < runs->n; i++) {
        char seed[24];
        cli_cell(&table, seed, (size_t)snprintf(seed, sizeof seed, "%" PRIu64, runs->at[i].seed));
        if (out->training[i]) cli_cell_count(&table, cli_count(out->training[i], "kept_epoch"));
        else cli_cell(&table, "-", 1);
        for (const gw__doc *task = first; task; task = task->next) {
            const gw__doc *value = value_of(out->tasks[i], task);
            if (value) cli_cell_doc(&table, value);
            else cli_cell(&table, "-", 1);
        }
    }
    if (first) {
        put_summary(&table, runs, out, first, true);
        put_summary(&table, runs, out, first, false);
    }
    cli_table_print(&table, ret);
    free(align);
}

static void show_results(const seed_runs *runs) {
    gw_error err = {0};
    gw__text text = {0};
    outcome out = {.arena = {0}};
    const gw__doc *tasks = NULL;
    size_t shown = 0; /* a run that has metrics */
    bool trained = false;
    for (size_t i = 0; i < runs->n; i++) trained |= runs->results[i].training != NULL;
    if (trained && parse_results(runs, &out, &err) == GW_OK) {
        while (shown + 1 < runs->n && !out.tasks[shown]) shown++;
        tasks = out.tasks[shown];
        gw__text_puts(&text, runs->results[shown].test ? "test:\n" : tasks ? "valid:\n" : "");
        draw_table(runs, &out, tasks ? tasks->first : NULL, &text);
        cli_screen_write(stdout, &text);
    }
    gw__text_clear(&text);
    gw__arena_clear(&out.arena);
}

/* Each run that failed in a line of its own. */
static void report_failures(seed_runs *runs) {
    for (size_t i = 0; i < runs->n; i++) {
        gw_error err = runs->results[i].error;
        if (runs->results[i].status == GW_OK) continue;
        snprintf(err.message, sizeof err.message, "seed %" PRIu64 ": %.700s", runs->at[i].seed, runs->results[i].error.message);
        cli_report(runs->results[i].status, &err);
    }
}

int cli_train_seeds(const gw_train_options *base, const cli_texts *seeds, const char *output, bool json) {
    seed_runs runs = {0};
    gw_error err = {0};
    gw_train_options options = *base;
    gw_status status = prepare(&runs, seeds, output, base->spec_path, &err);
    if (status != GW_OK) {
        clear(&runs);
        return cli_report(status, &err);
    }
    runs.progress = cli_progress_of(json, false);
    options.model_path = NULL;
    options.listener = listen;
    options.listener_context = &runs;
    status = gw_train_many(&options, runs.options, runs.n, runs.results, &err);
    cli_progress_end(&runs.progress);
    if (!json) show_results(&runs);
    report_failures(&runs);
    clear(&runs);
    return gw_status_exit_code(status);
}
