/* Gates: per level a heat map of mean weights, and how much each expert is used over all gates that see it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/report_layout.h"
#include "lab/report_parts.h"

#define LOAD_HEIGHT 180
#define LABEL_CLIP 14
#define LABEL_ROOM 74
#define MOST_ENTRIES 32     /* of the legend */
#define LABELLED_EXPERTS 24 /* of more, the bars have tooltips only */

static bool is_measured(const gw__report_gate *gate) { return gate->weights && !gate->adds && gate->n_experts > 0; }

static size_t count_measured(const gw__report_level *level) {
    size_t n = 0;
    for (size_t g = 0; g < level->n_gates; g++) n += is_measured(&level->gates[g]);
    return n;
}

/* A level's gates as a matrix. */
typedef struct grid {
    const char **rows, **columns;
    double *values;
    size_t n_rows;
} grid;

static bool grid_fill(const gw__report_level *level, bool loads, grid *m) {
    m->n_rows = count_measured(level);
    m->rows = calloc(m->n_rows + 1, sizeof *m->rows);
    m->columns = calloc(level->n_experts + 1, sizeof *m->columns);
    m->values = calloc(m->n_rows * level->n_experts + 1, sizeof *m->values);
    if (!m->rows || !m->columns || !m->values) return false;
    for (size_t i = 0; i < m->n_rows * level->n_experts; i++) m->values[i] = NAN;
    for (size_t e = 0; e < level->n_experts; e++) m->columns[e] = level->experts[e].name;
    for (size_t g = 0, row = 0; g < level->n_gates; g++) {
        const gw__report_gate *gate = &level->gates[g];
        if (!is_measured(gate)) continue;
        m->rows[row] = gate->stream;
        for (size_t i = 0; i < gate->n_experts; i++) m->values[row * level->n_experts + gate->experts[i]] = loads && gate->loads ? gate->loads[i] : gate->weights[i];
        row++;
    }
    return true;
}

static void grid_clear(grid *m) {
    free(m->rows);
    free(m->columns);
    free(m->values);
}

static void put_heat(const gw__report_level *level, const char *title, const char *note, bool loads, gw__text *out) {
    grid m = {0};
    if (grid_fill(level, loads, &m)) {
        gw__range range = GW__RANGE_EMPTY;
        gw__range_add_all(&range, m.values, m.n_rows * level->n_experts);
        gw__report_matrix matrix = {.title = title, .note = note, .rows = m.rows, .columns = m.columns, .n_rows = m.n_rows, .n_columns = level->n_experts,
                                    .values = m.values, .low = fmin(0, range.low), .high = fmax(range.high, 1e-6)};
        if (matrix.low >= 0 && matrix.high > 0.7) matrix.high = 1;
        gw__matrix_write(&matrix, out);
    } else {
        out->failed = true;
    }
    grid_clear(&m);
}

/* ---- load ---- */

static size_t count_seeing(const gw__report_level *level, size_t expert) {
    size_t n = 0;
    for (size_t g = 0; g < level->n_gates; g++)
        for (size_t i = 0; is_measured(&level->gates[g]) && i < level->gates[g].n_experts; i++) n += level->gates[g].experts[i] == expert;
    return n;
}

/* The mean weight of an expert over the gates that see it. */
static double load_of(const gw__report_level *level, size_t expert) {
    double sum = 0;
    for (size_t g = 0; g < level->n_gates; g++) {
        const gw__report_gate *gate = &level->gates[g];
        for (size_t i = 0; is_measured(gate) && i < gate->n_experts; i++)
            if (gate->experts[i] == expert && gate->weights[i] > 0) sum += gate->weights[i];
    }
    return sum / fmax(1, (double)count_seeing(level, expert));
}

/* How a gate's parts are filled: those of one colour become lighter one after another, up to the fourth. */
static const char *fill_of(const gw__report_structure *structure, const gw__report_level *level, size_t gate) {
    static const char *const fills[] = {"bar", "bar lighter", "bar light", "bar lightest"};
    const char *colour = gw__group_colour(structure, level->gates[gate].stream);
    size_t before = 0;
    for (size_t g = 0; g < gate; g++) before += is_measured(&level->gates[g]) && strcmp(gw__group_colour(structure, level->gates[g].stream), colour) == 0;
    return fills[before % GW__COUNT(fills)];
}

/* In the order of the parts of a bar, so that it tells those apart which look the same. */
static void put_legend(const gw__report_structure *structure, const gw__report_level *level, gw__text *out) {
    size_t n = 0;
    gw__text_puts(out, "<p class=\"legend\">");
    for (size_t g = 0; g < level->n_gates; g++) {
        if (!is_measured(&level->gates[g]) || n++ >= MOST_ENTRIES) continue;
        gw__legend_entry(out, fill_of(structure, level, g), gw__group_colour(structure, level->gates[g].stream), level->gates[g].stream);
    }
    if (n > MOST_ENTRIES) gw__text_addf(out, "<span class=\"key\">and %zu more</span>", n - MOST_ENTRIES);
    gw__text_puts(out, "</p>\n");
}

/* One gate's part of a bar, from `from` upwards. */
static void draw_part(const gw__chart *chart, const gw__report_expert *expert, const gw__report_gate *gate, double weight, const char *colour, const char *fill,
                      gw__box at) {
    gw__text title = {0};
    gw__text_addf(&title, "%s: %s ", expert->name, gate->stream);
    gw__markup_value(&title, weight);
    gw__svg_group(chart->out, colour, title.at);
    gw__svg_rect(chart->out, fill, at.x, at.y, at.width, at.height, 0);
    gw__svg_group_end(chart->out);
    gw__markup_done(&title, chart->out);
}

/* A bar as high as the expert's load: parts of the gates that see it, in their colours. Weights below 0 are not stacked. */
static void draw_bar(const gw__chart *chart, const gw__report_structure *structure, const gw__report_level *level, size_t expert, double width) {
    const size_t n = count_seeing(level, expert);
    const double x = gw__chart_x(chart, (double)expert) - width / 2;
    double from = 0;
    for (size_t g = 0; g < level->n_gates; g++) {
        const gw__report_gate *gate = &level->gates[g];
        for (size_t i = 0; is_measured(gate) && i < gate->n_experts; i++) {
            if (gate->experts[i] != expert || !(gate->weights[i] > 0)) continue;
            const double to = from + gate->weights[i] / (double)n, y = gw__chart_y(chart, to);
            draw_part(chart, &level->experts[expert], gate, gate->weights[i], gw__group_colour(structure, gate->stream), fill_of(structure, level, g),
                      (gw__box){x, y, width, gw__chart_y(chart, from) - y});
            from = to;
        }
    }
}

static void draw_loads(const gw__report_structure *structure, const gw__report_level *level, const char *title, gw__text *out) {
    const size_t n = level->n_experts;
    const bool named = n <= LABELLED_EXPERTS;
    gw__range range = {0, 0};
    for (size_t e = 0; e < n; e++) gw__range_add(&range, 1.08 * load_of(level, e));
    const double room = named ? LABEL_ROOM : 8, width = fmin(720, fmax(240, 60 + 44 * (double)n));
    const bool several = count_measured(level) > 1;
    gw__figure_begin(out, n > 10 ? "broad" : NULL, title, several
                         ? "The mean weight of each expert over the gates that see it; a bar's parts are the gates, the first at the bottom."
                         : "The gate's mean weight of each expert.");
    if (several) put_legend(structure, level, out);
    const gw__axis x = {.range = {-0.5, (double)n - 0.5}, .bare = true, .room = room}, y = {.range = gw__range_padded(range, 0), .title = "mean weight", .room = named ? 64 : 0};
    const gw__chart chart = gw__chart_begin(out, width, LOAD_HEIGHT + room, x, y, title);
    for (size_t e = 0; e < n; e++) {
        draw_bar(&chart, structure, level, e, fmin(30, 0.7 * (chart.right - chart.left) / (double)n));
        if (named) gw__svg_slanted_label(out, "tick", gw__chart_x(&chart, (double)e) + 4, chart.bottom + 14, level->experts[e].name, LABEL_CLIP);
    }
    gw__svg_end(out);
    gw__figure_end(out);
}

/* ---- the section ---- */

static bool has_loads(const gw__report_level *level) {
    for (size_t g = 0; g < level->n_gates; g++)
        if (is_measured(&level->gates[g]) && level->gates[g].loads) return true;
    return false;
}

static void put_level(const gw__report_structure *structure, size_t l, gw__text *out) {
    const gw__report_level *level = &structure->levels[l];
    char title[80];
    snprintf(title, sizeof title, structure->n_levels > 1 ? "Level %zu: mean weights" : "Mean weights", l);
    put_heat(level, title, NULL, false, out);
    if (has_loads(level)) {
        snprintf(title, sizeof title, structure->n_levels > 1 ? "Level %zu: rows kept" : "Rows kept", l);
        put_heat(level, title, "The share of the rows in which the gate keeps the expert.", true, out);
    }
    snprintf(title, sizeof title, structure->n_levels > 1 ? "Level %zu: load of the experts" : "Load of the experts", l);
    draw_loads(structure, level, title, out);
}

void gw__part_gates(const gw__report *report, gw__text *out) {
    const gw__report_structure *structure = report->structure;
    size_t measured = 0;
    for (size_t l = 0; structure && l < structure->n_levels; l++) measured += count_measured(&structure->levels[l]);
    if (measured == 0) return;
    char lead[240];
    snprintf(lead, sizeof lead, "How much of each expert a gate takes, on average%s%.40s%s. "
             "A row is a gate, a column an expert; a hatched cell is an expert that it does not see.", structure->gates_of ? " over the " : "",
             structure->gates_of ? structure->gates_of : "", structure->gates_of ? " rows" : "");
    gw__section_begin(out, "gates", "Gates", lead);
    gw__grid_begin(out, "maps");
    for (size_t l = 0; l < structure->n_levels; l++)
        if (count_measured(&structure->levels[l]) > 0) put_level(structure, l, out);
    gw__grid_end(out);
    gw__section_end(out);
}
