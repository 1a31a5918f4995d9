#include "cli/structure.h"

#include <string.h>

#include "base/mem.h"
#include "cli/results.h"

static void put_summary(const gw__doc *model, gw__text *out) {
    gw__slice architecture = gw__doc_text(gw__doc_get(model, "architecture"));
    gw__text_addf(out, "%.*s: ", GW__SLICE_ARG(architecture));
    cli_put_count(out, cli_count(model, "parameters"));
    gw__text_puts(out, " parameters, ");
    cli_put_count(out, cli_count(model, "multiply_adds"));
    gw__text_puts(out, " multiply-adds a row\n");
    const gw__doc *training = gw__doc_get(model, "training");
    if (cli_count(training, "steps") == 0) return;
    gw__text_addf(out, "trained: %lld epochs, ", (long long)cli_count(training, "epochs"));
    cli_put_count(out, cli_count(training, "steps"));
    gw__text_puts(out, " steps, on ");
    cli_put_count(out, cli_count(training, "train_rows"));
    int64_t kept = cli_count(training, "kept_epoch");
    if (kept > 0) gw__text_addf(out, " rows; the parameters are those of epoch %lld\n", (long long)kept);
    else gw__text_puts(out, " rows; the parameters are those of its last step\n"); /* stopped inside an epoch */
}

static void cell(cli_table *table, const char *text) { cli_cell(table, text, strlen(text)); }

static void cell_text(cli_table *table, const gw__doc *map, const char *key, const char *otherwise) {
    const gw__doc *value = gw__doc_get(map, key);
    if (value && !gw__doc_is_null(value)) cli_cell(table, value->text.at, value->text.n);
    else cell(table, otherwise);
}

/* ---- the network as a tree --------------------------------------------------------------------------------------------------------- */

typedef struct tree {
    cli_screen screen;
    cli_table table; /* part, reads, shape, parameters, multiply-adds */
} tree;

/* The first cell of a row `depth` levels down: its branch and what `name` holds. */
static void tree_name(tree *t, size_t depth, bool parent_last, bool last, const gw__text *name) {
    gw__text text = {0};
    if (depth > 1) gw__text_puts(&text, parent_last ? "   " : t->screen.utf8 ? "│  " : "|  ");
    if (depth > 0) gw__text_puts(&text, t->screen.utf8 ? last ? "└─ " : "├─ " : last ? "`- " : "|- ");
    if (name->n) gw__text_add(&text, name->at, name->n);
    cli_cell(&t->table, text.n ? text.at : "", text.n);
    if (text.failed || name->failed) t->table.cells.failed = true;
    gw__text_clear(&text);
}

static void tree_title(tree *t, bool last, const char *title) {
    gw__text name = {0};
    gw__text_puts(&name, title);
    tree_name(t, 1, false, last, &name);
    for (size_t i = 1; i < t->table.n_columns; i++) cell(&t->table, "");
    gw__text_clear(&name);
}

/* Layers [[out,in],...] as "112 > 64 > 32"; an expert that passes on what it reads says so. */
static void cell_shape(tree *t, const gw__doc *part) {
    gw__text text = {0};
    const gw__doc *layers = gw__doc_get(part, "layers");
    if (gw__doc_get(part, "identity")) gw__text_puts(&text, "as it is");
    for (const gw__doc *layer = layers ? layers->first : NULL; layer; layer = layer->next) {
        gw__slice out = gw__doc_text(layer->first), in = gw__doc_text(layer->first ? layer->first->next : NULL);
        if (layer == layers->first) gw__text_add(&text, in.at, in.n);
        gw__text_puts(&text, t->screen.utf8 ? " → " : " > ");
        gw__text_add(&text, out.at, out.n);
    }
    cli_cell(&t->table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

static void cell_times(tree *t, const gw__doc *part, const char *key, long long times) {
    gw__text text = {0};
    if (times > 1) gw__text_addf(&text, "%lld x ", times);
    cli_put_count(&text, cli_count(part, key));
    cli_cell(&t->table, text.n ? text.at : "", text.n);
    gw__text_clear(&text);
}

static void tree_numbers(tree *t, const gw__doc *part, long long times) {
    cell_text(&t->table, part, "input", "");
    cell_shape(t, part);
    cell_times(t, part, "parameters", times);
    cell_times(t, part, "multiply_adds", times);
}

/* "shared.12" cut before its number. */
static gw__slice group_of(gw__slice label) {
    while (label.n > 0 && label.at[label.n - 1] != '.') label.n--;
    return label;
}

static bool same_layers(const gw__doc *a, const gw__doc *b) {
    const gw__doc *x = gw__doc_get(a, "layers"), *y = gw__doc_get(b, "layers");
    for (x = x ? x->first : NULL, y = y ? y->first : NULL; x && y; x = x->next, y = y->next)
        for (const gw__doc *i = x->first, *j = y->first; i && j; i = i->next, j = j->next)
            if (!gw__slice_equal(i->text, j->text)) return false;
    return x == NULL && y == NULL;
}

static bool alike(const gw__doc *a, const gw__doc *b) {
    return gw__slice_equal(group_of(gw__doc_text(gw__doc_get(a, "name"))), group_of(gw__doc_text(gw__doc_get(b, "name")))) &&
           gw__slice_equal(gw__doc_text(gw__doc_get(a, "input")), gw__doc_text(gw__doc_get(b, "input"))) && same_layers(a, b);
}

/* "shared.0" to "shared.7" as shared.0-7. */
static void put_span(gw__text *text, gw__slice first, gw__slice last) {
    gw__slice group = group_of(last);
    gw__text_add(text, first.at, first.n);
    if (first.at != last.at) gw__text_addf(text, "-%.*s", (int)(last.n - group.n), last.at + group.n);
}

static void put_experts(tree *t, const gw__doc *experts, const char *what) {
    for (const gw__doc *first = experts->first, *next; first; first = next) {
        const gw__doc *last = first;
        long long n = 1;
        for (next = first->next; next && alike(first, next); next = next->next, n++) last = next;
        gw__text name = {0};
        gw__text_addf(&name, "%s%s ", what, n > 1 ? "s" : "");
        put_span(&name, gw__doc_text(gw__doc_get(first, "name")), gw__doc_text(gw__doc_get(last, "name")));
        tree_name(t, 2, false, false, &name);
        tree_numbers(t, first, n);
        gw__text_clear(&name);
    }
}

/* Parts that are told by their sum. */
static void put_total(tree *t, const char *title, const gw__doc *parts) {
    int64_t parameters = 0, multiply_adds = 0;
    gw__text name = {0};
    for (const gw__doc *part = parts->first; part; part = part->next) {
        parameters += cli_count(part, "parameters");
        multiply_adds += cli_count(part, "multiply_adds");
    }
    gw__text_puts(&name, title);
    tree_name(t, 2, false, false, &name);
    cell(&t->table, "");
    cell(&t->table, "");
    cli_cell_count(&t->table, parameters);
    cli_cell_count(&t->table, multiply_adds);
    gw__text_clear(&name);
}

static void put_gates(tree *t, const gw__doc *gates) {
    for (const gw__doc *gate = gates->first; gate; gate = gate->next) {
        gw__slice kind = gw__doc_text(gw__doc_get(gate, "kind")), stream = gw__doc_text(gw__doc_get(gate, "stream"));
        const gw__doc *experts = gw__doc_get(gate, "experts");
        gw__text name = {0};
        const bool beside = kind.n > 5 && memcmp(kind.at, "self-", 5) == 0;
        gw__text_addf(&name, "%s %.*s%s", gw__slice_is(kind, "softmax") ? "gate" : beside ? "self-gate" : "stream", (int)stream.n, stream.at,
                      gw__slice_is(kind, "average") ? " = mean of " : gw__slice_is(kind, "pass") ? " = " : " over ");
        const gw__doc *top = gw__doc_get(gate, "top_k");
        if (top) gw__text_addf(&name, "%.*s of ", (int)top->text.n, top->text.at);
        for (const gw__doc *first = experts ? experts->first : NULL, *next; first; first = next) {
            const gw__doc *last = first;
            for (next = first->next; next && gw__slice_equal(group_of(first->text), group_of(next->text)); next = next->next) last = next;
            if (first != experts->first) gw__text_puts(&name, ", ");
            put_span(&name, first->text, last->text);
        }
        const gw__doc *residual = gw__doc_get(gate, "residual");
        if (residual) gw__text_puts(&name, " + ");
        for (const gw__doc *first = residual ? residual->first : NULL, *last = first; first; first = NULL) {
            while (last->next) last = last->next;
            put_span(&name, first->text, last->text);
        }
        tree_name(t, 2, false, gate->next == NULL, &name);
        tree_numbers(t, gate, 1);
        gw__text_clear(&name);
    }
}

static void put_towers(tree *t, const gw__doc *towers) {
    for (const gw__doc *tower = towers->first; tower; tower = tower->next) {
        gw__slice task = gw__doc_text(gw__doc_get(tower, "task"));
        gw__text name = {0};
        gw__text_addf(&name, "tower %.*s", (int)task.n, task.at);
        tree_name(t, 2, true, tower->next == NULL, &name);
        tree_numbers(t, tower, 1);
        gw__text_clear(&name);
    }
}

/* Parameters of the embedding tables: what the levels and towers do not have. */
static int64_t count_outside(const gw__doc *model, const gw__doc *levels, const gw__doc *towers) {
    int64_t left = cli_count(model, "parameters");
    for (const gw__doc *level = levels->first; level; level = level->next)
        for (const gw__doc *parts = level->first; parts; parts = parts->next)
            for (const gw__doc *part = parts->first; part; part = part->next) left -= cli_count(part, "parameters");
    for (const gw__doc *tower = towers->first; tower; tower = tower->next) left -= cli_count(tower, "parameters");
    return left;
}

static void put_tree(const gw__doc *model, cli_screen screen, gw__text *out) {
    const gw__doc *levels = gw__doc_get(model, "levels"), *towers = gw__doc_get(model, "towers");
    const char *const names[] = {"network", "reads", "shape", "parameters", "multiply-adds"};
    tree t = {.screen = screen, .table = {.n_columns = GW__COUNT(names), .align = "lllrr"}};
    if (levels == NULL || towers == NULL) return;
    for (size_t i = 0; i < GW__COUNT(names); i++) cell(&t.table, names[i]);
    cell(&t.table, "input (embeddings)");
    cell(&t.table, "a row");
    cell_text(&t.table, model, "dense_width", "");
    cli_cell_count(&t.table, count_outside(model, levels, towers));
    cli_cell_count(&t.table, 0);
    int number = 0;
    for (const gw__doc *level = levels->first; level; level = level->next) {
        const gw__doc *experts = gw__doc_get(level, "experts"), *gates = gw__doc_get(level, "gates");
        char title[32];
        snprintf(title, sizeof title, "level %d", number++);
        tree_title(&t, false, title);
        if (experts) put_experts(&t, experts, "expert");
        if (gw__doc_get(level, "maps")) put_experts(&t, gw__doc_get(level, "maps"), "map");
        const gw__doc *factors = gw__doc_get(level, "factors"), *feature_gates = gw__doc_get(level, "feature_gates");
        if (factors) put_total(&t, "factors of all experts", factors);
        if (gw__doc_get(level, "transfers")) put_total(&t, "transfers from task to task", gw__doc_get(level, "transfers"));
        if (feature_gates) put_total(&t, "feature gates of all experts", feature_gates);
        if (gates) put_gates(&t, gates);
    }
    tree_title(&t, true, "towers");
    put_towers(&t, towers);
    gw__text_putc(out, '\n');
    cli_table_print(&t.table, out);
}

/* ---- tables ---------------------------------------------------------------------------------------------------------------------- */

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
        cell(&table, gw__slice_is(gw__doc_text(gw__doc_get(feature, "automatic")), "true") ? "typed by looking" : "");
    }
    gw__text_puts(out, "\nfeatures\n");
    cli_table_print(&table, out);
}

/* "click x not cart x buy", and several such paths with a "+" between them; or what the task comes after. */
static void put_relation(const gw__doc *task, cli_table *table) {
    const gw__doc *chain = gw__doc_get(task, "chain"), *after = gw__doc_get(task, "after");
    gw__text text = {0};
    for (const gw__doc *path = chain ? chain->first : NULL; path; path = path->next) {
        if (path != chain->first) gw__text_puts(&text, " + ");
        for (const gw__doc *name = path->first; name; name = name->next)
            gw__text_addf(&text, "%s%.*s", name == path->first ? "" : " x ", GW__SLICE_ARG(name->text));
    }
    if (after) gw__text_addf(&text, "%safter %.*s", text.n ? ", " : "", GW__SLICE_ARG(after->text));
    cli_cell(table, text.at ? text.at : "", text.n);
    gw__text_clear(&text);
}

/* Experts of a level that are alike in their parameters: the greatest cosine, and the mean. */
static void put_likeness(const gw__doc *levels, gw__text *out) {
    bool titled = false;
    for (const gw__doc *level = levels->first; level; level = level->next) {
        const gw__doc *row_name = gw__doc_get(level, "experts")->first, *a = NULL, *b = NULL;
        double sum = 0, greatest = -2, value;
        int n = 0, i = 0;
        for (const gw__doc *row = gw__doc_get(level, "values")->first; row && row_name; row = row->next, row_name = row_name->next, i++) {
            const gw__doc *name = gw__doc_get(level, "experts")->first, *cell = row->first;
            for (int k = 0; cell && name && k < i; k++, cell = cell->next, name = name->next) {
                if (!cli_number(cell, &value)) continue;
                sum += value;
                n++;
                if (!(value > greatest)) continue;
                greatest = value;
                a = name;
                b = row_name;
            }
        }
        if (n == 0) continue;
        if (!titled) gw__text_puts(out, "\nexperts by their parameters\n");
        titled = true;
        gw__text_addf(out, "  level %lld: mean cosine %.3f, most alike %.*s and %.*s (%.3f)\n", (long long)cli_count(level, "level"), sum / n,
                      GW__SLICE_ARG(a->text), GW__SLICE_ARG(b->text), greatest);
    }
}

/* What a gate adds to its logits in every row: a bias far above the others is a choice without a look at the row. */
static void put_biases(const gw__doc *gates, gw__text *out) {
    if (gates->first) gw__text_puts(out, "\nbiases of gates, by expert\n");
    for (const gw__doc *gate = gates->first; gate; gate = gate->next) {
        gw__slice stream = gw__doc_text(gw__doc_get(gate, "stream"));
        gw__text_addf(out, "  level %lld, %.*s:", (long long)cli_count(gate, "level"), GW__SLICE_ARG(stream));
        const gw__doc *values = gw__doc_get(gate, "values");
        for (const gw__doc *value = values ? values->first : NULL; value; value = value->next) {
            gw__text_putc(out, ' ');
            cli_put_value(out, value);
        }
        gw__text_putc(out, '\n');
    }
}

/* What a stream takes of the experts in every row alike: stitches, connections (0: closed), residuals. */
static void put_connections(const gw__doc *streams, gw__text *out) {
    if (streams->first) gw__text_puts(out, "\nlearned connections, the same for every row\n");
    for (const gw__doc *stream = streams->first; stream; stream = stream->next) {
        const gw__doc *experts = gw__doc_get(stream, "experts"), *values = gw__doc_get(stream, "values");
        const gw__doc *name = experts ? experts->first : NULL, *value = values ? values->first : NULL;
        gw__text_addf(out, "  level %lld, %.*s", (long long)cli_count(stream, "level"), GW__SLICE_ARG(gw__doc_text(gw__doc_get(stream, "stream"))));
        gw__text_puts(out, gw__slice_is(gw__doc_text(gw__doc_get(stream, "kind")), "residual") ? ", once more:" : ":");
        for (; name && value; name = name->next, value = value->next) {
            gw__text_addf(out, "%s %.*s ", name == experts->first ? "" : ",", GW__SLICE_ARG(name->text));
            cli_put_value(out, value);
        }
        gw__text_putc(out, '\n');
    }
}

static bool is_related(const gw__doc *task) { return gw__doc_get(task, "chain") || gw__doc_get(task, "after"); }

static void put_tasks(const gw__doc *tasks, gw__text *out) {
    const char *const names[] = {"task", "type", "label", "positive", "loss", "outputs", "given", "chain"};
    bool related = false;
    for (const gw__doc *task = tasks->first; task; task = task->next) related = related || is_related(task);
    cli_table table = {.n_columns = related ? 8 : 7, .align = "lllllrll"};
    for (size_t i = 0; i < table.n_columns; i++) cell(&table, names[i]);
    for (const gw__doc *task = tasks->first; task; task = task->next) {
        cell_text(&table, task, "name", "");
        cell_text(&table, task, "type", "");
        cell_text(&table, task, "label", "");
        cell_text(&table, task, "positive", "");
        cell_text(&table, task, "loss", "");
        cli_cell_count(&table, cli_count(task, "output_width"));
        cell_text(&table, task, "given", "");
        if (related) put_relation(task, &table);
    }
    gw__text_puts(out, "\ntasks\n");
    cli_table_print(&table, out);
}

/* Gates and experts on the rows that the model was looked at with. */
static void put_health(const gw__doc *health, cli_screen screen, gw__text *out) {
    gw__text_puts(out, "\nlooked at with ");
    cli_put_rows(health, out);
    gw__text_putc(out, '\n');
    if (cli_count(health, "rows") == 0) return;
    if (gw__doc_get(health, "gates")) cli_draw_gates(gw__doc_get(health, "gates"), screen, out);
    cli_draw_experts(health, out);
}

static void put_warnings(const gw__doc *warnings, gw__text *out) {
    if (warnings->first) gw__text_puts(out, "\nwarnings\n");
    for (const gw__doc *warning = warnings->first; warning; warning = warning->next) {
        const gw__slice text = gw__doc_text(gw__doc_get(warning, "text")); /* longer than what addf takes of a slice */
        gw__text_puts(out, "  ");
        gw__text_add(out, text.at, text.n);
        gw__text_putc(out, '\n');
    }
}

gw_status cli_draw_structure(const char *json, cli_screen screen, gw__text *out, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *model;
    gw_status status = cli_result(json, "description", &arena, &model, err);
    if (status == GW_OK) {
        const gw__doc *features = gw__doc_get(model, "features"), *tasks = gw__doc_get(model, "tasks");
        put_summary(model, out);
        put_tree(model, screen, out);
        if (features) put_features(features, out);
        if (tasks) put_tasks(tasks, out);
        if (gw__doc_get(model, "similarity")) put_likeness(gw__doc_get(model, "similarity"), out);
        if (gw__doc_get(model, "gate_biases")) put_biases(gw__doc_get(model, "gate_biases"), out);
        if (gw__doc_get(model, "connections")) put_connections(gw__doc_get(model, "connections"), out);
        if (gw__doc_get(model, "health")) put_health(gw__doc_get(model, "health"), screen, out);
        if (gw__doc_get(model, "warnings")) put_warnings(gw__doc_get(model, "warnings"), out);
    }
    gw__arena_clear(&arena);
    return status;
}
