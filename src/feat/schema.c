/* From a spec and a table's columns to features, tables and the layout of a record. */
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "feat/fitted.h"

/* ---- tasks ---- */

static void plan_group(gw__features *features, gw__task *task) {
    task->group = GW__NO_GROUP;
    if (!task->spec->group) return;
    for (size_t g = 0; g < features->n_groups; g++)
        if (strcmp(features->groups[g], task->spec->group) == 0) task->group = g;
    if (task->group != GW__NO_GROUP) return;
    task->group = features->n_groups;
    features->groups[features->n_groups++] = task->spec->group;
}

/* A binary task's name, else a column. */
static void plan_given(const gw__spec *spec, gw__task *task) {
    task->given_task = -1;
    if (!task->spec->given) return;
    for (size_t t = 0; t < spec->n_tasks; t++)
        if (spec->tasks[t].type == GW_TASK_BINARY && strcmp(spec->tasks[t].name, task->spec->given) == 0) task->given_task = (ptrdiff_t)t;
    if (task->given_task < 0) task->given_column = task->spec->given;
}

static gw_status plan_classes(gw__features *features, size_t t, gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon texts = {0};
    gw__texts names = features->spec->tasks[t].classes;
    uint32_t *order = NULL;
    if (!gw__task_has_classes(&features->spec->tasks[t]) || names.n == 0) return GW_OK;
    order = gw__aligned_alloc(names.n, sizeof *order);
    if (!order) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < names.n; i++) {
        GW__TRY(gw__lexicon_add(&texts, gw__slice_trim(gw__slice_of(names.at[i])), &order[i], err));
        if (order[i] == i) continue;
        char where[sizeof err->where];
        snprintf(where, sizeof where, "tasks.%.200s.classes", features->spec->tasks[t].name);
        GW__FAIL(gw__fail_at(err, GW_E_CONFIG, where, 0, 0, "'%s' is listed twice", names.at[i]));
    }
    GW__TRY(gw__classes_set(features, t, &texts, order, names.n, err));
cleanup:
    gw__lexicon_clear(&texts);
    gw__aligned_free(order);
    return status;
}

/* Several quantiles are told apart by name: "q0.1". */
static gw_status name_quantiles(gw__features *features, gw__task *task, gw_error *err) {
    const size_t n = task->spec->n_quantiles;
    if (task->spec->type != GW_TASK_QUANTILE || n < 2) return GW_OK;
    const char **names = gw__arena_alloc(&features->arena, n, sizeof *names);
    if (!names) return gw__fail_nomem(err);
    for (size_t i = 0; i < n; i++) {
        char text[34] = "q";
        const size_t length = 1 + (size_t)gw__format_double(task->spec->quantiles[i], text + 1);
        if (!(names[i] = gw__arena_text(&features->arena, text, length))) return gw__fail_nomem(err);
    }
    task->output_names = (gw__texts){names, n};
    return GW_OK;
}

static gw_status plan_tasks(gw__features *features, gw_error *err) {
    gw_status status = GW_OK;
    const gw__spec *spec = features->spec;
    features->tasks = gw__arena_alloc(&features->arena, spec->n_tasks ? spec->n_tasks : 1, sizeof *features->tasks);
    features->groups = gw__arena_alloc(&features->arena, spec->n_tasks ? spec->n_tasks : 1, sizeof *features->groups);
    if (!features->tasks || !features->groups) GW__FAIL(gw__fail_nomem(err));
    features->n_tasks = spec->n_tasks;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        gw__task *task = &features->tasks[t];
        task->spec = &spec->tasks[t];
        task->by_text = gw__task_has_classes(task->spec) || (task->spec->type == GW_TASK_BINARY && task->spec->positive);
        if (task->spec->positive) task->positive = gw__slice_trim(gw__slice_of(task->spec->positive));
        plan_given(spec, task);
        plan_group(features, task);
        GW__TRY(plan_classes(features, t, err));
        GW__TRY(name_quantiles(features, task, err));
    }
cleanup:
    return status;
}

gw_status gw__features_new(const gw__spec *spec, gw__features **ret_features, gw_error *err) {
    gw_status status;
    gw__features *features = calloc(1, sizeof *features);
    if (!features) return gw__fail_nomem(err);
    features->spec = gw__spec_hold(spec);
    for (size_t i = 0; i < spec->features.n_columns; i++)
        GW__TRY(gw__lexicon_names(&features->entries, &spec->features.columns[i].name, 1, err));
    GW__TRY(gw__missing_texts_init(&features->missing, spec->data.missing, &features->arena, err));
    GW__TRY(plan_tasks(features, err));
    *ret_features = features;
    features = NULL;
cleanup:
    gw__features_free(features);
    return status;
}

void gw__features_free(gw__features *features) {
    if (!features || __atomic_fetch_sub(&features->holders, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < features->n; i++)
        for (size_t k = 0; k < GW__COUNT(features->at[i].steps); k++) gw__aligned_free(features->at[i].steps[k].knots);
    for (size_t i = 0; i < features->n_embeddings; i++) gw__lexicon_clear(&features->embeddings[i].vocabulary);
    for (size_t t = 0; t < features->n_tasks; t++) gw__lexicon_clear(&features->tasks[t].classes);
    gw__missing_texts_clear(&features->missing);
    gw__lexicon_clear(&features->entries);
    gw__arena_clear(&features->arena);
    gw__spec_free(features->spec);
    free(features);
}

gw__features *gw__features_hold(gw__features *features) {
    __atomic_fetch_add(&features->holders, 1, __ATOMIC_RELAXED);
    return features;
}

/* ---- choice ---- */

gw_status gw__columns_init(gw__columns *columns, gw__texts names, gw_error *err) {
    columns->names = names;
    return gw__lexicon_names(&columns->index, names.at, names.n, err);
}

void gw__columns_clear(gw__columns *columns) { gw__lexicon_clear(&columns->index); }

gw_status gw__want_column(const gw__columns *columns, const char *where, const char *name, uint32_t *ret_column, gw_error *err) {
    *ret_column = gw__columns_find(columns, name);
    if (*ret_column != GW__NO_ENTRY) return GW_OK;
    const char *near = gw__nearest(gw__slice_of(name), columns->names.at, columns->names.n);
    return gw__fail_at(err, GW_E_CONFIG, where, 0, 0, "'%s' is no column of the table%s%s%s", name,
                       near ? "; hint: did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* What a column is besides a feature. */
enum { ROLE_LABEL = 1, ROLE_STEERS = 2, ROLE_IGNORED = 4 };

typedef struct choice {
    const gw__columns *columns;
    uint8_t *roles; /* [columns] */
    gw_error *err;
} choice;

static gw_status want_column_of(const choice *c, const gw__task *task, const char *key, const char *name, uint8_t role) {
    char where[sizeof c->err->where];
    uint32_t column;
    if (!name) return GW_OK;
    snprintf(where, sizeof where, "tasks.%.200s.%s", task->spec->name, key);
    gw_status status = gw__want_column(c->columns, where, name, &column, c->err);
    if (status == GW_OK) c->roles[column] |= role;
    return status;
}

static gw_status want_task_columns(const choice *c, const gw__features *features) {
    gw_status status = GW_OK;
    for (size_t t = 0; t < features->n_tasks; t++) {
        const gw__task *task = &features->tasks[t];
        GW__TRY(want_column_of(c, task, "label", task->spec->label, ROLE_LABEL));
        GW__TRY(want_column_of(c, task, "given", task->given_column, ROLE_STEERS));
        GW__TRY(want_column_of(c, task, "row_weight", task->spec->row_weight, ROLE_STEERS));
        GW__TRY(want_column_of(c, task, "group", task->spec->group, 0));
    }
cleanup:
    return status;
}

static gw_status want_columns(const choice *c, const gw__features *features) {
    gw_status status;
    const gw__features_spec *spec = &features->spec->features;
    char where[sizeof c->err->where];
    uint32_t column;
    GW__TRY(want_task_columns(c, features));
    for (size_t i = 0; i < spec->ignore.n; i++) {
        GW__TRY(gw__want_column(c->columns, "features.ignore", spec->ignore.at[i], &column, c->err));
        c->roles[column] |= ROLE_IGNORED;
    }
    for (size_t i = 0; i < spec->n_columns; i++) {
        snprintf(where, sizeof where, "features.columns.%.200s", spec->columns[i].name);
        GW__TRY(gw__want_column(c->columns, where, spec->columns[i].name, &column, c->err));
    }
cleanup:
    return status;
}

const gw__feature_spec *gw__feature_entry(const gw__features *features, const char *column) {
    uint32_t entry = gw__lexicon_find(&features->entries, gw__slice_of(column));
    return entry == GW__NO_ENTRY ? NULL : &features->spec->features.columns[entry];
}

static gw_status add_feature(gw__features *features, const char *name, const gw__feature_spec *entry, gw_error *err) {
    gw__feature *feature = &features->at[features->n++];
    feature->name = gw__arena_text(&features->arena, name, strlen(name));
    if (!feature->name) return gw__fail_nomem(err);
    feature->spec = entry ? entry : &features->spec->features.defaults;
    feature->type = feature->spec->type;
    feature->automatic = feature->type == GW__FEATURE_AUTO;
    return GW_OK;
}

gw_status gw__features_choose(gw__features *features, const gw__columns *columns, gw_error *err) {
    gw_status status = GW_OK;
    size_t n = columns->names.n;
    choice c = {columns, calloc(n + 1, 1), err};
    if (!c.roles) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(want_columns(&c, features));
    features->at = gw__arena_alloc(&features->arena, n ? n : 1, sizeof *features->at);
    if (!features->at) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < n; i++) {
        const gw__feature_spec *entry = gw__feature_entry(features, columns->names.at[i]);
        if (c.roles[i] & (ROLE_LABEL | ROLE_IGNORED) || (c.roles[i] & ROLE_STEERS && !entry)) continue;
        GW__TRY(add_feature(features, columns->names.at[i], entry, err));
    }
    if (!features->n) GW__FAIL(gw__fail_at(err, GW_E_CONFIG, "features", 0, 0, "no column is left to be a feature"));
cleanup:
    free(c.roles);
    return status;
}

/* ---- tables ---- */

const char *gw__escape_name(gw__arena *arena, const char *name) {
    size_t n = strlen(name), at = 0;
    char *out = gw__arena_alloc(arena, n * 3 + 1, 1);
    if (!out) return NULL;
    for (size_t i = 0; i < n; i++) {
        if (name[i] == '.' || name[i] == '%') {
            memcpy(out + at, name[i] == '.' ? "%2E" : "%25", 3);
            at += 3;
        } else {
            out[at++] = name[i];
        }
    }
    return out;
}

static bool is_embedded(const gw__feature *feature) { return feature->type != GW__FEATURE_NUMERIC; }

static uint64_t buckets_of(const gw__feature *feature) {
    bool hashed = feature->type == GW__FEATURE_HASHED || feature->type == GW__FEATURE_BAG;
    return hashed ? feature->spec->buckets : 0;
}

static gw_status fail_share(const gw__feature *feature, const char *table, const char *what, gw_error *err) {
    char where[sizeof err->where];
    snprintf(where, sizeof where, "features.columns.%.200s", feature->name);
    return gw__fail_at(err, GW_E_CONFIG, where, 0, 0, "'%s' shares the table '%s' but its %s differs from the others'", feature->name, table, what);
}

/* Rare values are judged over all columns together: the mildest of their limits holds. */
static gw_status join_table(gw__embedding *embedding, const gw__feature *feature, gw_error *err) {
    const gw__feature_spec *spec = feature->spec;
    const char *name = embedding->share ? embedding->share : embedding->name;
    if (embedding->dim != spec->dim) return fail_share(feature, name, "dim", err);
    if (embedding->buckets != buckets_of(feature)) return fail_share(feature, name, "number of buckets", err);
    if (spec->min_count < embedding->min_count) embedding->min_count = spec->min_count;
    bool unlimited = !spec->max_rows || !embedding->max_rows;
    if (unlimited) embedding->max_rows = 0;
    else if (spec->max_rows > embedding->max_rows) embedding->max_rows = spec->max_rows;
    return GW_OK;
}

/* A feature's table: made by the first feature that names it. */
static gw_status enter_table(gw__features *features, size_t i, gw__lexicon *names, gw_error *err) {
    gw_status status = GW_OK;
    gw__feature *feature = &features->at[i];
    const gw__feature_spec *spec = feature->spec;
    const char *name = gw__escape_name(&features->arena, spec->share ? spec->share : feature->name);
    if (!name) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(gw__lexicon_add(names, gw__slice_of(name), &feature->table, err));
    feature->next_of_table = GW__NO_FEATURE;
    gw__embedding *embedding = &features->embeddings[feature->table];
    if (feature->table < features->n_embeddings) {
        GW__TRY(join_table(embedding, feature, err));
        features->at[embedding->last].next_of_table = i;
    } else {
        *embedding = (gw__embedding){.name = name, .dim = spec->dim, .buckets = buckets_of(feature), .min_count = spec->min_count,
                                     .max_rows = spec->max_rows, .first = i};
        features->n_embeddings++;
    }
    embedding->last = i;
    if (spec->share) embedding->share = spec->share;
cleanup:
    return status;
}

gw_status gw__features_tables(gw__features *features, gw_error *err) {
    gw_status status = GW_OK;
    gw__lexicon names = {0};
    features->embeddings = gw__arena_alloc(&features->arena, features->n, sizeof *features->embeddings);
    if (!features->embeddings) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < features->n; i++)
        if (is_embedded(&features->at[i])) GW__TRY(enter_table(features, i, &names, err));
cleanup:
    gw__lexicon_clear(&names);
    return status;
}

/* ---- layout ---- */

static gw__slot_kind slot_kind(const gw__feature *feature) {
    switch (feature->type) {
    case GW__FEATURE_CATEGORICAL:
    case GW__FEATURE_HASHED: return GW__SLOT_EMBEDDING;
    case GW__FEATURE_BAG: return feature->spec->pooling == GW__POOLING_SUM ? GW__SLOT_BAG_SUM : GW__SLOT_BAG_MEAN;
    default: return GW__SLOT_NUMBER;
    }
}

static uint32_t *counter_of(gw__input *input, gw__slot_kind kind) {
    if (kind == GW__SLOT_NUMBER) return &input->n_numbers;
    return kind == GW__SLOT_EMBEDDING ? &input->n_ids : &input->n_bags;
}

/* One slot, or two for a number with an indicator. */
static gw_status place_feature(gw__features *features, size_t i, gw__slot *slots, gw_error *err) {
    gw__feature *feature = &features->at[i];
    gw__input *input = &features->input;
    bool number = feature->type == GW__FEATURE_NUMERIC;
    uint32_t width = number ? 1 : feature->spec->dim, n = 1 + (number && feature->spec->indicator);
    feature->dense_at = input->width;
    feature->dense_width = width * n;
    if (width > (uint32_t)INT32_MAX / 2 || width * n > (uint32_t)INT32_MAX - input->width) {
        return gw__fail(err, GW_E_LIMIT, "the dense input is wider than %d", INT32_MAX);
    }
    for (uint32_t k = 0; k < n; k++) {
        gw__slot *slot = &slots[input->n_slots++];
        slot->kind = slot_kind(feature);
        slot->feature = (uint32_t)i;
        slot->dense_at = input->width;
        slot->width = width;
        slot->index = (*counter_of(input, slot->kind))++;
        slot->table = feature->table;
        if (k == 0) feature->index = slot->index;
        input->width += width;
    }
    return GW_OK;
}

static gw_status shape_tables(gw__features *features, gw_error *err) {
    gw__table_shape *shapes = gw__arena_alloc(&features->arena, features->n_embeddings ? features->n_embeddings : 1, sizeof *shapes);
    if (!shapes) return gw__fail_nomem(err);
    for (size_t e = 0; e < features->n_embeddings; e++) {
        const gw__embedding *embedding = &features->embeddings[e];
        uint64_t rows = embedding->buckets ? embedding->buckets + 1 : GW__VOCABULARY_AT + embedding->vocabulary.n;
        if (embedding->buckets >= INT32_MAX || rows > INT32_MAX) {
            return gw__fail(err, GW_E_LIMIT, "embedding '%s' has more than %d rows", embedding->name, INT32_MAX);
        }
        shapes[e] = (gw__table_shape){embedding->name, rows, embedding->dim};
    }
    features->input.tables = shapes;
    features->input.n_tables = features->n_embeddings;
    return GW_OK;
}

gw_status gw__features_layout(gw__features *features, gw_error *err) {
    gw_status status = GW_OK;
    gw__input *in = &features->input;
    gw__slot *slots = gw__arena_alloc(&features->arena, features->n * 2, sizeof *slots);
    if (!slots) GW__FAIL(gw__fail_nomem(err));
    GW__TRY(shape_tables(features, err));
    in->slots = slots;
    for (size_t i = 0; i < features->n; i++) GW__TRY(place_feature(features, i, slots, err));
    in->n_tasks = (uint32_t)features->n_tasks;
    in->n_groups = (uint32_t)features->n_groups;
    in->numbers_at = 0;
    in->ids_at = in->n_numbers;
    in->bags_at = in->ids_at + in->n_ids;
    in->labels_at = in->bags_at + 2 * in->n_bags;
    in->weights_at = in->labels_at + in->n_tasks;
    in->groups_at = (in->weights_at + in->n_tasks + 1) / 2 * 2; /* 8-byte items on 8 bytes */
    in->stride = in->groups_at + 2 * in->n_groups;
cleanup:
    return status;
}

/* ---- views ---- */

const gw__input *gw__features_input(const gw__features *features) { return &features->input; }
size_t gw__features_count(const gw__features *features) { return features->n; }

gw__feature_view gw__features_at(const gw__features *features, size_t i) {
    const gw__feature *feature = &features->at[i];
    gw__feature_view view = {.name = feature->name, .type = feature->type, .automatic = feature->automatic,
                             .dense_at = feature->dense_at, .dense_width = feature->dense_width};
    if (is_embedded(feature)) {
        view.rows = features->input.tables[feature->table].rows;
        view.share = features->embeddings[feature->table].share;
    }
    return view;
}

gw__texts gw__features_classes(const gw__features *features, size_t task) { return features->tasks[task].class_names; }

gw__texts gw__features_outputs(const gw__features *features, size_t task) {
    const gw__task *t = &features->tasks[task];
    return t->output_names.n ? t->output_names : t->class_names;
}

size_t gw__features_output_width(const gw__features *features, size_t task) {
    size_t n = gw__features_outputs(features, task).n;
    return n ? n : 1;
}

size_t gw__features_group(const gw__features *features, size_t task) { return features->tasks[task].group; }

void gw__records_clear(gw__records *records) {
    gw__aligned_free(records->words);
    gw__aligned_free(records->bag_ids);
    *records = (gw__records){0};
}
