#include "cli/compare_table.h"

#include <math.h>
#include <string.h>

#include "base/decimals.h"
#include "cli/results.h"

static const gw__doc *architectures_of(const gw__doc *result) { return gw__doc_get(result, "architectures")->first; }

static void put_text(cli_table *table, const char *text) { cli_cell(table, text, strlen(text)); }

static void put_name(cli_table *table, const gw__doc *architecture) {
    const gw__slice name = gw__doc_text(gw__doc_get(architecture, "label"));
    cli_cell(table, name.at, name.n);
}

/* ---- what each costs ------------------------------------------------------------------------------------------------------------- */

static int64_t total(const gw__doc *result, const char *key) {
    int64_t n = 0;
    for (const gw__doc *a = architectures_of(result); a; a = a->next) n += cli_count(a, key);
    return n;
}

static void put_gap(cli_table *table, const gw__doc *architecture) {
    double gap = 0;
    char text[24] = "-";
    if (cli_number(gw__doc_get(architecture, "gap"), &gap)) snprintf(text, sizeof text, "%+.1f %%", 100 * gap);
    put_text(table, text);
}

/* Of a network, which nobody has seen before a run began. */
static void put_size(cli_table *table, const gw__doc *architecture, const char *key) {
    if (gw__doc_is_null(gw__doc_get(architecture, key))) put_text(table, "-");
    else cli_cell_count(table, cli_count(architecture, key));
}

static void put_sizes(cli_table *table, const gw__doc *architecture, bool matched) {
    put_name(table, architecture);
    put_size(table, architecture, "parameters");
    put_size(table, architecture, "dense_parameters");
    if (matched) put_gap(table, architecture);
    put_size(table, architecture, "multiply_adds");
    cli_cell_doc(table, gw__doc_get(architecture, "seconds_per_epoch"));
    cli_cell_count(table, cli_count(architecture, "done"));
    cli_cell_count(table, cli_count(architecture, "failed"));
}

static void draw_sizes(const gw__doc *result, gw__text *out) {
    const bool matched = gw__doc_get(result, "match_parameters") != NULL;
    cli_table table = {.n_columns = matched ? 8 : 7, .align = "lrrrrrrr"};
    put_text(&table, "architecture");
    put_text(&table, "parameters");
    put_text(&table, "dense");
    if (matched) put_text(&table, "off");
    put_text(&table, "multiply-adds");
    put_text(&table, "s/epoch");
    put_text(&table, "done");
    put_text(&table, "failed");
    for (const gw__doc *a = architectures_of(result); a; a = a->next) put_sizes(&table, a, matched);
    cli_table_print(&table, out);
}

/* ---- how many decimals ----------------------------------------------------------------------------------------------------------- */

#define WITH_EXPONENT 1e15 /* from here on */

/* One score of an architecture; `task` NULL: of all tasks together. */
static const gw__doc *summary_of(const gw__doc *architecture, const char *task, const char *metric) {
    return task ? gw__doc_get(gw__doc_get(gw__doc_get(architecture, "tasks"), task), metric) : gw__doc_get(architecture, "overall");
}

static double number_at(const gw__doc *summary, const char *key) {
    double number;
    return cli_number(gw__doc_get(summary, key), &number) ? number : NAN;
}

static int decimals_of(const gw__doc *result, const char *task, const char *metric) {
    gw__decimals decimals = {0};
    for (const gw__doc *a = architectures_of(result); a; a = a->next) {
        const gw__doc *summary = summary_of(a, task, metric);
        gw__decimals_add(&decimals, number_at(summary, "mean"), number_at(summary, "sd"), number_at(summary, "gain"));
    }
    return gw__decimals_of(&decimals);
}

static void add_number(gw__text *text, double number, int decimals) {
    if (fabs(number) >= WITH_EXPONENT) gw__text_addf(text, "%.4g", number);
    else if (number != 0 && fabs(number) < 0.5 * pow(10, -GW__MOST_DECIMALS)) gw__text_addf(text, "%.0e", number);
    else gw__text_addf(text, "%.*f", gw__decimals_for(number, decimals), number == 0 ? 0 : number); /* which has no sign */
}

/* ---- a task ---------------------------------------------------------------------------------------------------------------------- */

/* A dash where there is no number; nothing where there is nothing to have one. */
static void put_number(cli_table *table, const gw__doc *value, int decimals) {
    gw__text text = {0};
    double number;
    if (cli_number(value, &number)) add_number(&text, number, decimals);
    else if (value) gw__text_putc(&text, '-');
    put_text(table, text.n ? text.at : "");
    gw__text_clear(&text);
}

/* With its sign; nothing where there is no number. */
static void add_signed(gw__text *text, const gw__doc *value, int decimals) {
    double number;
    if (!cli_number(value, &number)) return;
    if (number > 0) gw__text_putc(text, '+');
    add_number(text, number, decimals);
}

static void put_gain(cli_table *table, const gw__doc *summary, int decimals) {
    gw__text gain = {0}, interval = {0};
    add_signed(&gain, gw__doc_get(summary, "gain"), decimals);
    add_signed(&interval, gw__doc_get(summary, "gain_low"), decimals);
    if (interval.n > 0) gw__text_puts(&interval, " to ");
    add_signed(&interval, gw__doc_get(summary, "gain_high"), decimals);
    put_text(table, gain.n ? gain.at : "");
    put_text(table, interval.n ? interval.at : gain.n ? "-" : "");
    gw__text_clear(&gain);
    gw__text_clear(&interval);
}

static bool has_gain(const gw__doc *summary) {
    double number;
    return cli_number(gw__doc_get(summary, "gain"), &number);
}

static bool has_interval(const gw__doc *summary) {
    double number;
    return cli_number(gw__doc_get(summary, "gain_low"), &number);
}

static bool lacks_interval(const gw__doc *summary) { return has_gain(summary) && !has_interval(summary); }

/* Whether it is so of a score, or of all tasks together. */
static bool any_summary(const gw__doc *result, bool (*is_so)(const gw__doc *summary)) {
    bool any = false;
    for (const gw__doc *a = architectures_of(result); a; a = a->next) {
        any |= is_so(summary_of(a, NULL, NULL));
        for (const gw__doc *task = gw__doc_get(result, "main")->first; task; task = task->next) any |= is_so(summary_of(a, task->key.at, task->text.at));
    }
    return any;
}

static bool any_bad(const gw__doc *result, const char *task) {
    bool any = false;
    for (const gw__doc *a = architectures_of(result); a; a = a->next) any |= cli_count(gw__doc_get(a, "bad"), task) > 0;
    return any;
}

static double better_of(const gw__doc *result, const char *task, const char *metric) {
    double better = 0;
    cli_number(gw__doc_get(gw__doc_get(gw__doc_get(result, "better"), task), metric), &better);
    return better;
}

/* One score of all architectures. `task` NULL: of all tasks together, of which nothing is called bad. */
static void draw_score(const gw__doc *result, const char *task, const char *metric, gw__text *out) {
    static const char *const heads[] = {"architecture", "mean", "sd", "best", "gain", "95 % interval", "bad"};
    const bool bad = task && any_bad(result, task);
    const size_t n = GW__COUNT(heads) - !bad;
    const int decimals = decimals_of(result, task, metric);
    cli_table table = {.n_columns = n, .align = "lrrrrlr"};
    for (size_t i = 0; i < n; i++) put_text(&table, heads[i]);
    for (const gw__doc *a = architectures_of(result); a; a = a->next) {
        const gw__doc *summary = summary_of(a, task, metric);
        put_name(&table, a);
        put_number(&table, gw__doc_get(summary, "mean"), decimals);
        put_number(&table, gw__doc_get(summary, "sd"), decimals);
        put_number(&table, gw__doc_get(summary, "best"), decimals);
        put_gain(&table, summary, decimals);
        if (bad) cli_cell_count(&table, cli_count(gw__doc_get(a, "bad"), task));
    }
    cli_table_print(&table, out);
}

static void draw_tasks(const gw__doc *result, gw__text *out) {
    const gw__doc *mains = gw__doc_get(result, "main"), *overall = gw__doc_get(architectures_of(result), "overall");
    const char *metric = "";
    for (const gw__doc *task = mains->first; task; task = task->next) {
        metric = task->text.at;
        const double better = better_of(result, task->key.at, metric);
        gw__text_addf(out, "\n%.*s: %s%s\n", GW__SLICE_ARG(task->key), metric, better > 0 ? ", higher is better" : better < 0 ? ", lower is better" : "");
        draw_score(result, task->key.at, metric, out);
    }
    if (!overall || gw__doc_is_null(overall)) return;
    gw__text_addf(out, "\nmean of all tasks: %s\n", metric);
    draw_score(result, NULL, metric, out);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------- */

static void draw_title(const gw__doc *result, gw__text *out) {
    const int64_t seed = cli_count(result, "first_seed"), runs = cli_count(result, "runs");
    gw__text_addf(out, "%.*s: ", GW__SLICE_ARG(gw__doc_text(gw__doc_get(result, "part"))));
    cli_put_count(out, cli_count(result, "rows"));
    gw__text_addf(out, " rows; %lld run%s each, ", (long long)runs, runs == 1 ? "" : "s");
    if (runs == 1) gw__text_addf(out, "seed %lld\n\n", (long long)seed);
    else gw__text_addf(out, "seeds %lld to %lld\n\n", (long long)seed, (long long)(seed + runs - 1));
}

static void draw_notes(const gw__doc *result, gw__text *out) {
    const gw__doc *baseline = gw__doc_get(result, "baseline"), *mains = gw__doc_get(result, "main");
    bool bad = false;
    for (const gw__doc *task = mains->first; task; task = task->next) bad |= any_bad(result, task->key.at);
    if (!gw__doc_is_null(baseline))
        gw__text_addf(out, "\ngain: over %.*s; above 0 is better%s\n", GW__SLICE_ARG(gw__doc_text(baseline)),
                      any_summary(result, has_interval) ? "; intervals are over seeds alone, on the same rows" : "");
    if (any_summary(result, lacks_interval)) gw__text_puts(out, "-: too few runs, or too many with equal values, for an interval\n");
    if (bad) gw__text_puts(out, "bad: runs that predict no better than a constant\n");
}

/* "ple: dead_units in 3 runs, …", of those that were warned. */
static void draw_warnings(const gw__doc *result, gw__text *out) {
    bool first = true;
    for (const gw__doc *a = architectures_of(result); a; a = a->next) {
        const gw__doc *warnings = gw__doc_get(a, "warnings");
        if (!warnings || !warnings->first) continue;
        if (first) gw__text_puts(out, "\nwarnings, by the runs that they came up in (docs/health.md)\n");
        first = false;
        gw__text_addf(out, "  %.*s:", GW__SLICE_ARG(gw__doc_text(gw__doc_get(a, "label"))));
        for (const gw__doc *w = warnings->first; w; w = w->next)
            gw__text_addf(out, "%s %.*s in %.*s", w == warnings->first ? "" : ",", GW__SLICE_ARG(w->key), GW__SLICE_ARG(w->text));
        gw__text_puts(out, "\n");
    }
}

static void draw(const gw__doc *result, gw__text *out) {
    draw_title(result, out);
    draw_sizes(result, out);
    draw_tasks(result, out);
    draw_warnings(result, out);
    draw_notes(result, out);
    if (total(result, "failed") + total(result, "canceled") == 0) return;
    gw__text_addf(out, "%lld of %lld runs are in the table; what became of the others stands in runs.csv\n", (long long)total(result, "done"),
                  (long long)(total(result, "done") + total(result, "failed") + total(result, "canceled")));
}

gw_status cli_draw_comparison(const char *json, gw__text *out, gw_error *err) {
    gw__arena arena = {0};
    gw__doc *result;
    gw_status status = cli_result(json, "comparison", &arena, &result, err);
    if (status == GW_OK) draw(result, out);
    gw__arena_clear(&arena);
    return status;
}
