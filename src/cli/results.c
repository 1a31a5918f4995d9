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

/* One gate: a bar per expert, as long as the expert's mean weight. */
static void draw_gate(const gw__doc *gate, cli_screen screen, gw__text *out) {
    const gw__doc *experts = gw__doc_get(gate, "experts");
    size_t widest = 0;
    for (const gw__doc *expert = experts ? experts->first : NULL; expert; expert = expert->next) {
        gw__slice name = cli_text(gw__doc_get(expert, "name"));
        size_t width = gw__utf8_width(name.at, name.n);
        if (width > widest) widest = width;
    }
    for (const gw__doc *expert = experts ? experts->first : NULL; expert; expert = expert->next) {
        gw__slice name = cli_text(gw__doc_get(expert, "name"));
        double weight = 0;
        cli_number(gw__doc_get(expert, "weight"), &weight);
        gw__text_addf(out, "    %.*s%*s ", (int)name.n, name.at, (int)(widest - gw__utf8_width(name.at, name.n)), "");
        gw__text_puts(out, screen.utf8 ? "▕" : "|");
        cli_bar(out, screen, weight, GATE_BAR);
        gw__text_addf(out, "%s %.3f\n", screen.utf8 ? "▏" : "|", weight);
    }
}

static void draw_gates(const gw__doc *gates, cli_screen screen, gw__text *out) {
    if (gates->first) gw__text_puts(out, "\nmean gates (how much of each expert a stream takes)\n");
    for (const gw__doc *gate = gates->first; gate; gate = gate->next) {
        gw__slice stream = cli_text(gw__doc_get(gate, "stream"));
        gw__text_addf(out, "  level %lld, %.*s\n", (long long)cli_count(gate, "level"), (int)stream.n, stream.at);
        draw_gate(gate, screen, out);
    }
}

gw_status cli_draw_evaluation(const char *json, cli_screen screen, gw__text *out, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *result;
    gw_status status = cli_result(json, "evaluation", &arena, &result, err);
    if (status == GW_OK) {
        const gw__doc *tasks = gw__doc_get(result, "tasks"), *gates = gw__doc_get(result, "gates");
        cli_put_count(out, cli_count(result, "rows"));
        gw__text_puts(out, " rows");
        if (cli_count(result, "skipped") > 0) {
            gw__text_puts(out, ", bad rows passed over: ");
            cli_put_count(out, cli_count(result, "skipped"));
        }
        gw__text_puts(out, "\n\n");
        if (tasks) draw_metrics(tasks, out);
        if (gates) draw_gates(gates, screen, out);
    }
    gw__arena_clear(&arena);
    return status;
}
