#include "cli/results.h"

#include <string.h>

#include "base/mem.h"

gw_status cli_result(const char *json, const char *what, gw__arena *arena, gw__doc **ret_doc, gw_error *err) {
    return gw__doc_parse_json(json, strlen(json), what, arena, ret_doc, err);
}

const gw__doc *cli_main_metric(const gw__doc *metrics) {
    static const char *const names[] = {"auc", "rmse", "accuracy", "pinball"};
    for (size_t i = 0; i < GW__COUNT(names); i++) {
        const gw__doc *found = gw__doc_get(metrics, names[i]);
        if (found) return found;
    }
    return NULL;
}

/* ---- metrics --------------------------------------------------------------------------------------------------------------------- */

enum { MAX_METRICS = 24 };

/* The metrics of all tasks, each once, in the order in which they first come. */
static size_t collect_metrics(const gw__doc *tasks, const char **names) {
    size_t n = 0;
    for (const gw__doc *task = tasks->first; task; task = task->next)
        for (const gw__doc *metric = task->first; metric && n < MAX_METRICS; metric = metric->next) {
            size_t i = 0;
            while (i < n && !gw__slice_is(metric->key, names[i])) i++;
            if (i == n && metric->kind == GW__DOC_SCALAR) names[n++] = metric->key.at;
        }
    return n;
}

static void draw_metrics(const gw__doc *tasks, gw__text *out) {
    const char *names[MAX_METRICS];
    char align[MAX_METRICS + 2] = "l";
    size_t n = collect_metrics(tasks, names);
    memset(align + 1, 'r', n);
    cli_table table = {.n_columns = n + 1, .align = align};
    cli_cell(&table, "task", 4);
    for (size_t i = 0; i < n; i++) cli_cell(&table, names[i], strlen(names[i]));
    for (const gw__doc *task = tasks->first; task; task = task->next) {
        cli_cell(&table, task->key.at, task->key.n);
        for (size_t i = 0; i < n; i++) {
            const gw__doc *value = gw__doc_get(task, names[i]);
            if (value && strcmp(names[i], "rows") == 0) cli_cell_count(&table, cli_count(task, "rows"));
            else cli_cell_doc(&table, value);
        }
    }
    cli_table_print(&table, out);
}

/* ---- gates ----------------------------------------------------------------------------------------------------------------------- */

enum { GATE_BAR = 24 };

/* Whether the gate keeps some experts of a row only: then the share of rows that an expert has says more than its weight. */
static bool has_loads(const gw__doc *experts) {
    double load;
    for (const gw__doc *expert = experts->first; expert; expert = expert->next)
        if (cli_number(gw__doc_get(expert, "load"), &load) && load < 1) return true;
    return false;
}

/* One gate: a bar per expert, as long as the expert's mean weight. */
static void draw_gate(const gw__doc *experts, cli_screen screen, gw__text *out) {
    size_t widest = 0;
    const bool loads = has_loads(experts);
    for (const gw__doc *expert = experts->first; expert; expert = expert->next) {
        gw__slice name = gw__doc_text(gw__doc_get(expert, "name"));
        size_t width = gw__utf8_width(name.at, name.n);
        if (width > widest) widest = width;
    }
    for (const gw__doc *expert = experts->first; expert; expert = expert->next) {
        gw__slice name = gw__doc_text(gw__doc_get(expert, "name"));
        double weight = 0, load = 0;
        cli_number(gw__doc_get(expert, "weight"), &weight);
        cli_number(gw__doc_get(expert, "load"), &load);
        gw__text_addf(out, "    %.*s%*s ", (int)name.n, name.at, (int)(widest - gw__utf8_width(name.at, name.n)), "");
        gw__text_puts(out, screen.utf8 ? "▕" : "|");
        cli_bar(out, screen, weight, GATE_BAR);
        gw__text_addf(out, "%s %.3f", screen.utf8 ? "▏" : "|", weight);
        if (loads) gw__text_addf(out, "  %5.1f %% of rows", 100 * load);
        gw__text_putc(out, '\n');
    }
}

static int64_t count_items(const gw__doc *list) {
    int64_t n = 0;
    for (const gw__doc *item = list ? list->first : NULL; item; item = item->next) n++;
    return n;
}

void cli_draw_gates(const gw__doc *gates, cli_screen screen, gw__text *out) {
    if (gates->first) gw__text_puts(out, "\nmean gates (how much of each expert a stream takes)\n");
    for (const gw__doc *gate = gates->first; gate; gate = gate->next) {
        gw__slice stream = gw__doc_text(gw__doc_get(gate, "stream"));
        const gw__doc *experts = gw__doc_get(gate, "experts");
        double effective, entropy, normalised, of_row;
        gw__text_addf(out, "  level %lld, %.*s", (long long)cli_count(gate, "level"), (int)stream.n, stream.at);
        if (cli_number(gw__doc_get(gate, "effective"), &effective)) gw__text_addf(out, ": %.2f of %lld experts in effect", effective, (long long)count_items(experts));
        if (cli_number(gw__doc_get(gate, "entropy"), &entropy) && cli_number(gw__doc_get(gate, "normalised"), &normalised))
            gw__text_addf(out, ", entropy %.3f (%.2f of the greatest)", entropy, normalised);
        if (cli_number(gw__doc_get(gate, "row_entropy"), &of_row)) gw__text_addf(out, ", of a row %.3f", of_row);
        gw__text_putc(out, '\n');
        if (experts) draw_gate(experts, screen, out);
    }
}

/* ---- experts --------------------------------------------------------------------------------------------------------------------- */

/* The row of an expert in the matrix of its level, NULL if there is none; *ret_names are those of its columns. */
static const gw__doc *similarities_of(const gw__doc *health, const gw__doc *expert, const gw__doc **ret_names) {
    const gw__doc *levels = gw__doc_get(health, "similarity");
    for (const gw__doc *level = levels ? levels->first : NULL; level; level = level->next) {
        if (cli_count(level, "level") != cli_count(expert, "level")) continue;
        const gw__doc *name = gw__doc_get(level, "experts")->first, *row = gw__doc_get(level, "values")->first;
        *ret_names = name;
        for (; name && row; name = name->next, row = row->next)
            if (gw__slice_equal(name->text, gw__doc_text(gw__doc_get(expert, "name")))) return row;
    }
    return NULL;
}

/* The other expert that it is most like. */
static void cell_most_like(cli_table *table, const gw__doc *health, const gw__doc *expert) {
    const gw__doc *names = NULL, *row = similarities_of(health, expert, &names), *most = NULL;
    double value, greatest = -2;
    gw__text text = {0};
    for (const gw__doc *cell = row ? row->first : NULL; cell && names; cell = cell->next, names = names->next) {
        if (gw__slice_equal(names->text, gw__doc_text(gw__doc_get(expert, "name"))) || !cli_number(cell, &value) || !(value > greatest)) continue;
        greatest = value;
        most = names;
    }
    if (most) gw__text_addf(&text, "%.*s (%.2f)", GW__SLICE_ARG(most->text), greatest);
    cli_cell(table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

static void cell_share(cli_table *table, const gw__doc *expert, const char *key, const char *of) {
    gw__text text = {0};
    double part;
    if (cli_number(gw__doc_get(expert, key), &part)) gw__text_addf(&text, "%.0f of %lld", part, (long long)cli_count(expert, of));
    cli_cell(table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

void cli_draw_experts(const gw__doc *health, gw__text *out) {
    const gw__doc *experts = gw__doc_get(health, "experts");
    const char *const names[] = {"level", "expert", "dead units", "most like (CKA)"};
    cli_table table = {.n_columns = GW__COUNT(names), .align = "llrl"};
    if (count_items(experts) < 2) return;
    for (size_t i = 0; i < GW__COUNT(names); i++) cli_cell(&table, names[i], strlen(names[i]));
    for (const gw__doc *expert = experts->first; expert; expert = expert->next) {
        gw__slice level = gw__doc_text(gw__doc_get(expert, "level")), name = gw__doc_text(gw__doc_get(expert, "name"));
        cli_cell(&table, level.at, level.n);
        cli_cell(&table, name.at, name.n);
        cell_share(&table, expert, "dead", "units");
        cell_most_like(&table, health, expert);
    }
    gw__text_puts(out, "\nexperts, in ");
    cli_put_count(out, cli_count(health, "rows"));
    gw__text_puts(out, " rows\n");
    cli_table_print(&table, out);
}

void cli_put_rows(const gw__doc *read, gw__text *out) {
    cli_put_count(out, cli_count(read, "rows"));
    gw__text_puts(out, " rows");
    if (cli_count(read, "skipped") == 0) return;
    gw__text_puts(out, ", bad rows passed over: ");
    cli_put_count(out, cli_count(read, "skipped"));
}

gw_status cli_draw_evaluation(const char *json, cli_screen screen, gw__text *out, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *result;
    gw_status status = cli_result(json, "evaluation", &arena, &result, err);
    if (status == GW_OK) {
        const gw__doc *tasks = gw__doc_get(result, "tasks"), *gates = gw__doc_get(result, "gates"), *health = gw__doc_get(result, "health");
        const bool measured = cli_count(result, "rows") > 0;
        cli_put_rows(result, out);
        gw__text_puts(out, "\n\n");
        if (tasks) draw_metrics(tasks, out);
        if (gates && measured) cli_draw_gates(gates, screen, out);
        if (health && measured) cli_draw_experts(health, out);
    }
    gw__arena_clear(&arena);
    return status;
}
