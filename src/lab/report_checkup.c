#include "lab/report_checkup.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "lab/markup.h"

/* What a checkup is made from. Out of memory is remembered in `failed`. */
typedef struct maker {
    gw__arena *arena;
    bool failed;
} maker;

static void *take(maker *m, size_t n, size_t item) {
    void *p = gw__arena_alloc(m->arena, n + 1, item);
    m->failed |= !p;
    return p;
}

/* A finished text in the arena. */
static const char *keep(maker *m, gw__text *text) {
    const char *kept = text->at && !text->failed ? gw__arena_text(m->arena, text->at, text->n) : NULL;
    m->failed |= !kept;
    gw__text_clear(text);
    return kept;
}

static const char *text_of(const gw__doc *map, const char *key) {
    const gw__doc *found = gw__doc_get(map, key);
    return found && found->kind == GW__DOC_SCALAR ? found->text.at : "";
}

static double number_of(const gw__doc *node) {
    double value;
    return node && node->kind == GW__DOC_SCALAR && gw__parse_double(node->text, &value) ? value : NAN;
}

static size_t count_of(const gw__doc *list) { return list && list->kind == GW__DOC_LIST ? list->n : 0; }

static const char *value_text(maker *m, const gw__doc *node) {
    gw__text text = {0};
    gw__markup_value(&text, number_of(node));
    return keep(m, &text);
}

static const char *level_name(maker *m, const gw__doc *map, const char *name, bool several) {
    gw__text text = {0};
    if (several) gw__text_addf(&text, "level %s, ", text_of(map, "level"));
    gw__text_puts(&text, name);
    return keep(m, &text);
}

static bool has_levels(const gw__doc *list) {
    return list->first && list->last && strcmp(text_of(list->first, "level"), text_of(list->last, "level")) != 0;
}

/* ---- warnings ---- */

static void fill_warnings(maker *m, const gw__doc *const *epochs, size_t n_epochs, gw__report_health *health) {
    size_t n = 0;
    for (size_t i = 0; i < n_epochs; i++) n += count_of(gw__doc_get(epochs[i], "warnings"));
    const char **warnings = take(m, n, sizeof *warnings);
    for (size_t i = 0; warnings && i < n_epochs; i++) {
        const gw__doc *list = gw__doc_get(epochs[i], "warnings");
        for (const gw__doc *warning = count_of(list) ? list->first : NULL; warning; warning = warning->next)
            warnings[health->n_warnings++] = text_of(warning, "text");
    }
    health->warnings = warnings;
}

/* ---- gates and experts, as tables ---- */

static const char *const gate_heads[] = {"gate", "entropy", "of the most", "effective experts", "entropy of a row"};

static void fill_gates(maker *m, const gw__doc *gates, gw__report_table *table) {
    static const char *const keys[] = {"entropy", "normalised", "effective", "row_entropy"};
    const char **cells = take(m, count_of(gates) * GW__COUNT(gate_heads), sizeof *cells);
    const bool several = has_levels(gates);
    size_t n = 0;
    for (const gw__doc *gate = gates->first; gate && cells; gate = gate->next) {
        cells[n++] = level_name(m, gate, text_of(gate, "stream"), several);
        for (size_t k = 0; k < GW__COUNT(keys); k++) cells[n++] = value_text(m, gw__doc_get(gate, keys[k]));
    }
    *table = (gw__report_table){.title = "Gates", .note = "Entropy in nats, of the mean weights and, on average, of a row's own. Both low: all rows go one way. High and low: "
                                "each row has its experts, and all are used.", .columns = gate_heads, .n_columns = GW__COUNT(gate_heads),
                                .cells = cells, .n_rows = count_of(gates)};
}

static const char *const expert_heads[] = {"expert", "units", "dead", "share"};

static const char *percent(maker *m, double share) {
    gw__text text = {0};
    gw__markup_fixed(&text, 100 * share, 1);
    gw__text_puts(&text, " %");
    return keep(m, &text);
}

static bool has_units(const gw__doc *expert) { return number_of(gw__doc_get(expert, "units")) > 0; }

static void fill_experts(maker *m, const gw__doc *experts, gw__report_table *table) {
    const char **cells = take(m, count_of(experts) * GW__COUNT(expert_heads), sizeof *cells);
    const bool several = has_levels(experts);
    size_t n = 0;
    for (const gw__doc *expert = experts->first; expert && cells; expert = expert->next) {
        if (!has_units(expert)) continue;
        cells[n++] = level_name(m, expert, text_of(expert, "name"), several);
        cells[n++] = text_of(expert, "units");
        cells[n++] = text_of(expert, "dead");
        cells[n++] = percent(m, number_of(gw__doc_get(expert, "dead")) / number_of(gw__doc_get(expert, "units")));
    }
    *table = (gw__report_table){.title = "Dead units", .note = "Units that are 0 in every row of the sample, of those that can be.", .columns = expert_heads,
                                .n_columns = GW__COUNT(expert_heads), .cells = cells, .n_rows = n / GW__COUNT(expert_heads)};
}

/* ---- likeness and conflict, as heat maps ---- */

static const char *const *names_of(maker *m, const gw__doc *list) {
    const char **names = take(m, count_of(list), sizeof *names);
    size_t n = 0;
    for (const gw__doc *name = count_of(list) ? list->first : NULL; name && names; name = name->next) names[n++] = name->text.at;
    return names;
}

/* A square matrix with names; false if it has not that shape. */
static bool fill_matrix(maker *m, const gw__doc *names, const gw__doc *rows, gw__report_matrix *matrix) {
    const size_t n = count_of(names);
    double *values = take(m, n * n, sizeof *values);
    size_t at = 0;
    if (n == 0 || count_of(rows) != n || !values) return false;
    for (const gw__doc *row = rows->first; row; row = row->next) {
        if (count_of(row) != n) return false;
        for (const gw__doc *cell = row->first; cell; cell = cell->next) values[at++] = number_of(cell);
    }
    matrix->rows = matrix->columns = names_of(m, names);
    matrix->n_rows = matrix->n_columns = n;
    matrix->values = values;
    return !m->failed;
}

static void add_similarity(maker *m, const gw__doc *level, bool several, gw__report_matrix *matrices, gw__report_health *health) {
    gw__report_matrix matrix = {.note = "1: the same but for rotation and scale; 0: nothing in common (CKA).", .low = 0, .high = 1};
    if (!fill_matrix(m, gw__doc_get(level, "experts"), gw__doc_get(level, "values"), &matrix) || matrix.n_rows < 2) return;
    gw__text title = {0};
    if (several) gw__text_addf(&title, "Level %s: likeness of experts", text_of(level, "level"));
    else gw__text_puts(&title, "Likeness of experts");
    matrix.title = keep(m, &title);
    matrices[health->n_matrices++] = matrix;
}

static void add_conflict(maker *m, const gw__doc *conflict, gw__report_matrix *matrices, gw__report_health *health) {
    gw__report_matrix matrix = {.title = "Conflict of tasks", .note = "Cosines of the tasks' gradients by what they share; below 0 a step for one is a step against the other.",
                                .low = -1, .high = 1};
    if (!fill_matrix(m, gw__doc_get(conflict, "tasks"), gw__doc_get(conflict, "cosines"), &matrix) || matrix.n_rows < 2) return;
    matrices[health->n_matrices++] = matrix;
}

/* ---- the whole ---- */

static void fill_figures(maker *m, const gw__doc *look, gw__report_health *health) {
    const gw__doc *gates = gw__doc_get(look, "gates"), *experts = gw__doc_get(look, "experts"), *similarity = gw__doc_get(look, "similarity");
    gw__report_table *tables = take(m, 2, sizeof *tables);
    gw__report_matrix *matrices = take(m, count_of(similarity) + 1, sizeof *matrices);
    if (!tables || !matrices) return;
    if (count_of(gates)) fill_gates(m, gates, &tables[health->n_tables++]);
    if (count_of(experts)) fill_experts(m, experts, &tables[health->n_tables]);
    if (tables[health->n_tables].n_rows > 0) health->n_tables++;
    for (const gw__doc *level = count_of(similarity) ? similarity->first : NULL; level; level = level->next)
        add_similarity(m, level, has_levels(similarity), matrices, health);
    if (gw__doc_get(look, "conflict")) add_conflict(m, gw__doc_get(look, "conflict"), matrices, health);
    health->tables = tables;
    health->matrices = matrices;
}

/* The last look up to the kept epoch, else the first after it. */
static const gw__doc *choose_look(const gw__doc *const *epochs, size_t n_epochs, size_t kept) {
    const gw__doc *chosen = NULL;
    for (size_t i = 0; i < n_epochs; i++) {
        const gw__doc *look = gw__doc_get(epochs[i], "health");
        if (look && (!chosen || number_of(gw__doc_get(epochs[i], "epoch")) <= (double)kept)) chosen = epochs[i];
    }
    return chosen;
}

static const char *part_name(const char *part) { return strcmp(part, "valid") == 0 ? "validation" : strcmp(part, "train") == 0 ? "training" : part; }

gw_status gw__report_checkup(const gw__doc *const *epochs, size_t n_epochs, size_t kept, gw__arena *arena, const gw__report_health **ret_health, gw_error *err) {
    maker m = {.arena = arena};
    gw__report_health *health = take(&m, 1, sizeof *health);
    const gw__doc *chosen = choose_look(epochs, n_epochs, kept), *look = chosen ? gw__doc_get(chosen, "health") : NULL;
    gw__text lead = {0};
    if (!health) return gw__fail_nomem(err);
    fill_warnings(&m, epochs, n_epochs, health);
    health->checked = look != NULL;
    if (look) {
        fill_figures(&m, look, health);
        gw__text_addf(&lead, "Measured after epoch %s on a sample of %s rows of the %s part.", text_of(chosen, "epoch"), text_of(look, "rows"), part_name(text_of(look, "part")));
        health->lead = keep(&m, &lead);
    }
    if (m.failed) return gw__fail_nomem(err);
    *ret_health = health->checked || health->n_warnings > 0 ? health : NULL;
    return GW_OK;
}
