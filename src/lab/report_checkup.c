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

static const char *text_of(const gw__doc *map, const char *key) { return gw__doc_text(gw__doc_get(map, key)).at; }

static double number_of(const gw__doc *node) {
    double value;
    return node && node->kind == GW__DOC_SCALAR && gw__parse_double(node->text, &value) ? value : NAN;
}

static size_t count_of(const gw__doc *list) { return list && list->kind == GW__DOC_LIST ? list->n : 0; }

static const char *value_text(maker *m, const gw__doc *node) {
    gw__text text = {0};
    gw__markup_fixed(&text, number_of(node), 3);
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

/* The second column is left out where there is one level only. */
static const char *const gate_heads[] = {"gate", "level", "entropy", "normalised", "effective", "of a row"};
static const char *const gate_keys[] = {"entropy", "normalised", "effective", "row_entropy"};

/* Names and, of several levels, the level: how many cells that are. */
static size_t put_names(const char **cells, const char *name, const gw__doc *part, bool several) {
    cells[0] = name;
    if (several) cells[1] = text_of(part, "level");
    return several ? 2 : 1;
}

/* The heads of a table, without the level if there is one only. */
static const char *const *heads_of(maker *m, const char *const *heads, size_t n, bool several) {
    const char **kept = take(m, n, sizeof *kept);
    for (size_t i = 0, at = 0; kept && i < n; i++)
        if (i != 1 || several) kept[at++] = heads[i];
    return kept;
}

static void fill_gates(maker *m, const gw__doc *gates, gw__report_table *table) {
    const bool several = has_levels(gates);
    const size_t width = GW__COUNT(gate_heads) - !several;
    const char **cells = take(m, count_of(gates) * width, sizeof *cells);
    size_t n = 0;
    for (const gw__doc *gate = gates->first; gate && cells; gate = gate->next) {
        n += put_names(cells + n, text_of(gate, "stream"), gate, several);
        for (size_t k = 0; k < GW__COUNT(gate_keys); k++) cells[n++] = value_text(m, gw__doc_get(gate, gate_keys[k]));
    }
    *table = (gw__report_table){.title = "Gates", .columns = heads_of(m, gate_heads, GW__COUNT(gate_heads), several), .n_columns = width, .cells = cells, .n_rows = count_of(gates),
                                .note = "Entropy of the mean weights, as a share of the most that there can be, as a number of experts; and of a row's own weights. "
                                        "Both entropies low: all rows go one way. High and low: each row has its experts, and all are used."};
}

static const char *const expert_heads[] = {"expert", "level", "units", "dead", "share"};

static const char *percent(maker *m, double share) {
    gw__text text = {0};
    gw__markup_fixed(&text, 100 * share, 1);
    gw__text_puts(&text, " %");
    return keep(m, &text);
}

static bool has_units(const gw__doc *expert) { return number_of(gw__doc_get(expert, "units")) > 0; }

static void fill_experts(maker *m, const gw__doc *experts, gw__report_table *table) {
    const bool several = has_levels(experts);
    const size_t width = GW__COUNT(expert_heads) - !several;
    const char **cells = take(m, count_of(experts) * width, sizeof *cells);
    size_t n = 0;
    for (const gw__doc *expert = experts->first; expert && cells; expert = expert->next) {
        if (!has_units(expert)) continue;
        n += put_names(cells + n, text_of(expert, "name"), expert, several);
        cells[n++] = text_of(expert, "units");
        const double dead = number_of(gw__doc_get(expert, "dead")); /* of an expert that no gate kept for any row nothing is known */
        cells[n++] = isfinite(dead) ? text_of(expert, "dead") : "\xE2\x80\x93";
        cells[n++] = isfinite(dead) ? percent(m, dead / number_of(gw__doc_get(expert, "units"))) : "got no rows";
    }
    *table = (gw__report_table){.title = "Dead units", .note = "Units that are 0 in every row of the sample, of those that can be.", .cells = cells,
                                .columns = heads_of(m, expert_heads, GW__COUNT(expert_heads), several), .n_columns = width, .n_rows = n / width};
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

static bool has_values(const gw__report_matrix *matrix) {
    for (size_t i = 0; i < matrix->n_rows * matrix->n_columns; i++)
        if (isfinite(matrix->values[i])) return true;
    return false;
}

/* Whether gates of the level keep some experts of a row only, so that some experts have fewer rows than there are. */
static bool is_sparse(const gw__doc *look, const gw__doc *level) {
    const gw__doc *experts = gw__doc_get(look, "experts");
    for (const gw__doc *expert = count_of(experts) ? experts->first : NULL; expert; expert = expert->next)
        if (strcmp(text_of(expert, "level"), text_of(level, "level")) == 0 && number_of(gw__doc_get(expert, "rows")) < number_of(gw__doc_get(look, "rows"))) return true;
    return false;
}

/* Why a level has no matrix, behind what is said of the figures. */
static void tell_missing(const gw__doc *look, const gw__doc *level, bool several, gw__text *lead) {
    gw__text_puts(lead, several ? " On level " : " The");
    if (several) gw__text_addf(lead, "%s the", text_of(level, "level"));
    gw__text_addf(lead, " likeness of experts cannot be told: %s.", is_sparse(look, level) ? "gates keep few experts of a row, so that experts see different rows" :
                  "their outputs are constant, too wide to be compared in passing, or of too few rows");
}

static void add_similarity(maker *m, const gw__doc *look, const gw__doc *level, bool several, gw__text *lead, gw__report_matrix *matrices, gw__report_health *health) {
    gw__report_matrix matrix = {.note = "1: the same but for rotation and scale; 0: nothing in common (CKA).", .low = 0, .high = 1};
    if (!fill_matrix(m, gw__doc_get(level, "experts"), gw__doc_get(level, "values"), &matrix) || matrix.n_rows < 2) return;
    gw__text title = {0};
    if (!has_values(&matrix)) {
        tell_missing(look, level, several, lead);
        return;
    }
    if (several) gw__text_addf(&title, "Level %s: likeness of experts", text_of(level, "level"));
    else gw__text_puts(&title, "Likeness of experts");
    matrix.title = keep(m, &title);
    matrices[health->n_matrices++] = matrix;
}

static void add_conflict(maker *m, const gw__doc *epoch, gw__report_matrix *matrices, gw__report_health *health) {
    const gw__doc *conflict = gw__doc_get(gw__doc_get(epoch, "health"), "conflict");
    gw__report_matrix matrix = {.title = "Conflict of tasks", .low = -1, .high = 1};
    gw__text note = {0};
    if (!conflict || !fill_matrix(m, gw__doc_get(conflict, "tasks"), gw__doc_get(conflict, "cosines"), &matrix) || matrix.n_rows < 2) return;
    gw__text_addf(&note, "Cosines of the tasks' gradients by what they share, after epoch %s. Below 0 a step for one is a step against the other.", text_of(epoch, "epoch"));
    matrix.note = keep(m, &note);
    matrices[health->n_matrices++] = matrix;
}

/* ---- the whole ---- */

/* What cannot be shown is told in `lead`. */
static void fill_figures(maker *m, const gw__doc *look, const gw__doc *epoch, gw__text *lead, gw__report_health *health) {
    const gw__doc *gates = gw__doc_get(look, "gates"), *experts = gw__doc_get(look, "experts"), *similarity = gw__doc_get(look, "similarity");
    gw__report_table *tables = take(m, 2, sizeof *tables);
    gw__report_matrix *matrices = take(m, count_of(similarity) + 1, sizeof *matrices);
    if (!tables || !matrices) return;
    if (count_of(gates)) fill_gates(m, gates, &tables[health->n_tables++]);
    if (count_of(experts)) fill_experts(m, experts, &tables[health->n_tables]);
    if (tables[health->n_tables].n_rows > 0) health->n_tables++;
    for (const gw__doc *level = count_of(similarity) ? similarity->first : NULL; level; level = level->next)
        add_similarity(m, look, level, has_levels(similarity), lead, matrices, health);
    add_conflict(m, epoch, matrices, health);
    health->tables = tables;
    health->matrices = matrices;
}

/* The last that was looked at up to the kept one, else the first after it; NULL: none. */
static const gw__doc *choose_epoch(const gw__doc *const *epochs, size_t n_epochs, size_t kept) {
    const gw__doc *chosen = NULL;
    for (size_t i = 0; i < n_epochs; i++)
        if (gw__doc_get(epochs[i], "health") && (!chosen || number_of(gw__doc_get(epochs[i], "epoch")) <= (double)kept)) chosen = epochs[i];
    return chosen;
}

gw_status gw__report_checkup(const gw__doc *const *epochs, size_t n_epochs, size_t kept, const gw__doc *look, const char *part, gw__arena *arena,
                             const gw__report_health **ret_health, gw_error *err) {
    maker m = {.arena = arena};
    gw__report_health *health = take(&m, 1, sizeof *health);
    gw__text lead = {0};
    if (!health) return gw__fail_nomem(err);
    fill_warnings(&m, epochs, n_epochs, health);
    if (look) gw__text_addf(&lead, "Of the model that was kept, on a sample of %s %s rows.", text_of(look, "rows"), part);
    fill_figures(&m, look, choose_epoch(epochs, n_epochs, kept), &lead, health);
    health->checked = look != NULL;
    if (look) health->lead = keep(&m, &lead);
    if (m.failed) return gw__fail_nomem(err);
    *ret_health = health->checked || health->n_warnings > 0 ? health : NULL;
    return GW_OK;
}
