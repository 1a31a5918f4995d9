/* What no single key can tell: whether the keys fit together. */
#include <stdlib.h>
#include <string.h>

#include "metric/metric.h"
#include "spec/resolve.h"

/* The written node of `key` for the place of a message; NULL (the map around it) if it was not written. */
#define NODE(frame, key) gw__frame_get(frame, key)

/* ---- data.valid ---- */

gw_status gw__check_valid(const gw__frame *frame) {
    gw__data_spec *data = &frame->reading->spec->data;
    bool fraction = NODE(frame, "fraction") != NULL, column = data->valid.column != NULL, from = data->valid.from != NULL;
    if (from && fraction) return gw__fail_value(frame, NODE(frame, "fraction"), "keys 'from' and 'fraction' exclude each other");
    if (from && !column) return gw__fail_value(frame, NODE(frame, "from"), "key 'from' needs a 'column' to compare");
    if (!from && !fraction) return gw__fail_value(frame, NULL, "key 'valid' needs a 'fraction', or a 'column' with 'from' or 'fraction'");
    data->valid.kind = from ? GW__SPLIT_FROM : column ? GW__SPLIT_GROUP : GW__SPLIT_FRACTION;
    return GW_OK;
}

/* ---- features ---- */

gw_status gw__check_feature(const gw__frame *frame) {
    const gw__feature_spec *feature = frame->base;
    if (feature->type == GW__FEATURE_HASHED && feature->buckets == 0) {
        return gw__fail_value(frame, NODE(frame, "buckets"), "type 'hashed' needs 'buckets' above 0; hint: about twice the number of distinct values");
    }
    return GW_OK;
}

static const gw__doc *column_node(const gw__frame *root, const char *name) {
    return gw__doc_get(gw__doc_get(gw__doc_get(root->map, "features"), "columns"), name);
}

static bool has_table(const gw__feature_spec *feature) {
    return feature->type == GW__FEATURE_CATEGORICAL || feature->type == GW__FEATURE_HASHED || feature->type == GW__FEATURE_BAG;
}

static int by_share(const void *a, const void *b) {
    const gw__feature_spec *x = *(const gw__feature_spec *const *)a, *y = *(const gw__feature_spec *const *)b;
    int order = strcmp(x->share, y->share);
    return order != 0 ? order : (x > y) - (x < y);
}

/* The setting in which two columns of one table differ, or NULL. */
static const char *difference(const gw__feature_spec *a, const gw__feature_spec *b) {
    if (a->dim != b->dim) return "dim";
    bool hashed_a = a->buckets > 0 && a->type != GW__FEATURE_CATEGORICAL, hashed_b = b->buckets > 0 && b->type != GW__FEATURE_CATEGORICAL;
    if (hashed_a != hashed_b || (hashed_a && a->buckets != b->buckets)) return "buckets";
    if (hashed_a) return NULL;
    if (a->min_count != b->min_count) return "min_count";
    return a->max_rows != b->max_rows ? "max_rows" : NULL;
}

static gw_status check_groups(const gw__frame *root, const gw__feature_spec **shared, size_t n) {
    for (size_t i = 1; i < n; i++) {
        if (strcmp(shared[i - 1]->share, shared[i]->share) != 0) continue;
        const char *key = difference(shared[i - 1], shared[i]);
        if (key == NULL) continue;
        return gw__fail_key(root, column_node(root, shared[i]->name), "columns '%s' and '%s' share the table '%s' but differ in '%s'",
                            shared[i - 1]->name, shared[i]->name, shared[i]->share, key);
    }
    return GW_OK;
}

static gw_status check_shares(const gw__frame *root) {
    const gw__features_spec *features = &root->reading->spec->features;
    const gw__feature_spec **shared = malloc((features->n_columns + 1) * sizeof *shared);
    const char **names = malloc((features->n_columns + 1) * sizeof *names);
    gw__name_index index = {0};
    gw_status status = GW_OK;
    size_t n = 0;
    if (shared == NULL || names == NULL) GW__FAIL(gw__fail_nomem(root->reading->err));
    for (size_t i = 0; i < features->n_columns; i++) {
        const gw__feature_spec *feature = &features->columns[i];
        if (has_table(feature) && feature->share != NULL) names[n] = feature->share, shared[n++] = feature;
    }
    qsort(shared, n, sizeof *shared, by_share);
    GW__TRY(check_groups(root, shared, n));
    GW__TRY(gw__name_index_init(&index, &(gw__texts){names, n}, root->reading->err));
    for (size_t i = 0; i < features->n_columns; i++) {
        const gw__feature_spec *feature = &features->columns[i];
        if (!has_table(feature) || feature->share != NULL || !gw__name_index_has(&index, feature->name)) continue;
        GW__FAIL(gw__fail_key(root, column_node(root, feature->name), "column '%s' has a table of its own name, which others share; hint: give it 'share: %s' too",
                              feature->name, feature->name));
    }
cleanup:
    gw__name_index_clear(&index);
    free(names);
    free(shared);
    return status;
}

/* A column cannot be an input and also ignored, or an input and also the truth. */
static gw_status check_columns(const gw__frame *root, const gw__name_index *columns) {
    const gw__spec *spec = root->reading->spec;
    for (size_t i = 0; i < spec->features.ignore.n; i++) {
        const char *name = spec->features.ignore.at[i];
        if (!gw__name_index_has(columns, name)) continue;
        return gw__fail_key(root, column_node(root, name), "column '%s' has settings but is in 'ignore', too", name);
    }
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const char *name = spec->tasks[t].label;
        if (!gw__name_index_has(columns, name)) continue;
        return gw__fail_key(root, column_node(root, name), "column '%s' is the label of task '%s' and cannot be an input", name, spec->tasks[t].name);
    }
    return GW_OK;
}

gw_status gw__check_root(const gw__frame *frame) {
    const gw__features_spec *features = &frame->reading->spec->features;
    if (features->n_columns == 0) return GW_OK;
    const char **names = malloc(features->n_columns * sizeof *names);
    gw__name_index index = {0};
    gw_status status = GW_OK;
    if (names == NULL) GW__FAIL(gw__fail_nomem(frame->reading->err));
    for (size_t i = 0; i < features->n_columns; i++) names[i] = features->columns[i].name;
    GW__TRY(gw__name_index_init(&index, &(gw__texts){names, features->n_columns}, frame->reading->err));
    GW__TRY(check_columns(frame, &index));
    GW__TRY(check_shares(frame));
cleanup:
    gw__name_index_clear(&index);
    free(names);
    return status;
}

/* ---- tasks ---- */

typedef struct loss_row { const char *word; unsigned types; const char *inside; } loss_row;
#define LOSS_ROW(name, word, types, inside) [GW__LOSS_##name] = {word, types, inside},
static const loss_row losses[GW__LOSSES] = {GW__LOSS_ROSTER(LOSS_ROW)};

static gw_status check_loss(const gw__frame *frame, const gw__task_spec *task) {
    char list[256] = "";
    if (losses[task->loss].types >> task->type & 1) return GW_OK;
    for (size_t i = 0; i < GW__LOSSES; i++) {
        if (!(losses[i].types >> task->type & 1)) continue;
        if (list[0] != '\0') strncat(list, ", ", sizeof list - strlen(list) - 1);
        strncat(list, losses[i].word, sizeof list - strlen(list) - 1);
    }
    return gw__fail_value(frame, NODE(frame, "loss"), "loss '%s' does not fit type '%s'; hint: %s", losses[task->loss].word, gw__task_type_name(task->type), list);
}

static gw_status check_head(const gw__frame *frame, const gw__task_spec *task) {
    const loss_row *loss = &losses[task->loss];
    const bool binary = task->type == GW_TASK_BINARY;
    if (loss->inside == NULL || task->activation == (binary ? GW__ACT_SIGMOID : GW__ACT_NONE)) return GW_OK;
    return gw__fail_value(frame, NODE(frame, "activation"), "key 'activation': loss '%s' has its %s inside but found '%s'; hint: %s", loss->word, loss->inside,
                          gw__activation_name(task->activation), binary ? "with another head take loss 'mse'" : "leave it out");
}

static gw_status check_classes(const gw__frame *frame, const gw__task_spec *task) {
    if (task->classes.n == 0) return GW_OK;
    const gw__doc *node = NODE(frame, "classes");
    if (task->classes.n < 2) return gw__fail_value(frame, node, "key 'classes': expected at least 2 classes but found 1");
    gw__name_index index = {0};
    gw_status status = gw__name_index_init(&index, &task->classes, frame->reading->err);
    const char *twice = status == GW_OK ? gw__name_index_twice(&index) : NULL;
    if (twice != NULL) status = gw__fail_value(frame, gw__list_second(node, twice), "key 'classes': '%s' stands there twice", twice);
    gw__name_index_clear(&index);
    return status;
}

gw_status gw__check_task(const gw__frame *frame) {
    const gw__task_spec *task = frame->base;
    gw_status status = check_loss(frame, task);
    if (status == GW_OK) status = check_head(frame, task);
    return status == GW_OK ? check_classes(frame, task) : status;
}

const gw__task_spec *gw__task_named(const gw__spec *spec, const char *name) {
    for (size_t t = 0; name != NULL && t < spec->n_tasks; t++) {
        if (strcmp(spec->tasks[t].name, name) == 0) return &spec->tasks[t];
    }
    return NULL;
}

/* Every chain of `given` must end at a column or a task without one: no longer than there are tasks. */
static bool given_ends(const gw__spec *spec, const gw__task_spec *task) {
    for (size_t steps = 0; steps <= spec->n_tasks; steps++) {
        if (task == NULL) return true;
        task = gw__task_named(spec, task->given);
    }
    return false;
}

gw_status gw__check_given(const gw__frame *frame, const gw__doc *tasks) {
    const gw__spec *spec = frame->reading->spec;
    const gw__doc *node = tasks->first;
    for (size_t t = 0; t < spec->n_tasks; t++, node = node->next) {
        const gw__task_spec *task = &spec->tasks[t], *given = gw__task_named(spec, task->given);
        if (given == NULL) continue;
        const gw__doc *place = gw__doc_get(node, "given");
        if (given == task) return gw__fail_value(frame, place, "task '%s' is given itself", task->name);
        if (given->type != GW_TASK_BINARY) {
            return gw__fail_value(frame, place, "key 'given': expected a binary task or a column but task '%s' is of type '%s'", given->name,
                                  gw__task_type_name(given->type));
        }
    }
    node = tasks->first;
    for (size_t t = 0; t < spec->n_tasks; t++, node = node->next) {
        if (given_ends(spec, &spec->tasks[t])) continue;
        return gw__fail_value(frame, gw__doc_get(node, "given"), "task '%s' is given itself, by way of '%s'", spec->tasks[t].name, spec->tasks[t].given);
    }
    return GW_OK;
}

/* The order of events is a chain of `after` that ends: no longer than there are tasks. */
static bool after_ends(const gw__task_spec *tasks, size_t n_tasks, size_t task) {
    for (size_t steps = 0; tasks[task].after.on; steps++) {
        if (steps > n_tasks) return false;
        task = tasks[task].after.at;
    }
    return true;
}

static gw_status find_before(const gw__frame *frame, const gw__doc *place, gw__task_spec *task) {
    const gw__spec *spec = frame->reading->spec;
    if (task->after.task == NULL) return gw__fail_value(frame, place, "task '%s': key 'after' needs a 'task'", task->name);
    const gw__task_spec *before = gw__task_named(spec, task->after.task);
    if (before == NULL) {
        const char *names[GW__SPEC_TASKS_LIMIT];
        for (size_t t = 0; t < spec->n_tasks; t++) names[t] = spec->tasks[t].name;
        const char *near = gw__nearest(gw__slice_of(task->after.task), names, spec->n_tasks);
        return gw__fail_value(frame, place, "key 'after': no task is named '%s'%s%s%s", task->after.task, near != NULL ? "; hint: did you mean '" : "",
                              near != NULL ? near : "", near != NULL ? "'?" : "");
    }
    task->after.at = (size_t)(before - spec->tasks);
    const bool logits = gw__task_is_logit(task) && gw__task_is_logit(before);
    return logits ? GW_OK : gw__fail_value(frame, place, "key 'after': expected binary tasks with loss bce or focal on both sides of '%s'", task->name);
}

gw_status gw__check_after(const gw__frame *frame, const gw__doc *nodes, gw__task_spec *tasks) {
    const size_t n = frame->reading->spec->n_tasks;
    const gw__doc *node = nodes->first;
    for (size_t t = 0; t < n; t++, node = node->next) {
        if (!tasks[t].after.on) continue;
        gw_status status = find_before(frame, gw__doc_get(node, "after"), &tasks[t]);
        if (status != GW_OK) return status;
    }
    node = nodes->first;
    for (size_t t = 0; t < n; t++, node = node->next)
        if (!after_ends(tasks, n, t)) return gw__fail_value(frame, gw__doc_get(node, "after"), "task '%s' comes after itself", tasks[t].name);
    return GW_OK;
}

/* ---- train ---- */

const gw__doc *gw__inner_node(const gw__frame *frame, const char *section, const char *key) {
    const gw__doc *outer = NODE(frame, section), *inner = outer == NULL ? NULL : gw__doc_get(outer, key);
    return inner != NULL ? inner : outer;
}

gw_status gw__check_optimizer(const gw__frame *frame) {
    const gw__optimizer_spec *optimizer = &frame->reading->spec->train.optimizer;
    if (optimizer->nesterov && optimizer->momentum <= 0) {
        return gw__fail_value(frame, NODE(frame, "nesterov"), "key 'nesterov' needs a 'momentum' above 0");
    }
    return GW_OK;
}

/* `fixed` is what there is without the key, so nothing says that it was written. */
gw_status gw__check_balance(const gw__frame *frame) {
    gw__balance_spec *balance = &frame->reading->spec->train.balance;
    if (balance->method == GW__BALANCE_DECAYED && balance->gamma == NULL) {
        return gw__fail_value(frame, NULL, "method 'decayed' needs 'gamma'; hint: 0.9, or a map from tasks to such numbers");
    }
    if (balance->method == GW__BALANCE_FIXED) balance->on = false;
    return GW_OK;
}

/* One roster, in two columns that the compiler can read apart. */
typedef struct metric_row { const char *word; gw_task_type type; int better; } metric_row;
#define METRIC_ROW(name, word, type, better, range) {word, GW_TASK_##type, better},
static const metric_row metrics[] = {GW__METRIC_ROSTER(METRIC_ROW)};

static const metric_row *find_metric(const char *word, gw_task_type type) {
    for (size_t i = 0; i < GW__COUNT(metrics); i++) {
        if (metrics[i].type == type && strcmp(metrics[i].word, word) == 0) return &metrics[i];
    }
    return NULL;
}

static gw_status fail_metric(const gw__frame *frame, const gw__doc *node, const char *metric, gw_task_type type) {
    char list[256] = "loss";
    for (size_t i = 0; i < GW__COUNT(metrics); i++) {
        if (metrics[i].type != type || metrics[i].better == 0) continue;
        strncat(list, ", ", sizeof list - strlen(list) - 1);
        strncat(list, metrics[i].word, sizeof list - strlen(list) - 1);
    }
    return gw__fail_value(frame, node, "'%s' cannot be watched for a task of type '%s'; hint: %s", metric, gw__task_type_name(type), list);
}

static gw_status check_metric(const gw__frame *frame, const gw__doc *node, const char *metric) {
    const gw__spec *spec = frame->reading->spec;
    const char *dot = strchr(metric, '.'); /* no task's name has one */
    if (strcmp(metric, "mean") == 0 || strcmp(metric, "loss") == 0) return GW_OK;
    if (dot == NULL) return gw__fail_value(frame, node, "key 'metric': expected mean, loss, or TASK.METRIC but found '%s'", metric);
    const gw__task_spec *task = NULL;
    for (size_t t = 0; t < spec->n_tasks && task == NULL; t++) {
        const char *name = spec->tasks[t].name;
        if (strlen(name) == (size_t)(dot - metric) && memcmp(name, metric, (size_t)(dot - metric)) == 0) task = &spec->tasks[t];
    }
    if (task == NULL) return gw__fail_value(frame, node, "key 'metric': no task is named '%.*s'", (int)(dot - metric), metric);
    if (strcmp(dot + 1, "loss") == 0) return GW_OK;
    const metric_row *row = find_metric(dot + 1, task->type);
    if (row == NULL || row->better == 0) return fail_metric(frame, node, dot + 1, task->type);
    if (strcmp(dot + 1, "gauc") == 0 && task->group == NULL) {
        return gw__fail_value(frame, node, "metric 'gauc' needs the task's 'group'; hint: tasks.%s.group names a column", task->name);
    }
    return GW_OK;
}

static bool has_gate_losses(const gw__spec *spec) {
    const gw__gating_spec *gating = &spec->model.gating;
    return gw__applies_gates(spec, NULL) && gating->balance.on &&
           gating->balance.importance + gating->balance.load + gating->balance.even + gating->balance.z > 0;
}

/* Methods that need the gradient of each task alone. */
static bool splits_gradients(const gw__spec *spec) {
    switch (spec->train.balance.on ? spec->train.balance.method : GW__BALANCE_FIXED) {
    case GW__BALANCE_GRADNORM:
    case GW__BALANCE_PCGRAD:
    case GW__BALANCE_MGDA:
    case GW__BALANCE_CAGRAD:
    case GW__BALANCE_IMTL:
    case GW__BALANCE_NASH: return true;
    default: return false;
    }
}

gw_status gw__check_train(const gw__frame *frame) {
    gw__spec *spec = frame->reading->spec;
    if (NODE(frame, "data_seed") == NULL) spec->train.data_seed = spec->train.seed;
    if (splits_gradients(spec) && has_gate_losses(spec)) {
        return gw__fail_value(frame, NODE(frame, "balance"), "key 'balance': this method takes gradients task by task, but 'model.gates.balance' belongs to none");
    }
    if (!spec->train.early_stop.on) return GW_OK;
    if (spec->data.valid.kind == GW__SPLIT_NONE) {
        return gw__fail_key(frame, NODE(frame, "early_stop"), "key 'early_stop' needs rows to measure on; hint: 'data.valid: {fraction: 0.1}'");
    }
    return check_metric(frame, gw__inner_node(frame, "early_stop", "metric"), spec->train.early_stop.metric);
}
