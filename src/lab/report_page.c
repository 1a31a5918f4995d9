/* The frame of the page: head, header, the list of sections; and the file. */
#include <string.h>

#include "base/files.h"
#include "base/mem.h"
#include "report_css.h"
#include "lab/report_parts.h"

/* ---- frames ---- */

void gw__section_begin(gw__text *out, const char *id, const char *title, const char *lead) {
    gw__text_addf(out, "<section id=\"%s\">\n", id);
    gw__markup_element(out, "h2", NULL, title);
    if (lead) gw__markup_element(out, "p", "lead", lead);
    gw__text_putc(out, '\n');
}

void gw__section_end(gw__text *out) { gw__text_puts(out, "</section>\n"); }

void gw__grid_begin(gw__text *out, const char *classes) { gw__text_addf(out, "<div class=\"grid%s%s\">\n", classes ? " " : "", classes ? classes : ""); }
void gw__grid_end(gw__text *out) { gw__text_puts(out, "</div>\n"); }

void gw__figure_begin(gw__text *out, const char *classes, const char *title, const char *note) {
    gw__text_addf(out, "<figure%s%s%s>\n", classes ? " class=\"" : "", classes ? classes : "", classes ? "\"" : "");
    if (!title && !note) return;
    gw__text_puts(out, "<figcaption>");
    if (title) gw__markup_element(out, "h3", NULL, title);
    if (note) gw__markup_element(out, "p", "note", note);
    gw__text_puts(out, "</figcaption>\n");
}

void gw__figure_end(gw__text *out) { gw__text_puts(out, "</figure>\n"); }

void gw__scroll_begin(gw__text *out, const char *label) {
    gw__text_puts(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"");
    gw__markup_text(out, label);
    gw__text_puts(out, "\">\n");
}

void gw__scroll_end(gw__text *out) { gw__text_puts(out, "</div>\n"); }

void gw__legend_entry(gw__text *out, const char *mark, const char *colour, const char *text) {
    gw__text_addf(out, "<span class=\"key\"><span class=\"mark %s %s\"></span>", mark, colour);
    gw__markup_text(out, text);
    gw__text_puts(out, "</span> ");
}

static const char *const colours[] = {"c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"};

const char *gw__colour(size_t i) { return colours[i % GW__COUNT(colours)]; }

bool gw__again(size_t i) { return i / GW__COUNT(colours) % 2 == 1; }

#define SHORT_FACT 18 /* columns of its value; longer ones, and what is set, have a line of their own */

/* ---- header ---- */

static void put_facts(const gw__report *report, gw__text *out) {
    if (report->n_facts == 0) return;
    gw__text_puts(out, "<dl class=\"facts\">\n");
    for (size_t i = 0; i < report->n_facts; i++) {
        const char *value = report->facts[i].value;
        gw__text_puts(out, gw__markup_columns(value) > SHORT_FACT || strpbrk(value, "\n=") ? "<div class=\"long\">" : "<div>");
        gw__markup_element(out, "dt", NULL, report->facts[i].name);
        gw__markup_element(out, "dd", NULL, value);
        gw__text_puts(out, "</div>\n");
    }
    gw__text_puts(out, "</dl>\n");
}

static void put_way(const gw__report_way *way, gw__text *out) {
    gw__text_puts(out, "<p class=\"back\"><a href=\"");
    gw__markup_text(out, way->to);
    gw__text_puts(out, "\">\xE2\x86\x90 ");
    gw__markup_text(out, way->name);
    gw__text_puts(out, "</a></p>\n");
}

static void put_header(const gw__report *report, gw__text *out) {
    gw__text_puts(out, "<header>\n");
    if (report->back) put_way(report->back, out);
    gw__markup_element(out, "h1", NULL, report->title);
    if (report->subtitle) gw__markup_element(out, "p", "subtitle", report->subtitle);
    put_facts(report, out);
    if (report->spec) {
        gw__text_puts(out, "<details><summary>The spec, every default resolved</summary>");
        gw__markup_element(out, "pre", NULL, report->spec);
        gw__text_puts(out, "</details>\n");
    }
    gw__text_puts(out, "</header>\n");
}

/* ---- sections ---- */

static const struct {
    const char *id, *title;
    void (*write)(const gw__report *report, gw__text *out);
} parts[] = {
    {"comparison", "Comparison", gw__part_comparison},
    {"health", "Health", gw__part_health},
    {"learning", "Learning", gw__part_learning},
    {"structure", "Structure", gw__part_structure},
    {"gates", "Gates", gw__part_gates},
    {"curves", "Predictions", gw__part_curves},
};

/* Links to the sections that are there, each of which begins with its id. */
static void put_links(const gw__text *sections, gw__text *out) {
    gw__text_puts(out, "<nav aria-label=\"sections\">\n");
    for (size_t i = 0; i < GW__COUNT(parts); i++) {
        char mark[64];
        snprintf(mark, sizeof mark, "<section id=\"%s\">", parts[i].id);
        if (sections->at && strstr(sections->at, mark)) gw__text_addf(out, "<a href=\"#%s\">%s</a>\n", parts[i].id, parts[i].title);
    }
    gw__text_puts(out, "</nav>\n");
}

gw_status gw__report_format(const gw__report *report, gw__text *out, gw_error *err) {
    gw__text sections = {0};
    for (size_t i = 0; i < GW__COUNT(parts); i++) parts[i].write(report, &sections);
    gw__text_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                       "<meta name=\"color-scheme\" content=\"light dark\"/>\n");
    gw__markup_element(out, "title", NULL, report->title);
    gw__text_puts(out, "\n<style>\n");
    gw__text_puts(out, gw__report_css);
    gw__text_puts(out, "</style>\n</head>\n<body>\n");
    put_header(report, out);
    put_links(&sections, out);
    gw__text_puts(out, "<main>\n");
    gw__text_add(out, gw__markup_shown(&sections), sections.n);
    gw__text_puts(out, "</main>\n<footer>Gatewright " GW_VERSION "</footer>\n</body>\n</html>\n");
    gw__markup_done(&sections, out);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

gw_status gw__report_write(const gw__report *report, const char *path, gw_error *err) {
    gw__text page = {0};
    gw__writer writer = {0};
    gw_status status = GW_OK;
    GW__TRY(gw__report_format(report, &page, err));
    GW__TRY(gw__writer_open(&writer, path, err));
    GW__TRY(gw__writer_put(&writer, page.at, page.n, err));
    status = gw__writer_commit(&writer, err);
cleanup:
    gw__writer_cancel(&writer);
    gw__text_clear(&page);
    return status;
}
