/* Tasks of a first spec: which column, which type, and which text is the positive one. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "lab/init_plan.h"

#define MAX_CLASSES 100     /* more distinct texts than these are no classes to guess */
#define FEW_NUMBERS 20      /* as many distinct integers may be classes */

static const char *const type_names[] = {
#define X(name, word, loss, chief) [GW_TASK_##name] = word,
    GW__TASK_ROSTER(X)
#undef X
};

static const char *const positive_words[] = {"1", "yes", "y", "true", "t", "positive", "pos", "good", "success"};
static const char *const negative_words[] = {"0", "no", "n", "false", "f", "negative", "neg", "bad", "failure"};

/* ---- text ---- */

const char *gw__init_reason(gw__init_plan *plan, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n < 0) return NULL;
    return gw__arena_text(&plan->arena, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void gw__init_add_number(gw__text *text, double value) {
    int exponent = 0; /* of the power of ten that leaves three digits before the point */
    double size = fabs(value), read = 0;
    for (; size >= 999.5 && isfinite(size); exponent++) size /= 10;
    for (; size > 0 && size < 99.95; exponent--) size *= 10;
    char digits[32];
    const int n = snprintf(digits, sizeof digits, "%s%lldE%d", value < 0 ? "-" : "", isfinite(size) ? llround(size) : 0, exponent);
    gw__parse_double((gw__slice){digits, (size_t)n}, &read);
    gw__text_add(text, digits, (size_t)gw__format_double(read, digits));
}

void gw__init_add_shown(gw__text *text, gw__slice shown) {
    const size_t limit = 32;
    size_t n = shown.n < limit ? shown.n : limit;
    while (n < shown.n && n > 0 && ((unsigned char)shown.at[n] & 0xC0) == 0x80) n--; /* not inside a character */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)shown.at[i], next = i + 1 < n ? (unsigned char)shown.at[i + 1] : 0;
        bool c1_control = c == 0xC2 && next < 0xA0; /* U+0080 to U+009F */
        bool separator = c == 0xE2 && next == 0x80 && i + 2 < n && ((unsigned char)shown.at[i + 2] & 0xFE) == 0xA8; /* U+2028, U+2029 */
        bool mark = (c == 0xEF && next == 0xBB) || (c == 0xEF && next == 0xBF); /* the byte order mark, U+FFFE and neighbours */
        if (c >= 0x20 && c != 0x7F && !c1_control && !separator && !mark) {
            gw__text_putc(text, (char)c);
            continue;
        }
        gw__text_putc(text, '?');
        i += c1_control ? 1 : separator || mark ? 2 : 0;
    }
    if (n < shown.n) gw__text_puts(text, "…");
}

/* ---- names ---- */

static ptrdiff_t find_column(const gw__profiles *profiles, gw__slice name) {
    for (size_t i = 0; i < profiles->n_columns; i++)
        if (gw__slice_is(name, profiles->columns[i].name)) return (ptrdiff_t)i;
    return -1;
}

static gw_status fail_column(const gw__init_plan *plan, gw__slice name, gw_error *err) {
    gw__arena arena = {0};
    const char **names = gw__arena_alloc(&arena, plan->profiles->n_columns + 1, sizeof *names);
    for (size_t i = 0; names && i < plan->profiles->n_columns; i++) names[i] = plan->profiles->columns[i].name;
    const char *near = names ? gw__nearest(name, names, plan->profiles->n_columns) : NULL;
    gw_status status = gw__fail(err, GW_E_ARGUMENT, "task '%.*s': the table has no column of this name%s%s%s", GW__SLICE_ARG(name),
                                near ? "; hint: did you mean '" : "", near ? near : "", near ? "'?" : "");
    gw__arena_clear(&arena);
    return status;
}

static gw_status fail_type(const char *task, const char *found, gw_error *err) {
    char list[128] = "";
    const char *near = gw__nearest(gw__slice_of(found), type_names, GW__COUNT(type_names));
    for (size_t i = 0; i < GW__COUNT(type_names); i++) {
        const char *link = i == 0 ? "" : i + 1 < GW__COUNT(type_names) ? ", " : " or ";
        strncat(list, link, sizeof list - strlen(list) - 1);
        strncat(list, type_names[i], sizeof list - strlen(list) - 1);
    }
    return gw__fail(err, GW_E_ARGUMENT, "task '%s': expected the type %s but found '%s'%s%s%s", task, list, found, near ? "; hint: did you mean '" : "",
                    near ? near : "", near ? "'?" : "");
}

/* "COLUMN" or "COLUMN:TYPE"; a column may have colons in its own name. *ret_type is -1 when there is none. */
static gw_status split_task(const gw__init_plan *plan, const char *text, size_t *ret_column, int *ret_type, gw_error *err) {
    gw__slice whole = gw__slice_of(text);
    ptrdiff_t column = find_column(plan->profiles, whole);
    const char *colon = strrchr(text, ':');
    *ret_type = -1;
    if (column < 0 && colon) {
        gw__slice name = {text, (size_t)(colon - text)};
        for (size_t i = 0; i < GW__COUNT(type_names); i++)
            if (strcmp(colon + 1, type_names[i]) == 0) *ret_type = (int)i;
        column = find_column(plan->profiles, name);
        if (column >= 0 && *ret_type < 0) return fail_type(text, colon + 1, err);
        if (*ret_type >= 0) whole = name;
    }
    if (column < 0) return fail_column(plan, whole, err);
    *ret_column = (size_t)column;
    return GW_OK;
}

static bool is_reserved(const char *name) {
    if (strcmp(name, "shared") == 0 || strcmp(name, "all") == 0) return true;
    return strncmp(name, "expert", 6) == 0 && name[6] != '\0' && strspn(name + 6, "0123456789") == strlen(name + 6);
}

/* A task's name from its column's: without what the names of tensors do not allow, and not yet taken. */
static const char *task_name(gw__init_plan *plan, const char *column) {
    char name[240];
    snprintf(name, sizeof name - 40, "%s", column);
    size_t n = strlen(name);
    if (n < strlen(column)) /* cut: not inside a character */
        while (n > 0 && ((unsigned char)column[n] & 0xC0) == 0x80) name[--n] = '\0';
    for (size_t i = 0; i < n; i++)
        if (name[i] == '.' || (unsigned char)name[i] < 0x20 || name[i] == 0x7F) name[i] = '_';
    if (is_reserved(name)) n += (size_t)snprintf(name + n, 6, "_task");
    for (int copy = 2;; copy++) {
        bool taken = false;
        for (size_t t = 0; t < plan->n_tasks; t++) taken = taken || strcmp(plan->tasks[t].name, name) == 0;
        if (!taken) return gw__arena_text(&plan->arena, name, strlen(name));
        snprintf(name + n, 24, "_%d", copy);
    }
}

/* ---- types ---- */

static bool is_zero_one(const gw__init_plan *plan, const gw__profile *column) {
    if (!gw__profile_numeric(plan->profiles, column)) return false;
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        double value = -1;
        if (gw__profile_is_missing(plan->profiles, column->kept[i].text)) continue;
        if (!gw__parse_double(column->kept[i].text, &value) || (value != 0 && value != 1)) return false;
    }
    return !column->many;
}

static bool is_word(gw__slice text, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text.n == strlen(words[i]) && strncasecmp(text.at, words[i], text.n) == 0) return true;
    return false;
}

/* Byte order, so that ties do not depend on the order of rows. */
static int compare(gw__slice a, gw__slice b) {
    int order = memcmp(a.at, b.at, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* The positive text of a binary task: the obvious one, else the rarer of two, else the most frequent of several. */
static gw_status choose_positive(gw__init_plan *plan, gw__task_plan *task, const gw__profile *column, gw_error *err) {
    const gw__value *chosen = NULL;
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    const char *why = distinct == 2 ? "the rarer of the two" : "the most frequent of several; every other value is negative";
    bool known_negative = false;
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        const gw__value *value = &column->kept[i];
        if (gw__profile_is_missing(plan->profiles, value->text)) continue;
        known_negative = known_negative || is_word(value->text, negative_words, GW__COUNT(negative_words));
        bool better = !chosen || (distinct == 2 ? value->count < chosen->count : value->count > chosen->count);
        bool tie = chosen && value->count == chosen->count && compare(value->text, chosen->text) > 0;
        if (better || tie) chosen = value;
    }
    for (size_t i = 0; distinct == 2 && i < column->n_distinct; i++) {
        const gw__value *value = &column->kept[i];
        if (gw__profile_is_missing(plan->profiles, value->text)) continue;
        bool positive = is_word(value->text, positive_words, GW__COUNT(positive_words));
        bool other = known_negative && !is_word(value->text, negative_words, GW__COUNT(negative_words));
        if (!positive && !other) continue;
        chosen = value;
        why = "by its meaning";
    }
    task->positive = chosen->text;
    int64_t labelled = plan->profiles->rows - gw__profile_missing(plan->profiles, column);
    long permille = lround(1000.0 * (double)chosen->count / (double)labelled);
    task->reason = gw__init_reason(plan, "positive: %s, %ld.%ld %% of the labelled rows", why, permille / 10, permille % 10);
    return task->reason ? GW_OK : gw__fail_nomem(err);
}

static gw_status guess_type(const gw__init_plan *plan, const gw__profile *column, gw_task_type *ret_type, gw_error *err) {
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    bool numeric = gw__profile_numeric(plan->profiles, column), integers = column->integers == column->numbers;
    if (distinct == 2)
        *ret_type = GW_TASK_BINARY;
    else if (numeric && (column->many || distinct > FEW_NUMBERS || !integers))
        *ret_type = GW_TASK_REGRESSION;
    else if (distinct <= MAX_CLASSES && !column->many)
        *ret_type = GW_TASK_MULTICLASS;
    else
        return gw__fail_at(err, GW_E_DATA, column->name, 0, 0,
                           "column '%s': expected numbers or at most %d classes to predict but found %s%zu distinct texts; "
                           "hint: --task COLUMN:TYPE says what it is",
                           column->name, MAX_CLASSES, column->many ? "over " : "", distinct);
    return GW_OK;
}

/* Types whose labels are numbers, and what such a task is called in messages; NULL for others. */
static const char *needs_numbers(gw_task_type type) {
    switch (type) {
    case GW_TASK_REGRESSION: return "a regression";
    case GW_TASK_COUNT: return "a count";
    case GW_TASK_QUANTILE: return "a quantile";
    default: return NULL;
    }
}

static bool has_classes(gw_task_type type) { return type == GW_TASK_MULTICLASS || type == GW_TASK_ORDINAL; }

static gw_status check_numbers(const gw__init_plan *plan, const gw__profile *column, gw_task_type type, gw_error *err) {
    if (gw__profile_numeric(plan->profiles, column)) {
        if (type != GW_TASK_COUNT || column->min >= 0) return GW_OK;
        return gw__fail_at(err, GW_E_DATA, column->name, 0, 0, "column '%s': a count needs non-negative numbers but found %g", column->name, column->min);
    }
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        double value;
        gw__slice text = column->kept[i].text;
        if (!gw__profile_is_missing(plan->profiles, text) && !gw__parse_double(text, &value))
            return gw__fail_at(err, GW_E_DATA, column->name, 0, 0, "column '%s': %s needs numbers but found '%.*s'", column->name, needs_numbers(type),
                               GW__SLICE_ARG(text));
    }
    return gw__fail_at(err, GW_E_DATA, column->name, 0, 0, "column '%s': %s needs numbers but found texts", column->name, needs_numbers(type));
}

static gw_status check_type(const gw__init_plan *plan, const gw__profile *column, gw_task_type type, gw_error *err) {
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    if (distinct < 2)
        return gw__fail_at(err, GW_E_DATA, column->name, 0, 0, "column '%s': expected something to predict but found %s", column->name,
                           distinct == 0 ? "no value" : "one value only");
    size_t most = plan->profiles->distinct_limit < GW__PROFILE_VALUES ? plan->profiles->distinct_limit : GW__PROFILE_VALUES;
    if (has_classes(type) && (column->many || distinct > most))
        return gw__fail_at(err, GW_E_DATA, column->name, 0, 0, "column '%s': expected at most %zu classes but found %s%zu distinct values", column->name,
                           most, column->many ? "over " : "", distinct);
    return needs_numbers(type) ? check_numbers(plan, column, type, err) : GW_OK;
}

/* Outputs begin near 0 and move by about the learning rate in a step: thousands are out of reach, and millionths are stepped over. */
static void advise_scale(double mean, double variance, gw__text *text) {
    const double size = fmax(fabs(mean), sqrt(fmax(variance, 0)));
    if ((size >= 1e-4 && size <= 1000) || !(size > 0) || !isfinite(size)) return;
    gw__text_addf(text, "; so far from 1 that learning takes long: better divide the column by 1e%d", (int)floor(log10(size)));
}

/* The labels' mean and spread; with several tasks, a weight that brings a regression's squared error near 1. */
static gw_status describe_numbers(gw__init_plan *plan, gw__task_plan *task, const gw__profile *column, bool several, gw_error *err) {
    double n = (double)column->numbers, mean = column->sum / n, variance = column->sum_squares / n - mean * mean;
    gw__text text = {0};
    gw__text_puts(&text, "mean ");
    gw__init_add_number(&text, mean);
    gw__text_puts(&text, ", standard deviation ");
    gw__init_add_number(&text, variance > 0 ? sqrt(variance) : 0);
    if (several && task->type == GW_TASK_REGRESSION && variance > 0 && (variance > 100 || variance < 0.01)) {
        gw__text weight = {0};
        gw__init_add_number(&weight, 1 / variance);
        if (weight.failed || !gw__parse_double((gw__slice){weight.at, weight.n}, &task->weight)) task->weight = 1;
        gw__text_clear(&weight);
        gw__text_puts(&text, "; labels are not rescaled, so the weight is 1 over the variance");
    }
    if (task->type == GW_TASK_REGRESSION) advise_scale(mean, variance, &text);
    if (task->type == GW_TASK_REGRESSION && column->min == 0 && column->integers == column->numbers) gw__text_puts(&text, "; a count if it counts events");
    if (task->type == GW_TASK_REGRESSION) gw__text_puts(&text, "; quantile to learn medians or ranges");
    task->reason = text.failed ? NULL : gw__arena_text(&plan->arena, text.at, text.n);
    gw__text_clear(&text);
    return task->reason ? GW_OK : gw__fail_nomem(err);
}

/* Classes as texts have no order of their own: an ordinal task gets a list to be put in order. */
static gw_status describe_classes(gw__init_plan *plan, gw__task_plan *task, const gw__profile *column, size_t distinct, gw_error *err) {
    const bool numeric = gw__profile_numeric(plan->profiles, column), ordinal = task->type == GW_TASK_ORDINAL;
    task->lists_classes = ordinal && !numeric;
    task->reason = gw__init_reason(plan, "%zu classes%s", distinct, task->lists_classes ? "; put them in order, from low to high"
                                                                   : ordinal  ? ""
                                                                   : !numeric ? "; ordinal if they rank, binary to tell one of them (positive) from all others"
                                                                              : "; a regression if the numbers measure something, ordinal if they rank");
    return task->reason ? GW_OK : gw__fail_nomem(err);
}

static gw_status plan_task(gw__init_plan *plan, const char *text, bool several, gw_error *err) {
    gw__task_plan task = {.weight = 1};
    int type;
    gw_status status = split_task(plan, text, &task.column, &type, err);
    if (status != GW_OK) return status;
    const gw__profile *column = &plan->profiles->columns[task.column];
    for (size_t t = 0; t < plan->n_tasks; t++)
        if (plan->tasks[t].column == task.column) return gw__fail(err, GW_E_ARGUMENT, "task '%s' is there twice", column->name);
    if (type >= 0)
        task.type = (gw_task_type)type;
    else
        status = guess_type(plan, column, &task.type, err);
    if (status == GW_OK) status = check_type(plan, column, task.type, err);
    if (status != GW_OK) return status;
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    if (needs_numbers(task.type)) {
        status = describe_numbers(plan, &task, column, several, err);
    } else if (has_classes(task.type)) {
        status = describe_classes(plan, &task, column, distinct, err);
    } else if (!is_zero_one(plan, column)) {
        status = choose_positive(plan, &task, column, err);
    } else {
        long permille = lround(1000 * column->sum / (double)column->numbers);
        task.reason = gw__init_reason(plan, "cells are 0 and 1; %ld.%ld %% of the labelled rows are 1", permille / 10, permille % 10);
        if (!task.reason) status = gw__fail_nomem(err);
    }
    if (status != GW_OK) return status;
    task.name = task_name(plan, column->name);
    if (!task.name) return gw__fail_nomem(err);
    plan->tasks[plan->n_tasks++] = task;
    return GW_OK;
}

gw_status gw__init_plan_tasks(gw__init_plan *plan, const char *const *tasks, size_t n_tasks, gw_error *err) {
    plan->tasks = gw__arena_alloc(&plan->arena, n_tasks, sizeof *plan->tasks);
    if (!plan->tasks) return gw__fail_nomem(err);
    gw_status status = GW_OK;
    for (size_t i = 0; status == GW_OK && i < n_tasks; i++) status = plan_task(plan, tasks[i], n_tasks > 1, err);
    return status;
}

void gw__init_plan_clear(gw__init_plan *plan) {
    gw__arena_clear(&plan->arena);
}
