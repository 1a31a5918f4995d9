/* What a comparison leaves: JSON with everything, a table of scores and a table of runs as CSV, and the page to look at. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/number.h"
#include "lab/compare.h"
#include "model/source.h"

#define COMPARISON_FORMAT 1

static const char json_name[] = "compare.json", scores_name[] = "compare.csv", runs_name[] = "runs.csv", page_name[] = "report.html";

/* ---- JSON ------------------------------------------------------------------------------------------------------------------------ */

/* The writer's integers are signed: the last digit of what is larger goes behind. */
static void put_int(gw__json_writer *w, const char *key, uint64_t value) {
    gw__json_key(w, key);
    gw__json_int(w, (int64_t)(value <= INT64_MAX ? value : value / 10));
    if (value > INT64_MAX) gw__text_putc(w->out, (char)('0' + value % 10));
}

/* Of a network, which nobody has seen before a run began. */
static void put_size(gw__json_writer *w, bool known, const char *key, uint64_t value) {
    if (known) {
        put_int(w, key, value);
    } else {
        gw__json_key(w, key);
        gw__json_null(w);
    }
}

static void put_number(gw__json_writer *w, const char *key, double value) {
    gw__json_key(w, key);
    gw__json_double(w, value);
}

static void put_text(gw__json_writer *w, const char *key, const char *value) {
    gw__json_key(w, key);
    if (value) gw__json_string(w, value);
    else gw__json_null(w);
}

static void put_texts(gw__json_writer *w, const char *key, const char *const *texts, size_t n) {
    gw__json_key(w, key);
    gw__json_begin_list(w);
    for (size_t i = 0; i < n; i++) gw__json_string(w, texts[i]);
    gw__json_end_list(w);
}

/* `write` for each score of a task, task by task. */
typedef void (*score_writer)(gw__json_writer *w, const void *of, size_t score);

static void put_scores(const gw__comparison *c, gw__json_writer *w, const char *key, score_writer write, const void *of) {
    size_t s = 0;
    gw__json_key(w, key);
    gw__json_begin_object(w);
    while (s < c->n_scores) {
        const size_t task = c->scores[s].task_at;
        gw__json_key(w, c->scores[s].task);
        gw__json_begin_object(w);
        for (; s < c->n_scores && c->scores[s].task_at == task; s++) {
            gw__json_key(w, c->scores[s].metric);
            write(w, of, s);
        }
        gw__json_end_object(w);
    }
    gw__json_end_object(w);
}

static void write_score(gw__json_writer *w, const void *of, size_t score) { gw__json_double(w, ((const gw__compared_run *)of)->scores[score]); }

static void put_summary(gw__json_writer *w, const gw__summary *s) {
    gw__json_begin_object(w);
    put_int(w, "runs", s->n);
    put_number(w, "mean", s->mean);
    put_number(w, "low", s->low);
    put_number(w, "high", s->high);
    put_number(w, "sd", s->deviation);
    put_number(w, "best", s->best);
    put_number(w, "gain", s->gain);
    put_number(w, "gain_low", s->gain_low);
    put_number(w, "gain_high", s->gain_high);
    gw__json_end_object(w);
}

static void write_summary(gw__json_writer *w, const void *of, size_t score) { put_summary(w, &((const gw__contender *)of)->summaries[score]); }

static void write_better(gw__json_writer *w, const void *of, size_t score) { gw__json_int(w, ((const gw__comparison *)of)->scores[score].better); }

static void write_mains(const gw__comparison *c, gw__json_writer *w) {
    gw__json_key(w, "main");
    gw__json_begin_object(w);
    for (size_t t = 0; t < c->spec->n_tasks; t++) put_text(w, c->spec->tasks[t].name, c->scores[c->mains[t]].metric);
    gw__json_end_object(w);
}

static const char *word_of(gw_status status) { return status == GW_OK ? "done" : status == GW_E_CANCELED ? "canceled" : "failed"; }

static void write_run(const gw__comparison *c, const gw__compared_run *run, gw__json_writer *w) {
    gw__json_begin_object(w);
    put_int(w, "seed", run->seed);
    put_text(w, "outcome", word_of(run->status));
    put_text(w, "problem", run->problem);
    put_int(w, "epochs", (uint64_t)run->epochs_told);
    put_int(w, "kept_epoch", (uint64_t)run->kept_epoch);
    put_number(w, "seconds", run->seconds);
    if (run->scores) put_scores(c, w, "tasks", write_score, run);
    gw__json_key(w, "curve");
    gw__json_begin_list(w);
    gw__text_add(w->out, run->curve.at ? run->curve.at : "", run->curve.n);
    gw__json_end_list(w);
    gw__json_end_object(w);
}

static void write_bad(const gw__comparison *c, const gw__contender *contender, gw__json_writer *w) {
    gw__json_key(w, "bad");
    gw__json_begin_object(w);
    for (size_t t = 0; t < c->spec->n_tasks; t++) {
        gw__json_key(w, c->spec->tasks[t].name);
        if (contender->n_bad[t] == SIZE_MAX) gw__json_null(w);
        else gw__json_int(w, (int64_t)contender->n_bad[t]);
    }
    gw__json_end_object(w);
}

static void write_contender(const gw__comparison *c, const gw__contender *contender, gw__json_writer *w) {
    gw__json_begin_object(w);
    put_text(w, "label", contender->label);
    put_text(w, "architecture", contender->architecture);
    put_texts(w, "overrides", contender->overrides.at, contender->overrides.n);
    put_size(w, contender->multiply_adds > 0, "parameters", contender->dense_parameters + contender->table_parameters);
    put_size(w, contender->dense_parameters > 0, "dense_parameters", contender->dense_parameters);
    if (c->match) put_number(w, "gap", gw__contender_gap(c, contender));
    put_size(w, contender->multiply_adds > 0, "multiply_adds", contender->multiply_adds);
    put_int(w, "done", contender->n_done);
    put_int(w, "failed", contender->n_failed);
    put_int(w, "canceled", contender->n_canceled);
    put_number(w, "seconds_per_epoch", contender->seconds_per_epoch);
    put_scores(c, w, "tasks", write_summary, contender);
    gw__json_key(w, "overall");
    if (contender->overall.n) put_summary(w, &contender->overall);
    else gw__json_null(w);
    write_bad(c, contender, w);
    gw__json_key(w, "warnings");
    gw__json_begin_object(w);
    for (size_t k = 0; k < c->n_kinds; k++)
        if (contender->n_warned[k]) put_int(w, c->kinds[k], contender->n_warned[k]);
    gw__json_end_object(w);
    gw__json_key(w, "runs");
    gw__json_begin_list(w);
    for (size_t i = 0; i < c->n_runs; i++) write_run(c, &contender->runs[i], w);
    gw__json_end_list(w);
    gw__json_end_object(w);
}

gw_status gw__compare_write_json(const gw__comparison *c, gw__text *out, gw_error *err) {
    gw__json_writer w = {.out = out};
    gw__json_begin_object(&w);
    put_int(&w, "format", COMPARISON_FORMAT);
    put_text(&w, "part", c->part);
    put_int(&w, "rows", (uint64_t)c->rows);
    put_int(&w, "train_rows", (uint64_t)c->train_rows);
    put_texts(&w, "overrides", c->base.overrides, c->n_shared_sets);
    put_int(&w, "first_seed", c->first_seed);
    put_int(&w, "data_seed", c->spec->train.data_seed);
    put_int(&w, "runs", c->n_runs);
    put_text(&w, "baseline", c->baseline == GW__NO_BASELINE ? NULL : c->contenders[c->baseline].label);
    if (c->match) put_int(&w, "match_parameters", c->match);
    write_mains(c, &w);
    put_scores(c, &w, "better", write_better, c);
    gw__json_key(&w, "architectures");
    gw__json_begin_list(&w);
    for (size_t i = 0; i < c->n_contenders; i++) write_contender(c, &c->contenders[i], &w);
    gw__json_end_list(&w);
    gw__json_end_object(&w);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

/* ---- CSV ------------------------------------------------------------------------------------------------------------------------- */

static void cell(gw__text *out, const char *text) {
    gw__text_csv(out, gw__slice_of(text ? text : ""));
    gw__text_putc(out, ',');
}

static void cell_count(gw__text *out, uint64_t value) { gw__text_addf(out, "%llu,", (unsigned long long)value); }

/* What does not exist is empty: */
static void cell_size(gw__text *out, bool known, uint64_t value) {
    if (known) cell_count(out, value);
    else cell(out, NULL);
}

static void cell_number(gw__text *out, double value) {
    char text[32] = "";
    if (isfinite(value)) gw__format_double(value, text);
    cell(out, text);
}

static void end_line(gw__text *out) {
    if (out->n) out->at[out->n - 1] = '\n'; /* in place of the last comma */
}

static void write_score_line(const gw__comparison *c, const gw__contender *contender, size_t score, gw__text *out) {
    const gw__summary *s = &contender->summaries[score];
    const int better = c->scores[score].better;
    cell(out, contender->label);
    cell(out, contender->architecture);
    cell(out, c->scores[score].task);
    cell(out, c->scores[score].metric);
    cell(out, better > 0 ? "higher" : better < 0 ? "lower" : "");
    cell_count(out, s->n);
    const double numbers[] = {s->mean, s->low, s->high, s->deviation, s->best, s->gain, s->gain_low, s->gain_high};
    for (size_t i = 0; i < GW__COUNT(numbers); i++) cell_number(out, numbers[i]);
    cell_count(out, contender->n_failed);
    cell_size(out, contender->multiply_adds > 0, contender->dense_parameters + contender->table_parameters);
    cell_size(out, contender->dense_parameters > 0, contender->dense_parameters);
    cell_size(out, contender->multiply_adds > 0, contender->multiply_adds);
    cell_number(out, contender->seconds_per_epoch);
    end_line(out);
}

static void write_score_lines(const gw__comparison *c, gw__text *out) {
    gw__text_puts(out, "label,architecture,task,metric,better,runs,mean,low,high,sd,best,gain,gain_low,gain_high,failed,parameters,dense_parameters,"
                       "multiply_adds,seconds_per_epoch\n");
    for (size_t i = 0; i < c->n_contenders; i++)
        for (size_t s = 0; s < c->n_scores; s++) write_score_line(c, &c->contenders[i], s, out);
}

static void write_run_line(const gw__comparison *c, const gw__contender *contender, const gw__compared_run *run, gw__text *out) {
    cell(out, contender->label);
    cell(out, contender->architecture);
    cell_count(out, run->seed);
    cell(out, word_of(run->status));
    cell_count(out, (uint64_t)run->epochs_told);
    cell_count(out, (uint64_t)run->kept_epoch);
    cell_number(out, run->seconds);
    for (size_t s = 0; s < c->n_scores; s++) cell_number(out, run->scores ? run->scores[s] : NAN);
    cell(out, run->problem);
    end_line(out);
}

static void write_run_lines(const gw__comparison *c, gw__text *out) {
    gw__text_puts(out, "label,architecture,seed,outcome,epochs,kept_epoch,seconds,");
    for (size_t s = 0; s < c->n_scores; s++) {
        gw__text name = {0};
        gw__text_addf(&name, "%s.%s", c->scores[s].task, c->scores[s].metric);
        out->failed |= name.failed;
        cell(out, name.at);
        gw__text_clear(&name);
    }
    gw__text_puts(out, "problem\n");
    for (size_t i = 0; i < c->n_contenders; i++)
        for (size_t k = 0; k < c->n_runs; k++) write_run_line(c, &c->contenders[i], &c->contenders[i].runs[k], out);
}

/* ---- files ----------------------------------------------------------------------------------------------------------------------- */

static gw_status join(const char *directory, const char *name, gw__text *ret, gw_error *err) {
    const size_t n = strlen(directory);
    gw__text_addf(ret, "%s%s%s", directory, n > 0 && directory[n - 1] == '/' ? "" : "/", name);
    return ret->failed ? gw__fail_nomem(err) : GW_OK;
}

/* Where a directory is to be made: in that which its path names, or the current one. */
static gw_status check_parent(const char *directory, gw_error *err) {
    char parent[4096];
    size_t n = strlen(directory);
    struct stat found;
    if (n >= sizeof parent) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "the path is too long");
    memcpy(parent, directory, n + 1);
    while (n > 1 && parent[n - 1] == '/') parent[--n] = '\0';
    char *slash = strrchr(parent, '/');
    if (!slash) memcpy(parent, ".", 2);
    else slash[slash == parent] = '\0';
    if (stat(parent, &found) != 0)
        return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot make it in '%s': %s; hint: mkdir -p '%s'", parent, strerror(errno), parent);
    if (!S_ISDIR(found.st_mode)) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot make it: '%s' is not a directory", parent);
    if (access(parent, W_OK | X_OK) != 0) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot make it in '%s': %s", parent, strerror(errno));
    return GW_OK;
}

static gw_status check_file(const gw__comparison *c, const char *directory, const char *name, gw_error *err) {
    gw__text path = {0};
    struct stat found;
    gw_train_options options = c->base;
    gw_status status = join(directory, name, &path, err);
    options.model_path = path.at;
    if (status == GW_OK) status = gw__source_check_outputs(&options, c->spec, err);
    if (status == GW_OK && stat(path.at, &found) == 0 && S_ISDIR(found.st_mode))
        status = gw__fail_at(err, GW_E_IO, path.at, 0, 0, "cannot write: a folder has this name");
    gw__text_clear(&path);
    return status;
}

static gw_status check_page(const gw__comparison *c, const char *directory, const char *name, gw_error *err) {
    gw__text path = {0};
    struct stat found;
    gw_status status = check_file(c, directory, name, err);
    if (status == GW_OK) status = join(directory, name, &path, err);
    if (status == GW_OK && stat(path.at, &found) == 0) status = gw__compare_check_page(path.at, err);
    gw__text_clear(&path);
    return status;
}

gw_status gw__compare_check_output(const gw__comparison *c, const char *directory, gw_error *err) {
    static const char *const names[] = {json_name, scores_name, runs_name, page_name};
    struct stat found;
    gw_status status = GW_OK;
    if (!*directory) return gw__fail(err, GW_E_ARGUMENT, "the output's name is empty; hint: '.' is the current folder");
    if (stat(directory, &found) != 0) {
        status = check_parent(directory, err);
        if (status != GW_OK) return status;
        /* Tried, as not everything that says it may be written to can hold a folder. */
        if (mkdir(directory, 0777) != 0) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot make it: %s", strerror(errno));
        rmdir(directory);
        return GW_OK;
    }
    if (!S_ISDIR(found.st_mode)) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "expected a folder to write to but found a file");
    if (access(directory, W_OK | X_OK) != 0) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot write: %s", strerror(errno));
    for (size_t i = 0; i < GW__COUNT(names) && status == GW_OK; i++) status = check_file(c, directory, names[i], err);
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) status = check_page(c, directory, c->contenders[i].page_name, err);
    return status;
}

/* A file in the making: it appears when all are complete. */
typedef struct output {
    const char *name;
    const gw__text *text;
    gw__writer writer;
} output;

static gw_status prepare(output *o, const char *directory, gw_error *err) {
    gw__text path = {0};
    gw_status status = o->text->failed ? gw__fail_nomem(err) : join(directory, o->name, &path, err);
    if (status == GW_OK) status = gw__writer_open(&o->writer, path.at, err);
    if (status == GW_OK) status = gw__writer_put(&o->writer, o->text->at, o->text->n, err);
    if (status == GW_OK && o->text->at[o->text->n - 1] != '\n') status = gw__writer_put(&o->writer, "\n", 1, err);
    gw__text_clear(&path);
    return status;
}

/* The pages of single runs, as far as there are any. Returns how many. */
static size_t add_pages(const gw__comparison *c, output *outputs) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_contenders; i++)
        if (c->contenders[i].page.page.n > 0) outputs[n++] = (output){c->contenders[i].page_name, &c->contenders[i].page.page, {0}};
    return n;
}

gw_status gw__compare_write(gw__comparison *c, const gw__text *json, const char *directory, gw_error *err) {
    gw__text scores = {0}, runs = {0}, page = {0};
    const output fixed[] = {{json_name, json, {0}}, {scores_name, &scores, {0}}, {runs_name, &runs, {0}}, {page_name, &page, {0}}};
    output *outputs = gw__arena_alloc(&c->arena, GW__COUNT(fixed) + c->n_contenders, sizeof *outputs);
    size_t n = 0;
    gw_status status = GW_OK;
    if (!outputs) return gw__fail_nomem(err);
    const bool made = mkdir(directory, 0777) == 0;
    if (!made && errno != EEXIST) return gw__fail_at(err, GW_E_IO, directory, 0, 0, "cannot make it: %s", strerror(errno));
    write_score_lines(c, &scores);
    write_run_lines(c, &runs);
    GW__TRY(gw__compare_report(c, &page, err));
    n = add_pages(c, outputs);
    for (size_t i = 0; i < GW__COUNT(fixed); i++) outputs[n++] = fixed[i];
    for (size_t i = 0; i < n; i++) GW__TRY(prepare(&outputs[i], directory, err));
    for (size_t i = 0; i < n; i++) GW__TRY(gw__writer_commit(&outputs[i].writer, err));
    gw__compare_sweep_pages(c, directory);
cleanup:
    for (size_t i = 0; i < n; i++) gw__writer_cancel(&outputs[i].writer);
    if (status != GW_OK && made) rmdir(directory); /* unless something is in it */
    gw__text_clear(&scores);
    gw__text_clear(&runs);
    gw__text_clear(&page);
    return status;
}
