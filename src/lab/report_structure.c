/* The network as a diagram: input, experts and gates of each level, towers, tasks. A ribbon from an expert to a gate is as wide as the gate's mean
 * weight of it, in units of the gate's height, so that the ribbons of a softmax fill the gate's side. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/report_layout.h"
#include "lab/report_parts.h"

#define NARROWEST 0.75

typedef struct diagram {
    gw__text *out;
    const gw__report_structure *structure;
    gw__diagram layout;
} diagram;

/* ---- colours ---- */

static bool is_neutral(const char *name) {
    return strcmp(name, "shared") == 0 || strcmp(name, "all") == 0 || (strncmp(name, "expert", 6) == 0 && name[6] >= '0' && name[6] <= '9');
}

static size_t task_of(const gw__report_structure *structure, const char *name) {
    size_t i = 0;
    while (i < structure->n_towers && strcmp(structure->towers[i].task, name) != 0) i++;
    return i;
}

const char *gw__group_colour(const gw__report_structure *structure, const char *name) {
    size_t at = task_of(structure, name);
    if (at < structure->n_towers) return gw__colour(at);
    if (is_neutral(name)) return "shared";
    const char *last = "";
    for (size_t l = 0; l < structure->n_levels; l++)
        for (size_t e = 0; e < structure->levels[l].n_experts; e++) { /* groups of a wiring of one's own, in their order */
            const char *group = structure->levels[l].experts[e].group;
            if (strcmp(group, name) == 0) return gw__colour(at);
            if (strcmp(group, last) != 0 && !is_neutral(group) && task_of(structure, group) == structure->n_towers) at++;
            last = group;
        }
    return gw__colour(at);
}

/* ---- lines ---- */

static double right_of(const gw__box *box) { return box->x + box->width; }

/* A thin line between two boxes, of a stream or of the input. */
static void draw_wire(const diagram *d, const char *colour, const gw__box *from, const gw__box *to, const char *title) {
    char classes[40];
    snprintf(classes, sizeof classes, "wire %s", colour);
    gw__svg_ribbon(d->out, classes, 1.5, right_of(from), from->y, to->x, to->y, title);
}

/* From the input, a tall bar, level to what reads it; to further levels in a curve. */
static void draw_from_input(const diagram *d, const gw__box *to, bool near) {
    const gw__box from = {.x = d->layout.input.x, .y = near ? to->y : d->layout.input.y + d->layout.input.height / 2 - 4, .width = d->layout.input.width};
    gw__svg_ribbon(d->out, near ? "wire" : "wire far", 1, right_of(&from), from.y, to->x, to->y, NULL);
}

static double weight_of(const gw__report_gate *gate, size_t i) { return gate->weights ? gate->weights[i] : NAN; }

static double weight_sum(const gw__report_gate *gate) {
    double sum = 0;
    for (size_t i = 0; i < gate->n_experts; i++)
        if (isfinite(weight_of(gate, i))) sum += fabs(gate->weights[i]);
    return sum;
}

static void draw_ribbon(const diagram *d, const gw__report_level *level, const gw__box *from, const gw__box *to, const gw__report_gate *gate, size_t i,
                        double share, double y) {
    gw__text title = {0};
    char classes[64];
    const double weight = weight_of(gate, i), width = isfinite(weight) ? fmax(NARROWEST, share * to->height) : 1.5;
    gw__text_addf(&title, "%s to %s", level->experts[gate->experts[i]].name, gate->stream);
    if (isfinite(weight)) {
        gw__text_puts(&title, ": ");
        gw__markup_value(&title, weight);
    }
    snprintf(classes, sizeof classes, "ribbon%s %s", gate->adds ? " adds" : isfinite(weight) && weight < 0 ? " below" : "", gw__group_colour(d->structure, gate->stream));
    gw__svg_ribbon(d->out, classes, width, right_of(from), from->y, to->x, y, title.at);
    gw__markup_done(&title, d->out);
}

/* The ribbons of a gate, stacked at its side. Weights that do not add up to 1 (learned constants) are taken as shares of their sum. */
static void draw_ribbons(const diagram *d, size_t l, size_t g) {
    const gw__report_level *level = &d->structure->levels[l];
    const gw__report_gate *gate = &level->gates[g];
    const gw__diagram_level *placed = &d->layout.levels[l];
    const gw__box *to = &placed->gates[g];
    const double sum = weight_sum(gate), unit = sum > 1 ? 1 / sum : 1;
    double y = to->y - to->height / 2 * (gate->weights ? fmin(1, sum) : 1);
    for (size_t i = 0; i < gate->n_experts; i++) {
        const double weight = weight_of(gate, i), share = isfinite(weight) ? fabs(weight) * unit : 1 / (double)gate->n_experts;
        draw_ribbon(d, level, &placed->experts[gate->experts[i]], to, gate, i, share, gate->adds ? to->y : y + share * to->height / 2);
        y += share * to->height;
    }
}

/* ---- boxes ---- */

static void draw_box(const diagram *d, const char *shape, const char *colour, const gw__box *box, const char *name, const char *title) {
    char classes[64], text[32];
    snprintf(classes, sizeof classes, "%s %s", shape, colour);
    snprintf(text, sizeof text, "%s", d->layout.font > 11.5 ? "name" : d->layout.font > 10 ? "name less" : "name least");
    gw__svg_group(d->out, classes, title);
    gw__svg_rect(d->out, "box", box->x, box->y - box->height / 2, box->width, box->height, strcmp(shape, "gate") == 0 ? fmin(13, box->height / 2) : 5);
    const size_t most = gw__svg_columns(box->width - 12, d->layout.font);
    gw__svg_clipped_label(d->out, text, box->x + box->width / 2, box->y + d->layout.font * 0.36, name, most);
    gw__svg_group_end(d->out);
}

static const char *stream_below(const diagram *d, size_t level, size_t input) {
    return input == GW__REPORT_NONE || level == 0 ? "the input" : d->structure->levels[level - 1].gates[input].stream;
}

static void draw_expert(const diagram *d, size_t l, size_t e) {
    const gw__report_expert *expert = &d->structure->levels[l].experts[e];
    gw__text title = {0};
    gw__text_addf(&title, "expert %s reads %s", expert->name, stream_below(d, l, expert->input));
    if (expert->layers) gw__text_addf(&title, "; layers %s", expert->layers);
    draw_box(d, "expert", gw__group_colour(d->structure, expert->group), &d->layout.levels[l].experts[e], expert->name, title.at);
    gw__markup_done(&title, d->out);
}

static void draw_gate(const diagram *d, size_t l, size_t g) {
    const gw__report_gate *gate = &d->structure->levels[l].gates[g];
    gw__text title = {0};
    if (gate->adds) return;
    gw__text_addf(&title, "stream %s: %s of %zu expert%s", gate->stream, gate->kind, gate->n_experts, gate->n_experts == 1 ? "" : "s");
    if (strcmp(gate->kind, "softmax") == 0) gw__text_addf(&title, ", computed from %s", stream_below(d, l, gate->input));
    draw_box(d, "gate", gw__group_colour(d->structure, gate->stream), &d->layout.levels[l].gates[g], gate->stream, title.at);
    gw__markup_done(&title, d->out);
}

static void draw_wires_to(const diagram *d, size_t l) {
    const gw__report_level *level = &d->structure->levels[l];
    for (size_t e = 0; e < level->n_experts; e++) {
        const gw__box *to = &d->layout.levels[l].experts[e];
        const size_t input = level->experts[e].input;
        if (input == GW__REPORT_NONE || l == 0) draw_from_input(d, to, l == 0);
        else draw_wire(d, gw__group_colour(d->structure, d->structure->levels[l - 1].gates[input].stream), &d->layout.levels[l - 1].gates[input], to, NULL);
    }
}

static void draw_level(const diagram *d, size_t l) {
    const gw__report_level *level = &d->structure->levels[l];
    draw_wires_to(d, l);
    for (size_t g = 0; g < level->n_gates; g++) draw_ribbons(d, l, g);
    for (size_t e = 0; e < level->n_experts; e++) draw_expert(d, l, e);
    for (size_t g = 0; g < level->n_gates; g++) draw_gate(d, l, g);
    gw__text_putc(d->out, '\n');
}

/* ---- towers, tasks, and what goes from task to task ---- */

static void draw_tower(const diagram *d, size_t i) {
    const gw__report_tower *tower = &d->structure->towers[i];
    const char *colour = gw__colour(i);
    const gw__box *task = &d->layout.tasks[i], *box = tower->layers ? &d->layout.towers[i] : task;
    if (tower->input != GW__REPORT_NONE && d->structure->n_levels > 0) draw_wire(d, colour, &d->layout.levels[d->structure->n_levels - 1].gates[tower->input], box, NULL);
    if (tower->layers) {
        gw__text title = {0};
        gw__text_addf(&title, "tower of %s; layers %s", tower->task, tower->layers);
        draw_wire(d, colour, box, task, NULL);
        draw_box(d, "tower", colour, box, tower->layers, title.at);
        gw__markup_done(&title, d->out);
    }
    draw_box(d, "task", colour, task, tower->task, tower->task);
}

static void draw_link(const diagram *d, const gw__report_link *link) {
    const size_t from = task_of(d->structure, link->from), to = task_of(d->structure, link->to), n = d->structure->n_towers;
    if (from >= n || to >= n) return;
    gw__text title = {0};
    const gw__box *a = &d->layout.tasks[from], *b = &d->layout.tasks[to];
    gw__text_addf(&title, "%s to %s", link->from, link->to);
    gw__svg_arc(d->out, "wire link", right_of(a), a->y, right_of(b), b->y, 26, title.at);
    gw__markup_done(&title, d->out);
}

/* ---- the drawing ---- */

/* Streams are made by gates, or else of what experts put out: one expert's as it is, averages, sums with learned constants. */
static bool is_gate(const gw__report_gate *gate) { return strcmp(gate->kind, "softmax") == 0 || strncmp(gate->kind, "self-", 5) == 0; }

static bool has_gates(const gw__report_level *level) {
    for (size_t g = 0; g < level->n_gates; g++)
        if (is_gate(&level->gates[g])) return true;
    return false;
}

static const char *streams_of(const gw__report_level *level) { return has_gates(level) ? "gates" : "streams"; }

static void draw_titles(const diagram *d) {
    char title[40];
    gw__svg_label(d->out, "axis", d->layout.input.x, 16, GW__ANCHOR_START, "input");
    for (size_t l = 0; l < d->structure->n_levels; l++) {
        snprintf(title, sizeof title, d->structure->n_levels > 1 ? "experts %zu" : "experts", l);
        gw__svg_label(d->out, "axis", d->layout.levels[l].experts_x, 16, GW__ANCHOR_START, title);
        snprintf(title, sizeof title, d->structure->n_levels > 1 ? "%s %zu" : "%s", streams_of(&d->structure->levels[l]), l);
        gw__svg_label(d->out, "axis", d->layout.levels[l].gates_x, 16, GW__ANCHOR_START, title);
    }
    if (d->layout.tasks_x > d->layout.towers_x) gw__svg_label(d->out, "axis", d->layout.towers_x, 16, GW__ANCHOR_START, "towers");
    gw__svg_label(d->out, "axis", d->layout.tasks_x, 16, GW__ANCHOR_START, "tasks");
}

static void draw(const diagram *d) {
    gw__text label = {0};
    gw__text_addf(&label, "Diagram of the network: %zu level%s of experts and %s, %zu task%s", d->structure->n_levels, d->structure->n_levels == 1 ? "" : "s",
                  streams_of(&d->structure->levels[d->structure->n_levels - 1]), d->structure->n_towers, d->structure->n_towers == 1 ? "" : "s");
    gw__svg_begin(d->out, d->layout.width, d->layout.height, true, gw__markup_shown(&label));
    draw_titles(d);
    const gw__box *input = &d->layout.input;
    gw__svg_group(d->out, "expert shared", d->structure->input);
    gw__svg_rect(d->out, "box", input->x, input->y - input->height / 2, input->width, input->height, 5);
    gw__svg_group_end(d->out);
    for (size_t l = 0; l < d->structure->n_levels; l++) draw_level(d, l);
    for (size_t i = 0; i < d->structure->n_towers; i++) draw_tower(d, i);
    for (size_t i = 0; i < d->structure->n_links; i++) draw_link(d, &d->structure->links[i]);
    gw__svg_end(d->out);
    gw__markup_done(&label, d->out);
}

/* ---- the same as a table ---- */

static void put_row(gw__text *out, size_t level, const char *kind, const char *name, const char *reads, const char *layers) {
    gw__text_addf(out, "<tr><td class=\"n\">%zu</td><td>%s</td><th scope=\"row\">", level, kind);
    gw__markup_text(out, name);
    gw__text_puts(out, "</th>");
    gw__markup_element(out, "td", NULL, reads);
    gw__markup_element(out, "td", NULL, layers ? layers : "");
    gw__text_puts(out, "</tr>\n");
}

static void put_gate_row(const gw__report_level *level, size_t l, const gw__report_gate *gate, gw__text *out) {
    gw__text sees = {0};
    for (size_t i = 0; i < gate->n_experts; i++) gw__text_addf(&sees, "%s%s", i ? ", " : "", level->experts[gate->experts[i]].name);
    put_row(out, l, is_gate(gate) ? "gate" : "stream", gate->stream, gw__markup_shown(&sees), gate->kind);
    gw__markup_done(&sees, out);
}

static void put_table(const diagram *d, gw__text *out) {
    gw__text_puts(out, "<details><summary>The structure as a table</summary>\n");
    gw__scroll_begin(out, "structure");
    gw__text_puts(out, "<table>\n<thead><tr><th scope=\"col\" class=\"n\">level</th><th scope=\"col\">part</th><th scope=\"col\">name</th><th scope=\"col\">reads</th>"
                       "<th scope=\"col\">layers or kind</th></tr></thead>\n<tbody>\n");
    for (size_t l = 0; l < d->structure->n_levels; l++) {
        const gw__report_level *level = &d->structure->levels[l];
        for (size_t e = 0; e < level->n_experts; e++)
            put_row(out, l, "expert", level->experts[e].name, stream_below(d, l, level->experts[e].input), level->experts[e].layers);
        for (size_t g = 0; g < level->n_gates; g++) put_gate_row(level, l, &level->gates[g], out);
    }
    for (size_t i = 0; i < d->structure->n_towers; i++) {
        const gw__report_tower *tower = &d->structure->towers[i];
        const bool reads = tower->input != GW__REPORT_NONE && d->structure->n_levels > 0;
        put_row(out, d->structure->n_levels, "task", tower->task, reads ? stream_below(d, d->structure->n_levels, tower->input) : "other tasks", tower->layers);
    }
    gw__text_puts(out, "</tbody></table>\n");
    gw__scroll_end(out);
    gw__text_puts(out, "</details>\n");
}

static bool has_weights(const gw__report_structure *structure) {
    for (size_t l = 0; l < structure->n_levels; l++)
        for (size_t g = 0; g < structure->levels[l].n_gates; g++)
            if (structure->levels[l].gates[g].weights) return true;
    return false;
}

void gw__part_structure(const gw__report *report, gw__text *out) {
    diagram d = {.out = out, .structure = report->structure};
    if (!d.structure || d.structure->n_levels == 0) return;
    if (!gw__diagram_make(d.structure, &d.layout)) {
        out->failed = true;
        return;
    }
    const bool weighed = has_weights(d.structure);
    gw__text lead = {0};
    if (d.structure->input) gw__text_addf(&lead, "%s. ", d.structure->input);
    if (weighed) gw__text_puts(&lead, "A ribbon is as wide as the gate's mean weight of the expert");
    if (weighed && d.structure->gates_of) gw__text_addf(&lead, " over the %s rows", d.structure->gates_of);
    if (weighed) gw__text_putc(&lead, '.');
    gw__section_begin(out, "structure", "Structure", lead.at);
    gw__figure_begin(out, "broad", NULL, NULL);
    gw__scroll_begin(out, "diagram of the network");
    draw(&d);
    gw__scroll_end(out);
    put_table(&d, out);
    gw__figure_end(out);
    gw__section_end(out);
    gw__diagram_clear(&d.layout);
    gw__markup_done(&lead, out);
}
