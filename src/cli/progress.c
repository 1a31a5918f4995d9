#include "cli/progress.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/number.h"
#include "cli/results.h"

/* At most so often is the bar drawn, in seconds. */
#define DRAW_EVERY 0.1

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

cli_progress cli_progress_of(bool json, bool model_on_stdout) {
    cli_progress progress = {.screen = cli_screen_of(stderr), .json = json, .results = model_on_stdout ? stderr : stdout, .started_at = now()};
    if (progress.screen.terminal) {
        fputs("reading the data...", stderr);
        progress.line_open = true;
    }
    return progress;
}

void cli_progress_end(cli_progress *progress) {
    if (progress->line_open) fputs("\r\033[K", stderr);
    progress->line_open = false;
}

/* One event's lines, written at once. */
static void put_lines(cli_progress *progress, const gw__text *text) {
    cli_progress_end(progress);
    cli_screen_write(stderr, text);
}

/* ---- what was read --------------------------------------------------------------------------------------------------------------- */

static void draw_task_read(gw__text *out, const gw__doc *task) {
    int64_t labels = cli_count(task, "labels");
    gw__text_addf(out, "  task '%.*s': ", GW__SLICE_ARG(task->key));
    cli_put_count(out, labels);
    gw__text_puts(out, " labels");
    double positives;
    if (cli_number(gw__doc_get(task, "positives"), &positives)) {
        gw__text_puts(out, ", ");
        cli_put_count(out, (int64_t)positives);
        gw__text_addf(out, " positive (%.2f %%)", labels > 0 ? 100 * positives / (double)labels : 0);
    }
    gw__text_putc(out, '\n');
}

static void put_part(gw__text *out, const gw__doc *read, const char *key, const char *before, const char *after) {
    if (gw__doc_get(read, key) == NULL) return;
    gw__text_puts(out, before);
    cli_put_count(out, cli_count(read, key));
    gw__text_puts(out, after);
}

static void draw_read(cli_progress *progress, const char *json, gw__text *out) {
    gw__arena arena = {0};
    gw__doc *read;
    if (cli_result(json, "what was read", &arena, &read, NULL) == GW_OK) {
        put_part(out, read, "rows", "read ", " rows");
        put_part(out, read, "columns", " of ", " columns");
        put_part(out, read, "missing", ", ", " missing values");
        if (cli_count(read, "skipped") > 0) put_part(out, read, "skipped", ", ", " bad rows passed over");
        double seconds = now() - progress->started_at;
        gw__text_puts(out, " in ");
        cli_put_duration(out, seconds);
        if (cli_count(read, "text_bytes") > 1000000) {
            gw__text_puts(out, " (");
            cli_put_bytes(out, (uint64_t)cli_count(read, "text_bytes"));
            gw__text_puts(out, " of text)");
        }
        gw__text_putc(out, '\n');
        if (gw__doc_get(read, "valid_rows")) {
            put_part(out, read, "train_rows", "  ", " to train, ");
            put_part(out, read, "valid_rows", "", " to validate\n");
        }
        const gw__doc *tasks = gw__doc_get(read, "tasks");
        for (const gw__doc *task = tasks ? tasks->first : NULL; task; task = task->next) draw_task_read(out, task);
    }
    gw__arena_clear(&arena);
}

/* ---- inside an epoch ------------------------------------------------------------------------------------------------------------- */

bool cli_progress_is_due(cli_progress *progress) {
    double clock = now();
    if (!progress->screen.terminal || clock - progress->drawn_at < DRAW_EVERY) return false;
    progress->drawn_at = clock;
    return true;
}

void cli_progress_bar(const cli_progress *progress, double share, gw__text *out) {
    gw__text_puts(out, progress->screen.utf8 ? "▕" : "[");
    cli_bar(out, progress->screen, share, progress->screen.width >= 100 ? 40 : progress->screen.width >= 76 ? 20 : 6);
    gw__text_addf(out, "%s %3.0f %%", progress->screen.utf8 ? "▏" : "]", 100 * share);
}

double cli_progress_seconds(const cli_progress *progress) { return now() - progress->started_at; }

static void draw_step(cli_progress *progress, const gw_event *event) {
    if (event->rows <= 0 || !cli_progress_is_due(progress)) return;
    double share = (double)event->rows_done / (double)event->rows;
    double seconds = progress->trained_seconds + event->seconds, rows = (double)(progress->trained_rows + event->rows_done);
    double left = (double)(event->epochs - event->epoch) * (double)event->rows + (double)(event->rows - event->rows_done);

    gw__text line = {0};
    gw__text_addf(&line, "\repoch %lld/%lld ", (long long)event->epoch, (long long)event->epochs);
    cli_progress_bar(progress, share, &line);
    if (seconds > 0 && rows > 0) {
        gw__text_puts(&line, "  ");
        cli_put_rate(&line, rows / seconds);
        gw__text_puts(&line, "  ");
        cli_put_duration(&line, left * seconds / rows);
        gw__text_puts(&line, " left");
    }
    gw__text_puts(&line, "\033[K");
    cli_screen_write(stderr, &line);
    progress->line_open = true;
    gw__text_clear(&line);
}

/* ---- after an epoch -------------------------------------------------------------------------------------------------------------- */

static void draw_valid_task(gw__text *out, const gw__doc *task, bool first) {
    const gw__doc *metric = cli_main_metric(task);
    if (metric == NULL) metric = gw__doc_get(task, "loss");
    gw__text_addf(out, "%s%.*s ", first ? "   valid: " : ", ", GW__SLICE_ARG(task->key));
    if (metric) gw__text_addf(out, "%.*s ", GW__SLICE_ARG(metric->key));
    cli_put_value(out, metric);
}

/* The factors that balancing came to, where there are any. */
static void draw_balance(gw__text *out, const gw__doc *balance) {
    for (const gw__doc *task = balance ? balance->first : NULL; task; task = task->next) {
        gw__text_addf(out, "%s%.*s ", task == balance->first ? "   balance: " : ", ", GW__SLICE_ARG(task->key));
        cli_put_value(out, task);
    }
}

static void put_json_line(const cli_progress *progress, const char *json) {
    gw__text line = {0};
    gw__text_addf(&line, "{%s%s\n", progress->json_label, json + 1);
    cli_screen_write(stdout, &line);
    gw__text_clear(&line);
}

static void draw_epoch(cli_progress *progress, const gw_event *event, gw__text *out) {
    gw__arena arena = {0};
    gw__doc *epoch;
    if (cli_result(event->text, "the epoch", &arena, &epoch, NULL) == GW_OK) {
        double seconds = 0;
        cli_number(gw__doc_get(epoch, "seconds"), &seconds);
        progress->trained_seconds += seconds;
        progress->trained_rows += event->rows;
        int width = snprintf(NULL, 0, "%lld", (long long)event->epochs);
        gw__text_addf(out, "%sepoch %*lld/%lld   train loss ", progress->label, width, (long long)event->epoch, (long long)event->epochs);
        cli_put_value(out, gw__doc_get(gw__doc_get(epoch, "train"), "loss"));
        const gw__doc *tasks = gw__doc_get(gw__doc_get(epoch, "valid"), "tasks");
        for (const gw__doc *task = tasks ? tasks->first : NULL; task; task = task->next) draw_valid_task(out, task, task == tasks->first);
        draw_balance(out, gw__doc_get(epoch, "balance"));
        gw__text_puts(out, "   ");
        cli_put_duration(out, seconds);
        gw__text_putc(out, '\n');
    }
    gw__arena_clear(&arena);
}

/* ---- the end --------------------------------------------------------------------------------------------------------------------- */

static void draw_test(cli_progress *progress, const char *json) {
    gw__text out = {0};
    gw_error err = {0};
    if (progress->json) {
        gw__text_addf(&out, "{%s\"test\":%s}\n", progress->json_label, json);
    } else {
        gw__text_puts(&out, "test: ");
        if (cli_draw_evaluation(json, cli_screen_of(progress->results), &out, &err) != GW_OK) out.n = 0;
    }
    cli_progress_end(progress);
    cli_screen_write(progress->results, &out);
    gw__text_clear(&out);
}

void cli_progress_listen(void *context, const gw_event *event) {
    cli_progress *progress = context;
    gw__text out = {0};
    switch (event->kind) {
    case GW_EVENT_NOTE: gw__text_addf(&out, "note: %s\n", event->text); break;
    case GW_EVENT_WARNING: gw__text_addf(&out, "warning: %s%s\n", progress->label, event->text); break;
    case GW_EVENT_READ: draw_read(progress, event->text, &out); break;
    case GW_EVENT_STEP: draw_step(progress, event); break;
    case GW_EVENT_EPOCH:
        if (progress->json) put_json_line(progress, event->text);
        draw_epoch(progress, event, &out);
        break;
    case GW_EVENT_TEST: draw_test(progress, event->text); break;
    case GW_EVENT_END: break; /* the caller tells what came of many runs */
    }
    if (out.n > 0) put_lines(progress, &out);
    gw__text_clear(&out);
}

/* Which epoch was kept, where it is not the last. */
static void put_kept_epoch(const gw_model *model, gw__text *out) {
    char *json = NULL;
    gw__arena arena = {0};
    gw__doc *description;
    if (gw_model_describe(model, &json, NULL) == GW_OK && cli_result(json, "description", &arena, &description, NULL) == GW_OK) {
        const gw__doc *training = gw__doc_get(description, "training");
        int64_t kept = cli_count(training, "kept_epoch"), epochs = cli_count(training, "epochs");
        if (kept > 0 && kept < epochs) gw__text_addf(out, ", epoch %lld of %lld", (long long)kept, (long long)epochs);
    }
    gw__arena_clear(&arena);
    gw_text_free(json);
}

void cli_progress_saved(const cli_progress *progress, const gw_model *model, const char *path) {
    struct stat found;
    gw__text out = {0};
    bool to_stdout = strcmp(path, "-") == 0;
    gw__text_addf(&out, "saved %s", to_stdout ? "to standard output" : path);
    if (!to_stdout && stat(path, &found) == 0) {
        gw__text_puts(&out, " (");
        cli_put_bytes(&out, (uint64_t)found.st_size);
        gw__text_putc(&out, ')');
    }
    put_kept_epoch(model, &out);
    gw__text_puts(&out, ", after ");
    cli_put_duration(&out, now() - progress->started_at);
    if (!to_stdout) gw__text_addf(&out, "\nnext: gatewright inspect %s", path);
    gw__text_putc(&out, '\n');
    cli_screen_write(stderr, &out);
    gw__text_clear(&out);
}
