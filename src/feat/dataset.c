/* Whole tables: the training files (staged, fitted, filled; or encoded at once when the features are given), then the validation files. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "feat/collector.h"
#include "feat/encoder.h"
#include "feat/load.h"

typedef struct reading {
    const gw__spec *spec;
    bool skip;
    gw__pool *pool;
    gw__features *features;  /* being made, or NULL */
    gw__columns columns;     /* of the training table */
    gw__arena arena;
    gw__splitter splitter;
    uint8_t *parts;          /* of a batch */
    size_t parts_capacity;
    gw__staged staged;
    gw__lanes lanes;
    gw__dataset *dataset;    /* being made */
} reading;

/* ---- tables ---- */

static gw_status open_table(const reading *r, gw__texts paths, gw__table **ret_table, gw_error *err) {
    const gw__data_spec *data = &r->spec->data;
    gw__table_options options = {.separator = data->separator, .header_in_file = data->header_in_file, .names = data->names.at,
                                 .n_names = data->names.n, .skip_bad_rows = r->skip, .pool = r->pool};
    return gw__table_open_csv(paths.at, paths.n, &options, ret_table, err);
}

static gw_status column_names(gw__arena *arena, const gw__table *table, gw__texts *ret_names, gw_error *err) {
    size_t n = gw__table_column_count(table);
    const char **names = gw__arena_alloc(arena, n ? n : 1, sizeof *names);
    if (!names) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        const char *name = gw__table_column_name(table, i);
        names[i] = gw__arena_text(arena, name, strlen(name));
        if (!names[i]) return gw__fail_nomem(err);
    }
    *ret_names = (gw__texts){names, n};
    return GW_OK;
}

static void close_table(reading *r, gw__table *table) {
    if (!table) return;
    r->dataset->report.skipped += gw__table_skipped(table);
    r->dataset->report.text_bytes += gw__table_text_bytes(table);
    gw__table_close(table);
}

static void set_place(gw_error *err, const gw__table *table, size_t batch_row, const char *column) {
    const char *file = NULL;
    int64_t line = 0;
    if (!err) return;
    gw__table_locate(table, batch_row, &file, &line);
    snprintf(err->where, sizeof err->where, "%s", file ? file : column);
    err->line = line;
    err->column = 0;
}

static gw_status split_batches(reading *r, const gw__batch *batches, size_t n_batches, uint64_t first_row, gw_error *err) {
    size_t n = 0;
    for (size_t i = 0; i < n_batches; i++) {
        gw_status status = gw__grow((void **)&r->parts, &r->parts_capacity, n + batches[i].n_rows, 1, err);
        if (status != GW_OK) return status;
        gw__splitter_apply(&r->splitter, &batches[i], first_row + n, r->parts + n);
        n += batches[i].n_rows;
    }
    return GW_OK;
}

/* ---- staging ---- */

static size_t column_of(const reading *r, const char *name) { return gw__columns_find(&r->columns, name); }

static gw__lane feature_lane(const reading *r, const gw__feature *feature) {
    const gw__feature_spec *spec = feature->spec;
    gw__lane lane = {.column = column_of(r, feature->name)};
    switch (feature->type) {
    case GW__FEATURE_AUTO:
        lane.kind = GW__LANE_AUTO;
        lane.fail_missing = spec->missing == GW__MISSING_FAIL;
        break;
    case GW__FEATURE_NUMERIC:
        lane.kind = GW__LANE_NUMBER;
        lane.fail_missing = spec->missing == GW__MISSING_FAIL;
        break;
    case GW__FEATURE_CATEGORICAL: lane.kind = GW__LANE_TEXT; break;
    case GW__FEATURE_HASHED:
        lane.kind = GW__LANE_BUCKET;
        lane.buckets = spec->buckets;
        break;
    case GW__FEATURE_BAG:
        lane.kind = spec->buckets ? GW__LANE_BAG_BUCKET : GW__LANE_BAG;
        lane.buckets = spec->buckets;
        lane.separator = spec->separator;
        break;
    }
    return lane;
}

static gw_status plan_task_lanes(reading *r, size_t t, gw_error *err) {
    gw_status status;
    const gw__task *task = &r->features->tasks[t];
    gw__lane_kind kind = task->by_text ? GW__LANE_TEXT : GW__LANE_NUMBER;
    r->lanes.given[t] = r->lanes.row_weight[t] = GW__NO_LANE;
    GW__TRY(gw__staged_lane(&r->staged, (gw__lane){.column = column_of(r, task->spec->label), .kind = kind}, &r->lanes.label[t], err));
    if (task->given_column) {
        gw__lane lane = {.column = column_of(r, task->given_column), .kind = GW__LANE_NUMBER};
        GW__TRY(gw__staged_lane(&r->staged, lane, &r->lanes.given[t], err));
    }
    if (task->spec->row_weight) {
        gw__lane lane = {.column = column_of(r, task->spec->row_weight), .kind = GW__LANE_NUMBER, .fail_missing = true};
        GW__TRY(gw__staged_lane(&r->staged, lane, &r->lanes.row_weight[t], err));
    }
cleanup:
    return status;
}

static gw_status plan_lanes(reading *r, gw_error *err) {
    gw_status status = GW_OK;
    const gw__features *features = r->features;
    size_t **lists[] = {&r->lanes.feature, &r->lanes.label, &r->lanes.given, &r->lanes.row_weight, &r->lanes.group};
    size_t lengths[] = {features->n, features->n_tasks, features->n_tasks, features->n_tasks, features->n_groups};
    for (size_t i = 0; i < GW__COUNT(lists); i++) {
        *lists[i] = gw__arena_alloc(&r->arena, lengths[i] ? lengths[i] : 1, sizeof **lists[i]);
        if (!*lists[i]) GW__FAIL(gw__fail_nomem(err));
    }
    r->staged.missing = &features->missing;
    for (size_t i = 0; i < features->n; i++)
        GW__TRY(gw__staged_lane(&r->staged, feature_lane(r, &features->at[i]), &r->lanes.feature[i], err));
    for (size_t t = 0; t < features->n_tasks; t++) GW__TRY(plan_task_lanes(r, t, err));
    for (size_t g = 0; g < features->n_groups; g++) {
        gw__lane lane = {.column = column_of(r, features->groups[g]), .kind = GW__LANE_HASH};
        GW__TRY(gw__staged_lane(&r->staged, lane, &r->lanes.group[g], err));
    }
cleanup:
    return status;
}

static gw__bad_cell bad_cell_of(const reading *r, size_t lane, size_t row) {
    gw__bad_cell bad = {GW__FLAW_NUMBER, row, r->staged.lanes[lane].column, 0};
    for (size_t t = 0; t < r->spec->n_tasks; t++)
        if (r->lanes.given[t] == lane) bad.flaw = GW__FLAW_GIVEN;
    for (size_t t = r->spec->n_tasks; t-- > 0;) {
        if (r->lanes.label[t] != lane) continue;
        bad.flaw = GW__FLAW_LABEL;
        bad.task = t;
    }
    return bad;
}

/* A bad cell in row i of a batch, row `place` of those that the table gave last. */
static gw_status fail_cell_at(const reading *r, const gw__table *table, const gw__batch *batch, size_t i, size_t place, gw__bad_cell bad,
                              gw_error *err) {
    char buffer[GW__CELL_TEXT];
    const char *name = r->columns.names.at[bad.column];
    gw_status status = gw__fail_flaw(err, r->features, bad, name, gw__cell_text(batch, bad.column, i, buffer));
    set_place(err, table, place, name);
    return status;
}

typedef struct staging_run {
    reading *r;
    gw__table *table;
    const gw__batch *batches;
    size_t n_batches;
    gw__job lanes;
} staging_run;

static void stage_item(void *context, size_t item, size_t worker) {
    const staging_run *run = context;
    run->lanes.work(run->lanes.context, item, worker);
}

/* The batches are staged; a bad cell is reported while they are still there. */
static gw_status end_staging(void *context, gw_error *err) {
    staging_run *run = context;
    size_t row = 0, lane = 0, i = 0, before = 0;
    bool bad = false;
    gw_status status = gw__staged_end(&run->r->staged, run->r->skip, &row, &lane, &bad, err);
    if (!bad) return status;
    for (; row - before >= run->batches[i].n_rows; i++) before += run->batches[i].n_rows;
    return fail_cell_at(run->r, run->table, &run->batches[i], row - before, row, bad_cell_of(run->r, lane, row), err);
}

/* Batches are staged while the next are read. */
static gw_status stage_table(reading *r, gw__table *table, gw_error *err) {
    staging_run run = {.r = r, .table = table};
    gw__job job = {0};
    do {
        gw_status status = gw__table_read(table, &job, &run.batches, &run.n_batches, err);
        if (status == GW_OK) status = split_batches(r, run.batches, run.n_batches, r->staged.n_rows, err);
        if (status == GW_OK) status = gw__staged_begin(&r->staged, run.batches, run.n_batches, r->parts, &run.lanes, err);
        if (status != GW_OK) return status;
        job = (gw__job){run.lanes.n_items, stage_item, &run, end_staging};
    } while (run.n_batches > 0);
    return GW_OK;
}

/* Columns that turned out to be text too late for their texts to be known: the files are read once more, for these alone. */
static gw_status stage_again(reading *r, gw_error *err) {
    gw_status status = GW_OK;
    gw__table *table = NULL;
    size_t row = 0, n_lost = 0;
    for (size_t i = 0; i < r->staged.n_lanes; i++) n_lost += r->staged.lanes[i].lost;
    if (!n_lost) return GW_OK;
    GW__TRY(open_table(r, r->spec->data.train, &table, err));
    for (;;) {
        gw__batch batch;
        GW__TRY(gw__table_next(table, &batch, err));
        if (batch.n_rows == 0) break;
        if (batch.n_rows > r->staged.n_rows - row) break;
        GW__TRY(gw__staged_again(&r->staged, &batch, row, r->pool, err));
        row += batch.n_rows;
    }
    if (row != r->staged.n_rows) {
        GW__FAIL(gw__fail(err, GW_E_IO, "the training files cannot be read twice with the same result; hint: give every column a type under features.columns"));
    }
    for (size_t i = 0; i < r->staged.n_lanes; i++) r->staged.lanes[i].lost = false;
cleanup:
    gw__table_close(table);
    return status;
}

/* ---- after staging ---- */

/* The place of a row that was staged long ago: its file is read again up to there. Where that fails the row's number must do. */
static gw_status fail_bad_cell(reading *r, gw__bad_cell bad, gw_error *err) {
    gw__table *table = NULL;
    gw__batch batch;
    size_t row = 0;
    gw_status status = open_table(r, r->spec->data.train, &table, NULL);
    while (status == GW_OK && (status = gw__table_next(table, &batch, NULL)) == GW_OK && batch.n_rows) {
        if (bad.row - row < batch.n_rows) {
            status = fail_cell_at(r, table, &batch, bad.row - row, bad.row - row, bad, err);
            gw__table_close(table);
            return status;
        }
        row += batch.n_rows;
    }
    gw__table_close(table);
    return gw__fail_at(err, GW_E_DATA, r->columns.names.at[bad.column], (int64_t)bad.row + 1, 0, "column '%s': a value in row %zu is not as expected",
                       r->columns.names.at[bad.column], bad.row + 1);
}

static void settle_types(reading *r) {
    for (size_t i = 0; i < r->features->n; i++) {
        gw__feature *feature = &r->features->at[i];
        const gw__lane *lane = &r->staged.lanes[r->lanes.feature[i]];
        feature->rounds = feature->type == GW__FEATURE_NUMERIC && lane->beyond && !lane->decimals;
        if (feature->type != GW__FEATURE_AUTO) continue;
        feature->type = lane->kind == GW__LANE_NUMBER ? GW__FEATURE_NUMERIC : GW__FEATURE_CATEGORICAL;
        feature->large = lane->large;
    }
}

static gw_status fail_unlabelled(const gw__task_spec *task, const gw__task_count *count, gw_error *err) {
    const char *hint = count && count->outside ? "; hint: all its labelled rows may be outside of 'given'" : "";
    return gw__fail(err, GW_E_DATA, "task '%s': column '%s' has no label in the training part%s", task->name, task->label, hint);
}

static gw_status fit_classes(reading *r, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t t = 0; t < r->features->n_tasks; t++) {
        const gw__task *task = &r->features->tasks[t];
        if (!gw__task_has_classes(task->spec) || task->class_names.n) continue;
        GW__TRY(gw__classes_fit(r->features, t, &r->staged, &r->staged.lanes[r->lanes.label[t]], err));
        if (!task->class_names.n) GW__FAIL(fail_unlabelled(task->spec, NULL, err));
    }
cleanup:
    return status;
}

static size_t count_part(const gw__staged *staged, gw__part part) {
    size_t n = 0;
    for (size_t row = 0; row < staged->n_rows; row++) n += staged->parts[row] == part;
    return n;
}

static gw_status fit_staged(reading *r, gw_error *err) {
    gw_status status;
    gw__bad_cell bad = {0};
    bool found = false;
    if (!count_part(&r->staged, GW__PART_TRAIN)) return gw__fail(err, GW_E_DATA, "there is no row to train on");
    GW__TRY(fit_classes(r, err));
    status = gw__staged_check(r->features, &r->staged, &r->lanes, r->skip, &bad, &found, err);
    if (found) status = fail_bad_cell(r, bad, err);
    if (status != GW_OK) goto cleanup;
    if (!count_part(&r->staged, GW__PART_TRAIN)) GW__FAIL(gw__fail(err, GW_E_DATA, "there is no good row to train on"));
    GW__TRY(gw__features_tables(r->features, err));
    GW__TRY(gw__features_fit(r->features, &r->staged, &r->lanes, r->pool, err));
    if (gw__staged_check_range(r->features, &r->staged, &r->lanes, r->skip, &bad)) GW__FAIL(fail_bad_cell(r, bad, err));
    GW__TRY(gw__features_layout(r->features, err));
cleanup:
    return status;
}

static gw_status read_and_fit(reading *r, gw_error *err) {
    gw_status status;
    gw__table *table = NULL;
    gw__texts names;
    GW__TRY(open_table(r, r->spec->data.train, &table, err));
    GW__TRY(column_names(&r->arena, table, &names, err));
    GW__TRY(gw__columns_init(&r->columns, names, err));
    GW__TRY(gw__features_choose(r->features, &r->columns, err));
    GW__TRY(gw__splitter_init(&r->splitter, r->features, &r->columns, err));
    GW__TRY(plan_lanes(r, err));
    GW__TRY(stage_table(r, table, err));
    close_table(r, table);
    table = NULL;
    GW__TRY(gw__staged_settle(&r->staged, err));
    GW__TRY(stage_again(r, err));
    settle_types(r);
    GW__TRY(fit_staged(r, err));
    r->dataset->report.skipped += (int64_t)count_part(&r->staged, GW__PART_BAD);
    GW__TRY(gw__staged_fill(r->features, &r->staged, &r->lanes, r->pool, r->dataset, err));
cleanup:
    gw__table_close(table);
    return status;
}

/* ---- encoding at once ---- */

/* A batch of its own, on whichever thread. */
typedef struct encoding_part {
    gw__encoder *encoder;
    uint8_t *skip;
    size_t skip_capacity;
    gw__records records;
    int64_t missing;
    size_t bad_row;
    gw_status status;
    gw_error problem;
} encoding_part;

typedef struct encoding_run {
    reading *r;
    const gw__features *features;
    gw__texts names;
    gw__table *table;
    bool validates;      /* all rows; else the splitter says */
    uint64_t first_row;  /* of the batches */
    const gw__batch *batches;
    size_t n_batches;
    encoding_part *parts;
    size_t n_parts, parts_capacity;
    gw__collector collected[2];
} encoding_run;

/* An encoder for every batch that is encoded at the same time. */
static gw_status reach_parts(encoding_run *run, gw_error *err) {
    gw_status status = gw__grow((void **)&run->parts, &run->parts_capacity, run->n_batches, sizeof *run->parts, err);
    while (status == GW_OK && run->n_parts < run->n_batches) {
        run->parts[run->n_parts] = (encoding_part){0};
        status = gw__encoder_new(run->features, run->names.at, run->names.n, true, &run->parts[run->n_parts].encoder, err);
        run->n_parts += status == GW_OK;
    }
    return status;
}

static size_t rows_before(const encoding_run *run, size_t item) {
    size_t n = 0;
    for (size_t i = 0; i < item; i++) n += run->batches[i].n_rows;
    return n;
}

static void encode_batch(void *context, size_t item, size_t worker) {
    (void)worker;
    encoding_run *run = context;
    reading *r = run->r;
    encoding_part *part = &run->parts[item];
    const gw__batch *batch = &run->batches[item];
    size_t before = rows_before(run, item);
    gw__task_count *counts[2] = {r->dataset->report.train_tasks, r->dataset->report.valid_tasks};
    part->missing = 0;
    part->status = gw__grow((void **)&part->skip, &part->skip_capacity, batch->n_rows, 1, &part->problem);
    if (part->status != GW_OK) return;
    memset(part->skip, 0, batch->n_rows);
    gw__encoder_rows(part->encoder, run->validates ? NULL : r->parts + before, run->first_row + before, counts, &part->missing);
    part->status = gw__encoder_apply(part->encoder, batch, 0, batch->n_rows, r->skip ? part->skip : NULL, &part->records, &part->bad_row, &part->problem);
}

static gw_status collect_part(encoding_run *run, size_t item, gw_error *err) {
    reading *r = run->r;
    encoding_part *part = &run->parts[item];
    size_t before = rows_before(run, item);
    if (part->status != GW_OK && err) *err = part->problem;
    if (part->status == GW_E_DATA) set_place(err, run->table, before + part->bad_row, part->problem.where);
    if (part->status != GW_OK) return part->status;
    r->dataset->report.missing_cells += part->missing;
    for (size_t i = 0; i < run->batches[item].n_rows; i++) {
        gw__part which = run->validates ? GW__PART_VALID : r->parts[before + i];
        if (part->skip[i]) {
            r->dataset->report.skipped++;
            continue;
        }
        gw_status status = gw__collect(&run->collected[which], &part->records, i, err);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}

/* In the batches' order. */
static gw_status end_encoding(void *context, gw_error *err) {
    encoding_run *run = context;
    for (size_t i = 0; i < run->n_batches; i++) {
        gw_status status = collect_part(run, i, err);
        if (status != GW_OK) return status;
    }
    run->first_row += rows_before(run, run->n_batches);
    return GW_OK;
}

/* Batches are encoded while the next are read. */
static gw_status encode_rows(encoding_run *run, gw_error *err) {
    gw__job job = {0};
    do {
        gw_status status = gw__table_read(run->table, &job, &run->batches, &run->n_batches, err);
        if (status == GW_OK) status = reach_parts(run, err);
        if (status == GW_OK && !run->validates) status = split_batches(run->r, run->batches, run->n_batches, run->first_row, err);
        if (status != GW_OK) return status;
        job = (gw__job){run->n_batches, encode_batch, run, end_encoding};
    } while (run->n_batches > 0);
    return GW_OK;
}

static void clear_encoding(encoding_run *run) {
    gw__table_close(run->table);
    for (size_t i = 0; i < run->n_parts; i++) {
        gw__encoder_free(run->parts[i].encoder);
        free(run->parts[i].skip);
    }
    free(run->parts);
    for (int part = 0; part < 2; part++) gw__collector_clear(&run->collected[part]);
}

static gw_status encode_table(reading *r, const gw__features *features, gw__texts paths, bool validates, gw_error *err) {
    gw_status status;
    encoding_run run = {.r = r, .features = features, .validates = validates, .n_batches = 1};
    GW__TRY(open_table(r, paths, &run.table, err));
    GW__TRY(column_names(&r->arena, run.table, &run.names, err));
    if (!validates) {
        GW__TRY(gw__columns_init(&r->columns, run.names, err));
        GW__TRY(gw__splitter_init(&r->splitter, features, &r->columns, err));
    }
    status = reach_parts(&run, err); /* one encoder at once: it says which column is missing */
    if (status == GW_E_DATA && err) snprintf(err->where, sizeof err->where, "%s", paths.at[0]); /* its message has the column */
    if (status != GW_OK) goto cleanup;
    GW__TRY(encode_rows(&run, err));
    if (!validates) GW__TRY(gw__collector_finish(&run.collected[GW__PART_TRAIN], &features->input, &r->dataset->train, err));
    GW__TRY(gw__collector_finish(&run.collected[GW__PART_VALID], &features->input, &r->dataset->valid, err));
    close_table(r, run.table);
    run.table = NULL;
cleanup:
    clear_encoding(&run);
    return status;
}

/* ---- all ---- */

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static gw_status read_all(reading *r, const gw__features *fitted, gw_error *err) {
    gw_status status;
    gw__read_report *report = &r->dataset->report;
    GW__TRY(gw__report_init(report, r->spec->n_tasks, err));
    if (fitted) {
        GW__TRY(encode_table(r, fitted, r->spec->data.train, false, err));
        if (!r->dataset->train.n_rows) GW__FAIL(gw__fail(err, GW_E_DATA, "there is no row to train on"));
    } else {
        GW__TRY(gw__features_new(r->spec, &r->features, err));
        GW__TRY(read_and_fit(r, err));
    }
    const gw__features *features = fitted ? fitted : r->features;
    for (size_t t = 0; t < r->spec->n_tasks; t++)
        if (!report->train_tasks[t].labelled) GW__FAIL(fail_unlabelled(&r->spec->tasks[t], &report->train_tasks[t], err));
    if (r->spec->data.valid.kind == GW__SPLIT_FILES) {
        gw__records_clear(&r->dataset->valid);
        GW__TRY(encode_table(r, features, r->spec->data.valid.files, true, err));
    }
    report->n_columns = (int64_t)r->columns.names.n;
    report->valid_rows = (int64_t)r->dataset->valid.n_rows;
    report->rows = (int64_t)r->dataset->train.n_rows + report->valid_rows;
    GW__TRY(gw__report_notes(report, features, fitted ? NULL : &r->staged, fitted ? NULL : &r->lanes, err));
cleanup:
    return status;
}

gw_status gw__dataset_read(const gw__spec *spec, const gw__features *fitted, bool skip_bad_rows, gw__pool *pool,
                           gw__features **ret_features, gw__dataset *ret_dataset, gw_error *err) {
    gw__dataset dataset = {0};
    reading r = {.spec = spec, .skip = skip_bad_rows, .pool = pool, .dataset = &dataset};
    double began = now();
    gw_status status = read_all(&r, fitted, err);
    gw__staged_clear(&r.staged);
    gw__columns_clear(&r.columns);
    gw__arena_clear(&r.arena);
    free(r.parts);
    if (status != GW_OK) {
        if (err && status == GW_E_DATA && !err->where[0]) snprintf(err->where, sizeof err->where, "%s", spec->data.train.at[0]);
        gw__features_free(r.features);
        gw__dataset_clear(&dataset);
        return status;
    }
    dataset.report.seconds = now() - began;
    *ret_dataset = dataset;
    if (!fitted) *ret_features = r.features;
    return GW_OK;
}

void gw__dataset_clear(gw__dataset *dataset) {
    gw__records_clear(&dataset->train);
    gw__records_clear(&dataset->valid);
    gw__arena_clear(&dataset->report.arena);
    *dataset = (gw__dataset){0};
}
