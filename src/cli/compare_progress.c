#include "cli/compare_progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/stop.h"

cli_compare_progress cli_compare_progress_of(void) { return (cli_compare_progress){.progress = cli_progress_of(false, false)}; }

void cli_compare_progress_clear(cli_compare_progress *progress) {
    cli_progress_end(&progress->progress);
    if (progress->n_silent > 0) fprintf(stderr, "note: %zu more warnings like these\n", progress->n_silent);
    free(progress->shares);
    gw__text_clear(&progress->told);
}

/* ---- the bar --------------------------------------------------------------------------------------------------------------------- */

static void note_share(cli_compare_progress *p, const gw_compare_event *event) {
    const gw_event *e = event->event;
    if (!p->shares) p->shares = calloc(event->runs, sizeof *p->shares);
    if (!p->shares) return;
    const double within = e->kind == GW_EVENT_STEP && e->rows > 0 ? (double)e->rows_done / (double)e->rows : 1;
    if (e->kind == GW_EVENT_END) p->shares[e->run] = 1;
    else if (e->epochs > 0) p->shares[e->run] = ((double)(e->epoch - 1) + within) / (double)e->epochs;
}

static void draw_bar(cli_compare_progress *p, const gw_compare_event *event) {
    double share = 0;
    for (size_t i = 0; p->shares && i < event->runs; i++) share += p->shares[i] / (double)event->runs;
    if (share < 0.01 || !cli_progress_is_due(&p->progress)) return; /* before that nobody knows how long it takes */
    gw__text line = {0};
    gw__text_addf(&line, "\r%zu/%zu runs ", event->ended, event->runs);
    cli_progress_bar(&p->progress, share, &line);
    gw__text_puts(&line, "  ");
    cli_put_duration(&line, cli_progress_seconds(&p->progress) * (1 - share) / share);
    gw__text_puts(&line, " left\033[K");
    cli_screen_write(stderr, &line);
    p->progress.line_open = true;
    gw__text_clear(&line);
}

/* ---- lines ----------------------------------------------------------------------------------------------------------------------- */

enum { MOST_WARNINGS = 3 }; /* of one architecture: many runs say nearly the same */

/* Whether `label` says it for the first time, and has not said much; what is not to be told is counted. */
static bool is_news(cli_compare_progress *p, const char *label, const char *message) {
    gw__text text = {0};
    size_t n = 0;
    gw__text_addf(&text, "%s: %s", label, message);
    bool news = !text.failed;
    for (size_t i = 0; news && i < p->told.n; i += strlen(p->told.at + i) + 1) {
        n += strncmp(p->told.at + i, text.at, strlen(label) + 2) == 0;
        news = strcmp(p->told.at + i, text.at) != 0;
    }
    if (news) gw__text_add(&p->told, text.at, text.n + 1);
    gw__text_clear(&text);
    p->n_silent += news && n >= MOST_WARNINGS;
    return news && n < MOST_WARNINGS;
}

static void draw_end(cli_compare_progress *p, const gw_compare_event *event) {
    const char *problem = event->event->text;
    gw__text line = {0};
    gw__text_addf(&line, "%*zu/%zu  %s, seed %" PRIu64 ": ", snprintf(NULL, 0, "%zu", event->runs), event->ended, event->runs, event->label, event->seed);
    gw__text_puts(&line, !problem ? "done" : is_news(p, event->label, problem) ? problem : "failed");
    gw__text_puts(&line, "\n");
    cli_progress_end(&p->progress);
    cli_screen_write(stderr, &line);
    gw__text_clear(&line);
}

/* Of the first run that has it, or of all of an entry's. */
static void draw_warning(cli_compare_progress *p, const gw_compare_event *event) {
    gw__text line = {0};
    gw__text_addf(&line, "warning: %s", event->label);
    if (event->event->run != SIZE_MAX) gw__text_addf(&line, ", seed %" PRIu64, event->seed);
    gw__text_addf(&line, ": %s\n", event->event->text);
    cli_progress_end(&p->progress);
    cli_screen_write(stderr, &line);
    gw__text_clear(&line);
}

void cli_compare_progress_listen(void *context, const gw_compare_event *event) {
    cli_compare_progress *p = context;
    const gw_event *e = event->event;
    switch (e->kind) {
    case GW_EVENT_READ:
        if (!p->read) {
            p->reader = e->run;
            cli_progress_listen(&p->progress, e);
        }
        p->read = true;
        break;
    case GW_EVENT_NOTE:
        if (p->reader == e->run) cli_progress_listen(&p->progress, e);
        break;
    case GW_EVENT_WARNING:
        if (is_news(p, event->label, e->text)) draw_warning(p, event);
        break;
    case GW_EVENT_END:
        if (!cli_stop_requested) draw_end(p, event); /* else there would be many */
        /* fall through */
    case GW_EVENT_STEP:
    case GW_EVENT_EPOCH:
        note_share(p, event);
        draw_bar(p, event);
        break;
    case GW_EVENT_TEST: break; /* the table at the end has it */
    }
}
