#include <stdio.h>
#include <string.h>

#include "cli/isa.h"
#include "cli/message.h"
#include "cli/options.h"
#include "cli/results.h"

static const char about[] =
    "Measures what this machine can do at best, and what training and prediction reach of it on standard\n"
    "shapes: networks of the papers and articles and of a recommender, on generated rows in memory.\n"
    "Figures are medians. With one thread time is processor time, which other programs disturb least; with\n"
    "more it is wall time, so leave the machine alone. GATEWRIGHT_ISA chooses the instruction set.";

static const char examples[] =
    "  gatewright bench\n"
    "  gatewright bench --shape article-mmoe --shape recommender-ple --threads 1\n"
    "  gatewright bench --seconds 5 --json > this-machine.jsonl";

typedef struct watch {
    cli_screen screen; /* of standard error */
    bool json;
    bool line_open;    /* a line of progress stands there */
    bool has_head;     /* the table of shapes has begun */
    double waited;     /* the most that wall time was above processor time on one thread: what other programs took */
    gw_status status;  /* of drawing */
    gw_error err;
} watch;

static void close_line(watch *w) {
    if (w->line_open) fputs("\r\033[K", stderr);
    w->line_open = false;
}

static void draw_next(watch *w, const gw_bench_event *event) {
    if (!w->screen.terminal) return;
    fprintf(stderr, "\r\033[K%zu of %zu, %s...", event->done + 1, event->total, event->next);
    w->line_open = true;
}

/* ---- the machine ----------------------------------------------------------------------------------------------------------------- */

static double number(const gw__doc *map, const char *key) {
    double value = 0;
    return cli_number(gw__doc_get(map, key), &value) ? value : 0;
}

static void put_ceiling(gw__text *out, const char *title, const gw__doc *ceilings, const char *group, const char *key, double unit, const char *unit_name) {
    gw__text_addf(out, "  %-44s", title);
    for (const gw__doc *c = ceilings->first; c; c = c->next) gw__text_addf(out, "%12.1f", number(group ? gw__doc_get(c, group) : c, key) / unit);
    gw__text_addf(out, "  %s\n", unit_name);
}

static void draw_machine(const gw__doc *machine, gw__text *out) {
    const gw__doc *ceilings = gw__doc_get(machine, "ceilings"), *name = gw__doc_get(machine, "machine");
    gw__slice isa = gw__doc_text(gw__doc_get(machine, "isa")), processor = name && !gw__doc_is_null(name) ? gw__doc_text(name) : GW__SLICE("this machine");
    gw__text_addf(out, "%.*s, instruction set %.*s\n\n  %-44s", GW__SLICE_ARG(processor), GW__SLICE_ARG(isa), "the most that it can do");
    for (const gw__doc *c = ceilings->first; c; c = c->next)
        gw__text_addf(out, "%4lld thread%s", (long long)cli_count(c, "threads"), cli_count(c, "threads") == 1 ? " " : "s");
    gw__text_puts(out, "\n");
    put_ceiling(out, "multiply-adds in registers", ceilings, NULL, "gflops", 1, "GF/s");
    put_ceiling(out, "reading memory", ceilings, NULL, "read_gb_per_second", 1, "GB/s");
    put_ceiling(out, "a = b + s c in memory", ceilings, NULL, "triad_gb_per_second", 1, "GB/s");
    put_ceiling(out, "random rows of 64 bytes", ceilings, "random_rows_per_second", "plain", 1e6, "M rows/s");
    put_ceiling(out, "  with prefetch", ceilings, "random_rows_per_second", "prefetch", 1e6, "M rows/s");
    put_ceiling(out, "  in huge pages", ceilings, "random_rows_per_second", "huge_pages", 1e6, "M rows/s");
    put_ceiling(out, "  in huge pages, with prefetch", ceilings, "random_rows_per_second", "huge_pages_prefetch", 1e6, "M rows/s");
    gw__text_puts(out, "\n");
}

/* ---- shapes ---------------------------------------------------------------------------------------------------------------------- */

/* 1.23 k, 45.6 M in so many columns. */
static void put_rate(gw__text *out, int width, double rows) {
    const char *unit = rows < 1e6 ? "k" : "M";
    const double value = rows / (rows < 1e6 ? 1e3 : 1e6);
    gw__text_addf(out, "%*.*f %s", width - 2, value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
}

static void put_time(gw__text *out, int width, double us) {
    gw__text_addf(out, "%*.*f", width, us < 10 ? 2 : us < 1000 ? 1 : 0, us);
}

static void draw_head(gw__text *out) {
    gw__text_puts(out, "                         training                         batches of 1024  one row alone, us\n"
                       "  shape           threads  us/step  rows/s  peak scaling   rows/s  peak     p50    p90    p99  p99.9\n");
}

/* The prediction of batches of 1024 with so many threads. */
static const gw__doc *prediction_with(const gw__doc *shape, int64_t threads) {
    const gw__doc *list = gw__doc_get(shape, "prediction");
    for (const gw__doc *p = list ? list->first : NULL; p; p = p->next)
        if (cli_count(p, "batch") == 1024 && cli_count(p, "threads") == threads) return p;
    return NULL;
}

static void draw_line(const gw__doc *shape, const gw__doc *training, bool first, gw__text *out) {
    static const char *const quantiles[] = {"p50", "p90", "p99", "p99.9"};
    const int64_t threads = cli_count(training, "threads");
    const gw__doc *prediction = prediction_with(shape, threads), *us = gw__doc_get(gw__doc_get(shape, "latency"), "us");
    gw__slice name = first ? gw__doc_text(gw__doc_get(shape, "shape")) : GW__SLICE("");
    gw__text_addf(out, "  %-16.*s%7lld", GW__SLICE_ARG(name), (long long)threads);
    put_time(out, 9, number(training, "us_per_step"));
    put_rate(out, 8, number(training, "rows_per_second"));
    gw__text_addf(out, "%4.0f %%", 100 * number(training, "share"));
    if (first) gw__text_puts(out, "        ");
    else gw__text_addf(out, "%8.2f", number(training, "scaling"));
    put_rate(out, 9, number(prediction, "rows_per_second"));
    gw__text_addf(out, "%4.0f %%", 100 * number(prediction, "share"));
    gw__text_puts(out, first ? " " : "");
    for (size_t i = 0; first && i < GW__COUNT(quantiles); i++) put_time(out, 7, number(us, quantiles[i]));
    gw__text_puts(out, "\n");
}

static void draw_shape(watch *w, const gw__doc *shape, gw__text *out) {
    const gw__doc *list = gw__doc_get(shape, "training");
    if (!w->has_head) draw_head(out);
    w->has_head = true;
    for (const gw__doc *training = list ? list->first : NULL; training; training = training->next) draw_line(shape, training, training == list->first, out);
    if (!list || !list->first) return;
    const double waited = number(list->first, "wall_us_per_step") / number(list->first, "us_per_step");
    if (waited > w->waited) w->waited = waited;
}

/* What a reader of the table should know. */
static void draw_note(const watch *w) {
    if (w->waited < 1.1) return;
    fprintf(stderr, "note: other programs took up to %.0f %% of a processor: figures with more than one thread, and p99, are worse than this machine can do\n",
            100 - 100 / w->waited);
}

/* ---- the command ----------------------------------------------------------------------------------------------------------------- */

static void listen(void *context, const gw_bench_event *event) {
    watch *w = context;
    gw__arena arena = {0};
    gw__doc *result;
    gw__text out = {0};
    if (event->next) {
        draw_next(w, event);
        return;
    }
    close_line(w);
    if (w->json) gw__text_addf(&out, "%s\n", event->json);
    else if (w->status == GW_OK) w->status = cli_result(event->json, "bench", &arena, &result, &w->err);
    if (!w->json && w->status == GW_OK) {
        if (gw__doc_get(result, "ceilings")) draw_machine(result, &out);
        else draw_shape(w, result, &out);
    }
    cli_screen_write(stdout, &out);
    fflush(stdout); /* a line as soon as it is known */
    gw__text_clear(&out);
    gw__arena_clear(&arena);
}

int cmd_bench(const cli_command *self, int argc, char **argv) {
    cli_texts shapes = {0};
    uint64_t threads = 0;
    double seconds = 1;
    bool json = false;
    int code;
    const cli_option options[] = {
        {.kind = CLI_TEXTS, .name = "shape", .value = "NAME", .into = &shapes, .help = "measure this shape; may be given again (default: all of them)"},
        {.kind = CLI_COUNT, .name = "threads", .value = "N", .into = &threads, .least = 1, .most = CLI_MAX_THREADS,
         .help = "measure one thread and N (default: the machine's cores)"},
        {.kind = CLI_NUMBER, .name = "seconds", .value = "S", .into = &seconds, .help = "time for each measurement; less than 0.5 is a hasty look"},
        CLI_ROW_JSON(json, "print one JSON object for the machine and one for each shape instead"),
    };
    const cli_manual manual = {self, options, GW__COUNT(options), about, examples};
    if (!cli_parse(&manual, argc, argv, &code)) return code;
    if (!(seconds > 0 && seconds <= 3600)) {
        cli_texts_clear(&shapes);
        return cli_usage_error("bench", "option '--seconds': expected more than 0 and at most 3600 but found %g", seconds);
    }

    watch w = {.screen = cli_screen_of(stderr), .json = json};
    const gw_bench_options what = {.shapes = shapes.at, .n_shapes = shapes.n, .threads = (size_t)threads, .seconds = seconds, .isa = cli_isa(),
                                   .listener = listen, .listener_context = &w};
    gw_status status = gw_bench(&what, &w.err);
    close_line(&w);
    if (status == GW_OK) status = w.status;
    if (status == GW_OK) draw_note(&w);
    cli_texts_clear(&shapes);
    return status == GW_OK ? 0 : cli_report(status, &w.err);
}
