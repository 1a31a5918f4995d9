#include "cli/structure.h"

#include <string.h>

#include "cli/results.h"

static void put_summary(const gw__doc *model, gw__text *out) {
    gw__slice architecture = cli_text(gw__doc_get(model, "architecture"));
    gw__text_addf(out, "%.*s: ", GW__SLICE_ARG(architecture));
    cli_put_count(out, cli_count(model, "parameters"));
    gw__text_puts(out, " parameters, ");
    cli_put_count(out, cli_count(model, "multiply_adds"));
    gw__text_puts(out, " multiply-adds a row\n");
}

static void cell(cli_table *table, const char *text) { cli_cell(table, text, strlen(text)); }

static void cell_text(cli_table *table, const gw__doc *map, const char *key, const char *otherwise) {
    const gw__doc *value = gw__doc_get(map, key);
    if (value && !gw__doc_is_null(value)) cli_cell(table, value->text.at, value->text.n);
    else cell(table, otherwise);
}

static void put_features(const gw__doc *features, gw__text *out) {
    cli_table table = {.n_columns = 6, .align = "llrrll"};
    const char *const names[] = {"feature", "type", "width", "rows", "table", ""};
    for (size_t i = 0; i < GW__COUNT(names); i++) cell(&table, names[i]);
    for (const gw__doc *feature = features->first; feature; feature = feature->next) {
        cell_text(&table, feature, "name", "");
        cell_text(&table, feature, "type", "");
        cli_cell_count(&table, cli_count(feature, "width"));
        if (cli_count(feature, "rows") > 0) cli_cell_count(&table, cli_count(feature, "rows"));
        else cell(&table, "");
        cell_text(&table, feature, "share", "");
        cell(&table, gw__slice_is(cli_text(gw__doc_get(feature, "automatic")), "true") ? "typed by looking" : "");
    }
    gw__text_puts(out, "\nfeatures\n");
    cli_table_print(&table, out);
}

static void put_tasks(const gw__doc *tasks, gw__text *out) {
    cli_table table = {.n_columns = 7, .align = "lllllrl"};
    const char *const names[] = {"task", "type", "label", "positive", "loss", "outputs", "given"};
    for (size_t i = 0; i < GW__COUNT(names); i++) cell(&table, names[i]);
    for (const gw__doc *task = tasks->first; task; task = task->next) {
        cell_text(&table, task, "name", "");
        cell_text(&table, task, "type", "");
        cell_text(&table, task, "label", "");
        cell_text(&table, task, "positive", "");
        cell_text(&table, task, "loss", "");
        cli_cell_count(&table, cli_count(task, "output_width"));
        cell_text(&table, task, "given", "");
    }
    gw__text_puts(out, "\ntasks\n");
    cli_table_print(&table, out);
}

gw_status cli_draw_structure(const char *json, cli_screen screen, gw__text *out, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *model;
    gw_status status = cli_result(json, "description", &arena, &model, err);
    if (status == GW_OK) {
        const gw__doc *features = gw__doc_get(model, "features"), *tasks = gw__doc_get(model, "tasks");
        put_summary(model, out);
        if (features) put_features(features, out);
        if (tasks) put_tasks(tasks, out);
    }
    gw__arena_clear(&arena);
    return status;
}
