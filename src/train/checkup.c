#include "train/checkup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"

#define GRADIENT_ROWS 512                    /* of the training part, whose gradients are compared */
#define GRADIENT_FLOATS ((size_t)1 << 26)    /* of all tasks' gradients, at most */
#define ROWS_PER_COST 100                    /* trained rows to one that a measurement costs: about 1 % of the time */

/* ---- begin ------------------------------------------------------------------------------------------------------------------------ */

static size_t task_count(const gw__run *run) { return run->model->spec->n_tasks; }

static bool is_wanted(const gw__run *run) { return run->options->listener && run->options->health != GW_HEALTH_OFF; }

/* Spread evenly, whatever order the table has. */
static gw_status choose_rows(gw__run *run, gw_error *err) {
    gw__checkup *c = &run->checkup;
    const uint64_t n = run->data->dataset.train.n_rows;
    c->n_rows = n < GRADIENT_ROWS ? (size_t)n : GRADIENT_ROWS;
    c->rows = malloc(c->n_rows * sizeof *c->rows);
    if (!c->rows) return gw__fail_nomem(err);
    for (uint64_t i = 0; i < c->n_rows; i++) c->rows[i] = i * n / c->n_rows;
    return GW_OK;
}

static gw_status plan_gradients(gw__run *run, gw_error *err) {
    gw__checkup *c = &run->checkup;
    const size_t n = task_count(run);
    c->gradients = gw__trainer_apart(run->trainer); /* idle at the end of an epoch */
    if (!c->gradients && gw__trainer_gradient_floats(run->trainer) <= GRADIENT_FLOATS / n) {
        gw_status status = gw__task_gradients_new(run->model->net, 0, run->pool, &c->gradients, err);
        if (status != GW_OK) return status;
        c->owns_gradients = true;
    }
    return c->gradients ? choose_rows(run, err) : GW_OK;
}

gw_status gw__checkup_begin(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    gw__checkup *c = &run->checkup;
    const size_t n = task_count(run);
    const gw__dataset *data = &run->data->dataset;
    if (!is_wanted(run)) return GW_OK;
    c->records = data->valid.n_rows > 0 ? &data->valid : &data->train;
    c->cosines = calloc(n * n, sizeof *c->cosines);
    c->norms = calloc(n, sizeof *c->norms);
    c->against = calloc(n, sizeof *c->against);
    c->against_sums = calloc(n, sizeof *c->against_sums);
    c->first_loss = calloc(n, sizeof *c->first_loss);
    if (!c->cosines || !c->norms || !c->against || !c->against_sums || !c->first_loss) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__health_new(run->model->net, run->pool, &c->health, err));
    if (n > 1) GW__TRY(plan_gradients(run, err));
    status = gw__warn_of_twins(&c->warnings, run->model->net, gw__trainer_parameters(run->trainer), true, err);
cleanup:
    return status;
}

void gw__checkup_clear(gw__checkup *c) {
    gw__health_free(c->health);
    if (c->owns_gradients) gw__task_gradients_free(c->gradients);
    free(c->rows);
    free(c->cosines);
    free(c->norms);
    free(c->against);
    free(c->against_sums);
    free(c->first_loss);
    gw__warnings_clear(&c->warnings);
}

/* ---- an epoch --------------------------------------------------------------------------------------------------------------------- */

/* After the first epoch, the last, and whenever training has seen so many rows that what a measurement costs is little beside them. A function of the epoch
 * alone, so that a run tells the same on any machine. */
static bool is_due(const gw__run *run) {
    const gw__checkup *c = &run->checkup;
    const uint64_t epoch = run->at.epoch + 1, n = run->data->dataset.train.n_rows;
    const uint64_t cost = GW__HEALTH_ROWS / 3 + task_count(run) * c->n_rows, period = ROWS_PER_COST * cost;
    if (run->options->health == GW_HEALTH_EVERY || epoch == 1 || epoch == run->model->spec->train.epochs) return true;
    return epoch * n / period > (epoch - 1) * n / period;
}

/* Cosines from the products of the tasks' gradients, each with each and with the sum of the others. */
static void compare_gradients(gw__checkup *c, size_t n, const double *gram) {
    double all = 0;
    for (size_t i = 0; i < n * n; i++) all += gram[i];
    for (size_t a = 0; a < n; a++) {
        double with_all = 0;
        c->norms[a] = sqrt(gram[a * n + a]);
        for (size_t b = 0; b < n; b++) {
            const double both = sqrt(gram[a * n + a]) * sqrt(gram[b * n + b]), value = gram[a * n + b] / both;
            c->cosines[a * n + b] = !(both > 0) ? NAN : a == b || value > 1 ? 1 : value < -1 ? -1 : value;
            with_all += gram[a * n + b];
        }
        const double others = all - 2 * with_all + gram[a * n + a], both = c->norms[a] * sqrt(others > 0 ? others : 0);
        const double value = (with_all - gram[a * n + a]) / both;
        c->against[a] = !(both > 0) ? NAN : value > 1 ? 1 : value < -1 ? -1 : value;
    }
}

static void measure(gw__run *run) {
    gw__checkup *c = &run->checkup;
    gw__health_begin(c->health);
    gw__health_add(c->health, gw__trainer_parameters(run->trainer), c->records);
    gw__health_end(c->health);
    if (!c->gradients) return;
    gw__trainer_sample_gradients(run->trainer, c->rows, c->n_rows, c->gradients);
    compare_gradients(c, task_count(run), gw__task_gradients_gram(c->gradients));
    for (size_t t = 0; t < task_count(run); t++) c->against_sums[t] += isfinite(c->against[t]) ? c->against[t] : 0;
    c->n_looks++;
}

gw_status gw__checkup_epoch(gw__run *run, gw_error *err) {
    gw__checkup *c = &run->checkup;
    if (!c->health) return GW_OK;
    gw__warn_of_losses(run);
    c->measured = is_due(run);
    if (!c->measured) return GW_OK;
    measure(run);
    return gw__warn_of_health(run, err);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------------- */

static void write_doubles(gw__json_writer *json, const char *key, const double *values, size_t n) {
    gw__json_key(json, key);
    gw__json_begin_list(json);
    for (size_t i = 0; i < n; i++) gw__json_double(json, values[i]);
    gw__json_end_list(json);
}

static void write_conflict(const gw__run *run, gw__json_writer *json) {
    const gw__checkup *c = &run->checkup;
    const size_t n = task_count(run);
    gw__json_key(json, "conflict");
    gw__json_begin_object(json);
    gw__json_key(json, "rows");
    gw__json_int(json, (int64_t)c->n_rows);
    gw__json_key(json, "tasks");
    gw__json_begin_list(json);
    for (size_t t = 0; t < n; t++) gw__json_string(json, run->model->spec->tasks[t].name);
    gw__json_end_list(json);
    write_doubles(json, "norms", c->norms, n);
    write_doubles(json, "against_others", c->against, n);
    gw__json_key(json, "cosines");
    gw__json_begin_list(json);
    for (size_t t = 0; t < n; t++) {
        gw__json_begin_list(json);
        for (size_t k = 0; k < n; k++) gw__json_double(json, c->cosines[t * n + k]);
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
    gw__json_end_object(json);
}

void gw__checkup_write(gw__run *run, gw__text *out) {
    gw__checkup *c = &run->checkup;
    gw__json_writer json = {.out = out};
    if (c->measured) {
        gw__text_puts(out, ",\"health\":");
        gw__json_begin_object(&json);
        gw__json_key(&json, "part");
        gw__json_string(&json, c->records == &run->data->dataset.valid ? "valid" : "train");
        gw__health_write(c->health, true, &json);
        if (c->gradients) write_conflict(run, &json);
        gw__json_end_object(&json);
    }
    if (c->warnings.json.n == 0) return;
    gw__text_puts(out, ",\"warnings\":[");
    gw__text_add(out, c->warnings.json.at, c->warnings.json.n);
    gw__text_puts(out, "]");
    gw__text_clear(&c->warnings.json);
}
