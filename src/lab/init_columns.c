/* Columns of a first spec: which are inputs, of what type, and which say nothing or too much. */
#include <ctype.h>
#include <string.h>

#include "base/number.h"
#include "lab/init_plan.h"

#define ENOUGH_ROWS 100       /* fewer prove nothing about columns whose values all differ */
#define NEARLY_ALL 0.95
#define MANY_IDS 1000         /* ids with more distinct values are hashed */
#define MANY_TEXTS 10000      /* texts with more distinct values are hashed */
#define LONG_TEXT 60          /* mean bytes of what somebody wrote, rather than chose */
#define HEAVY_TAIL 50.0       /* largest value over mean */
#define MIN_BUCKETS 65536
#define MANY_BUCKETS 262144

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcasecmp(name + n - m, end) == 0;
}

static bool is_id_name(const char *name) {
    size_t n = strlen(name);
    bool camel = n > 2 && (strcmp(name + n - 2, "Id") == 0 || strcmp(name + n - 2, "ID") == 0) && islower((unsigned char)name[n - 3]);
    return camel || strcasecmp(name, "id") == 0 || ends_with(name, "_id") || ends_with(name, " id") || ends_with(name, ".id") || ends_with(name, "uuid");
}

static bool is_code_name(const char *name) {
    return strcasestr(name, "code") || strcasestr(name, "zip") || strcasestr(name, "postal") || strcasestr(name, "onehot") || ends_with(name, "_type");
}

static bool is_weight_name(const char *name) {
    static const char *const whose[] = {"instance", "sample", "row", "case", "survey"};
    for (size_t i = 0; i < GW__COUNT(whose); i++)
        if (strncasecmp(name, whose[i], strlen(whose[i])) == 0 && ends_with(name, "weight")) return true;
    return false;
}

/* 20220501 or 2022-05-01. */
static bool is_day(gw__slice text) {
    int digits[8], n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.n == 10 && (i == 4 || i == 7) && text.at[i] == '-') continue;
        if (n == 8 || text.at[i] < '0' || text.at[i] > '9') return false;
        digits[n++] = text.at[i] - '0';
    }
    if (n != 8) return false;
    int century = 10 * digits[0] + digits[1], month = 10 * digits[4] + digits[5], day = 10 * digits[6] + digits[7];
    return (century == 19 || century == 20) && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static bool holds_days(const gw__init_plan *plan, const gw__profile *column) {
    bool found = false;
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        gw__slice text = column->kept[i].text;
        if (gw__profile_is_missing(plan->profiles, text)) continue;
        if (!is_day(text)) return false;
        found = true;
    }
    return found;
}

static uint64_t buckets_for(const gw__init_plan *plan, const gw__profile *column) {
    if (column->many && column->n_distinct == GW__PROFILE_DISTINCT) return MANY_BUCKETS;
    uint64_t buckets = MIN_BUCKETS;
    while (buckets < 2 * gw__profile_distinct(plan->profiles, column)) buckets *= 2;
    return buckets;
}

/* The label that a column repeats, by other names or the same; NULL if none. Values that all differ prove nothing by their order. */
static const char *repeated_label(const gw__init_plan *plan, const gw__profile *column) {
    for (size_t t = 0; t < plan->n_tasks; t++) {
        const gw__profile *label = &plan->profiles->columns[plan->tasks[t].column];
        bool repeats = column->shape == label->shape && gw__profile_variety(column) < 0.5 && column->values >= 20;
        bool same_numbers = column->numbers > 20 && column->numbers == label->numbers && column->sum == label->sum &&
                            column->sum_squares == label->sum_squares && column->n_distinct == label->n_distinct && column->n_distinct > 1;
        if (repeats || same_numbers) return label->name;
    }
    return NULL;
}

/* The label that decides whether a column has a value: it is known only after the label is. NULL if none. */
static const char *deciding_label(const gw__init_plan *plan, const gw__profile *column) {
    for (size_t t = 0; t < plan->n_tasks; t++) {
        const gw__profile *label = &plan->profiles->columns[plan->tasks[t].column];
        if (column->missing > 0 && column->values >= 20 && column->presence == label->shape) return label->name;
    }
    return NULL;
}

/* A binary label of the same kind by its name, such as is_click for is_like: both may be known only afterwards. NULL if none. */
static const char *kindred_label(const gw__init_plan *plan, const gw__profile *column) {
    const char *end = strchr(column->name, '_');
    if (!end || column->min != 0 || column->max != 1 || gw__profile_distinct(plan->profiles, column) != 2) return NULL;
    for (size_t t = 0; t < plan->n_tasks; t++) {
        const char *label = plan->profiles->columns[plan->tasks[t].column].name;
        if (plan->tasks[t].type == GW_TASK_BINARY && strncmp(label, column->name, (size_t)(end - column->name) + 1) == 0) return label;
    }
    return NULL;
}

static void ignore(gw__column_plan *guess, const char *reason) {
    guess->role = GW__ROLE_IGNORED;
    guess->reason = reason;
}

static void plan_ids(gw__init_plan *plan, const gw__profile *column, gw__column_plan *guess, const char *what) {
    bool hashed = column->many || gw__profile_distinct(plan->profiles, column) > MANY_IDS;
    guess->type = hashed ? GW__FEATURE_HASHED : GW__FEATURE_CATEGORICAL;
    guess->buckets = hashed ? buckets_for(plan, column) : 0;
    guess->reason = what;
}

static void plan_numbers(gw__init_plan *plan, const gw__profile *column, gw__column_plan *guess) {
    bool integers = column->integers == column->numbers, id = is_id_name(column->name);
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    bool all_differ = integers && column->values >= ENOUGH_ROWS && gw__profile_variety(column) > NEARLY_ALL;
    if (all_differ && column->sequential) {
        ignore(guess, "a row number");
    } else if (all_differ && (id || column->wide)) {
        ignore(guess, "an identifier: its values nearly all differ");
    } else if (integers && id) {
        plan_ids(plan, column, guess, "by its name an identifier");
    } else if (integers && column->wide) {
        plan_ids(plan, column, guess, "integers that a float cannot hold");
    } else if (integers && !column->many && distinct <= MANY_IDS && is_code_name(column->name)) {
        guess->type = GW__FEATURE_CATEGORICAL;
        guess->reason = "by its name codes rather than amounts";
    } else {
        guess->type = GW__FEATURE_NUMERIC;
        guess->log1p = distinct > 2 && column->min >= 0 && column->sum > 0 && column->max > HEAVY_TAIL * column->sum / (double)column->numbers;
        guess->indicator = gw__profile_missing(plan->profiles, column) > 0;
        if (integers && distinct > 2 && distinct <= 20) guess->reason = "categorical if these are codes";
        if (is_weight_name(column->name)) guess->reason = "by its name the weight of a row: row_weight of a task, rather than an input";
    }
}

static gw_status note_kindred(gw__init_plan *plan, const gw__profile *column, gw__column_plan *guess, gw_error *err) {
    const char *label = kindred_label(plan, column);
    if (guess->role != GW__ROLE_FEATURE || guess->reason || !label) return GW_OK;
    guess->reason = gw__init_reason(plan, "a name like that of the label '%s': is it known before?", label);
    return guess->reason ? GW_OK : gw__fail_nomem(err);
}

/* The first text that keeps a column of numbers from being numeric. */
static gw__slice odd_text(const gw__init_plan *plan, const gw__profile *column) {
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        double value;
        gw__slice text = column->kept[i].text;
        if (!gw__parse_double(text, &value) && !gw__profile_is_missing(plan->profiles, text)) return text;
    }
    return (gw__slice){0};
}

static gw_status note_odd_text(gw__init_plan *plan, const gw__profile *column, gw__column_plan *guess, gw_error *err) {
    gw__slice odd = odd_text(plan, column);
    if (guess->reason || !odd.at || 10 * column->numbers < 9 * column->values) return GW_OK;
    gw__text text = {0};
    gw__text_puts(&text, "mostly numbers; numeric once '");
    gw__init_add_shown(&text, odd);
    gw__text_puts(&text, "' and its like are named in data.missing");
    guess->reason = text.failed ? NULL : gw__arena_text(&plan->arena, text.at, text.n);
    gw__text_clear(&text);
    return guess->reason ? GW_OK : gw__fail_nomem(err);
}

static void plan_texts(gw__init_plan *plan, const gw__profile *column, gw__column_plan *guess) {
    bool all_differ = column->values >= ENOUGH_ROWS && gw__profile_variety(column) > NEARLY_ALL;
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    guess->type = GW__FEATURE_CATEGORICAL;
    if (5 * column->bars > column->values || 5 * column->semicolons > column->values) {
        guess->type = GW__FEATURE_BAG;
        guess->separator = column->bars >= column->semicolons ? "|" : ";";
    } else if (all_differ) {
        ignore(guess, "an identifier or free text: its values nearly all differ");
    } else if (column->values >= ENOUGH_ROWS && column->text_bytes > LONG_TEXT * column->values && (column->many || distinct > MANY_IDS)) {
        ignore(guess, "free text");
    } else if (column->many && column->n_distinct <= MANY_TEXTS) {
        plan_ids(plan, column, guess, "more values than init tells apart in so wide a table; categorical if not many more");
    } else if (column->many || distinct > MANY_TEXTS) {
        plan_ids(plan, column, guess, "too many values for a vocabulary worth keeping");
    }
}

static gw_status plan_column(gw__init_plan *plan, size_t index, gw_error *err) {
    const gw__profile *column = &plan->profiles->columns[index];
    gw__column_plan *guess = &plan->columns[index];
    for (size_t t = 0; t < plan->n_tasks; t++)
        if (plan->tasks[t].column == index) guess->role = GW__ROLE_LABEL;
    if (guess->role == GW__ROLE_LABEL) return GW_OK;
    size_t distinct = gw__profile_distinct(plan->profiles, column);
    const char *label = repeated_label(plan, column), *decider = deciding_label(plan, column);
    if (distinct == 0) {
        ignore(guess, "no value in any row");
    } else if (distinct == 1 && gw__profile_missing(plan->profiles, column) == 0) {
        ignore(guess, "one value only");
    } else if (label) {
        ignore(guess, gw__init_reason(plan, "says the same as the label '%s'", label));
        if (!guess->reason) return gw__fail_nomem(err);
    } else if (decider) {
        ignore(guess, gw__init_reason(plan, "has a value by what the label '%s' says: not known before it", decider));
        if (!guess->reason) return gw__fail_nomem(err);
    } else if (holds_days(plan, column)) {
        ignore(guess, "days, and those to predict are others; valid: {column: …, from: …} splits by them");
    } else if (gw__profile_numeric(plan->profiles, column)) {
        plan_numbers(plan, column, guess);
        return note_kindred(plan, column, guess, err);
    } else {
        plan_texts(plan, column, guess);
        return note_odd_text(plan, column, guess, err);
    }
    return GW_OK;
}

gw_status gw__init_plan_columns(gw__init_plan *plan, gw_error *err) {
    size_t n_features = 0;
    plan->columns = gw__arena_alloc(&plan->arena, plan->profiles->n_columns + 1, sizeof *plan->columns);
    if (!plan->columns) return gw__fail_nomem(err);
    for (size_t i = 0; i < plan->profiles->n_columns; i++) {
        gw_status status = plan_column(plan, i, err);
        if (status != GW_OK) return status;
        n_features += plan->columns[i].role == GW__ROLE_FEATURE;
    }
    if (n_features > 0) return GW_OK;
    return gw__fail(err, GW_E_DATA, "no column is left to predict from: all are labels, constant, identifiers, days or repeat a label");
}
