#include "lab/report_layout.h"

#include <string.h>

#include "lab/svg.h"

#define TOP 40.0       /* above the boxes: the columns' titles */
#define MARGIN 12.0
#define INPUT 18.0
#define MOST_COLUMNS 16 /* of a name's text in a box */
#define LEAST_BOX 64.0
#define PAGE 1080.0     /* wide, the diagram is, if boxes and the space between them allow it */
#define LINK_ROOM 30.0  /* beside the tasks, for what goes from one to another */
#define GROUP_GAP 14.0
#define MOST_PITCH 96.0 /* between gates */

/* Sizes that follow from how much there is. */
typedef struct sizes {
    double box, pitch; /* height of an expert, and from one to the next */
    double inner;      /* height of all boxes of the tallest column */
    double fan, step;  /* widths between experts and gates, where the ribbons are, and between other columns */
} sizes;

static double wider(double a, double b) { return a > b ? a : b; }

static double box_width(const char *text, double least, double font) {
    size_t columns = gw__markup_columns(text);
    return wider(least, gw__svg_width(columns > MOST_COLUMNS ? MOST_COLUMNS : columns, font) + 18);
}

static bool new_group(const gw__report_level *level, size_t i) { return i > 0 && strcmp(level->experts[i].group, level->experts[i - 1].group) != 0; }

static double experts_height(const gw__report_level *level, const sizes *s) {
    double height = (double)level->n_experts * s->pitch;
    for (size_t i = 1; i < level->n_experts; i++)
        if (new_group(level, i)) height += GROUP_GAP;
    return height;
}

static sizes sizes_of(const gw__report_structure *structure, double *ret_font) {
    size_t most = structure->n_towers;
    for (size_t l = 0; l < structure->n_levels; l++) {
        if (structure->levels[l].n_experts > most) most = structure->levels[l].n_experts;
        if (structure->levels[l].n_gates > most) most = structure->levels[l].n_gates;
    }
    sizes s = most <= 12 ? (sizes){.box = 26, .pitch = 34} : most <= 28 ? (sizes){.box = 19, .pitch = 23} : (sizes){.box = 13, .pitch = 15};
    *ret_font = most <= 12 ? 12 : most <= 28 ? 11 : 9.5;
    s.inner = wider(120, (double)structure->n_towers * (s.pitch + 12));
    for (size_t l = 0; l < structure->n_levels; l++) {
        s.inner = wider(s.inner, experts_height(&structure->levels[l], &s));
        s.inner = wider(s.inner, (double)structure->levels[l].n_gates * s.pitch);
    }
    return s;
}

/* Experts below each other, groups apart, all in the middle of the height. */
static void place_experts(const gw__report_level *level, const sizes *s, double x, double width, gw__box *boxes) {
    double y = TOP + (s->inner - experts_height(level, s)) / 2 + s->pitch / 2;
    for (size_t i = 0; i < level->n_experts; i++, y += s->pitch) {
        if (new_group(level, i)) y += GROUP_GAP;
        boxes[i] = (gw__box){x, y, width, s->box};
    }
}

/* The i-th of n spread over the height. */
static gw__box spread(size_t i, size_t n, double x, double width, double height, const sizes *s) {
    const double even = s->inner / (double)n, pitch = even > MOST_PITCH ? MOST_PITCH : even;
    return (gw__box){x, TOP + s->inner / 2 + ((double)i - 0.5 * (double)(n - 1)) * pitch, width, height};
}

static bool is_shared(const gw__report_gate *gate) { return strcmp(gate->stream, "shared") == 0; }

/* Gates spread over the height, the shared one on top as the shared experts are; those that add stand where they add to. */
static void place_gates(const gw__report_level *level, const sizes *s, double x, double width, gw__box *boxes) {
    size_t n = 0, place = 0;
    for (size_t g = 0; g < level->n_gates; g++) n += !level->gates[g].adds;
    const double even = n ? s->inner / (double)n : 0, height = even * 0.6 > 44 ? 44 : wider(even * 0.6, s->box * 0.8);
    for (int turn = 0; turn < 2; turn++)
        for (size_t g = 0; g < level->n_gates; g++)
            if (!level->gates[g].adds && is_shared(&level->gates[g]) == (turn == 0)) boxes[g] = spread(place++, n, x, width, height, s);
    for (size_t g = 0; g < level->n_gates; g++)
        for (size_t k = 0; level->gates[g].adds && k < level->n_gates; k++)
            if (!level->gates[k].adds && strcmp(level->gates[g].stream, level->gates[k].stream) == 0) boxes[g] = boxes[k];
}

/* The widest boxes of a level's experts and gates. */
static void level_widths(const gw__report_level *level, double font, double *ret_experts, double *ret_gates) {
    *ret_experts = *ret_gates = LEAST_BOX;
    for (size_t i = 0; i < level->n_experts; i++) *ret_experts = wider(*ret_experts, box_width(level->experts[i].name, LEAST_BOX, font));
    for (size_t g = 0; g < level->n_gates; g++) *ret_gates = wider(*ret_gates, box_width(level->gates[g].stream, LEAST_BOX, font));
}

/* The same of towers and tasks; *ret_towers is 0 where nothing stands between the last gates and the tasks. */
static void tower_widths(const gw__report_structure *structure, double font, double *ret_towers, double *ret_tasks) {
    *ret_towers = 0;
    *ret_tasks = LEAST_BOX;
    for (size_t i = 0; i < structure->n_towers; i++) {
        if (structure->towers[i].layers) *ret_towers = wider(*ret_towers, box_width(structure->towers[i].layers, LEAST_BOX, font));
        *ret_tasks = wider(*ret_tasks, box_width(structure->towers[i].task, LEAST_BOX, font));
    }
}

/* What is left of the page's width goes to the ribbons, and some of it to the other columns' distances. */
static void space_out(const gw__report_structure *structure, double font, sizes *s) {
    const double n = (double)structure->n_levels, share = 0.4;
    double a, b, left = PAGE - 2 * MARGIN - INPUT;
    for (size_t l = 0; l < structure->n_levels; l++) {
        level_widths(&structure->levels[l], font, &a, &b);
        left -= a + b;
    }
    tower_widths(structure, font, &a, &b);
    left -= a + b;
    const double fan = left / (n + share * (n + 1.5));
    s->fan = fan < 90 ? 90 : fan > 230 ? 230 : fan;
    s->step = share * s->fan;
}

static bool place_level(gw__diagram *layout, const gw__report_level *level, const sizes *s, gw__diagram_level *placed, double *x) {
    double experts, gates;
    placed->experts = gw__arena_alloc(&layout->arena, level->n_experts + 1, sizeof *placed->experts);
    placed->gates = gw__arena_alloc(&layout->arena, level->n_gates + 1, sizeof *placed->gates);
    if (!placed->experts || !placed->gates) return false;
    level_widths(level, layout->font, &experts, &gates);
    placed->experts_x = *x;
    place_experts(level, s, *x, experts, placed->experts);
    *x += experts + s->fan;
    placed->gates_x = *x;
    place_gates(level, s, *x, gates, placed->gates);
    *x += gates + s->step;
    return true;
}

static bool place_towers(gw__diagram *layout, const gw__report_structure *structure, const sizes *s, double *x) {
    const size_t n = structure->n_towers;
    double towers, tasks;
    layout->towers = gw__arena_alloc(&layout->arena, n + 1, sizeof *layout->towers);
    layout->tasks = gw__arena_alloc(&layout->arena, n + 1, sizeof *layout->tasks);
    if (!layout->towers || !layout->tasks) return false;
    tower_widths(structure, layout->font, &towers, &tasks);
    layout->towers_x = *x;
    layout->tasks_x = *x + (towers > 0 ? towers + s->step / 2 : 0);
    for (size_t i = 0; i < n; i++) {
        if (structure->towers[i].layers) layout->towers[i] = spread(i, n, *x, towers, s->box, s);
        layout->tasks[i] = spread(i, n, layout->tasks_x, tasks, s->box, s);
    }
    *x = layout->tasks_x + tasks;
    return true;
}

bool gw__diagram_make(const gw__report_structure *structure, gw__diagram *ret_layout) {
    gw__diagram layout = {0};
    sizes s = sizes_of(structure, &layout.font);
    space_out(structure, layout.font, &s);
    double x = MARGIN;
    layout.levels = gw__arena_alloc(&layout.arena, structure->n_levels + 1, sizeof *layout.levels);
    bool placed = layout.levels != NULL;
    layout.input = (gw__box){x, TOP + s.inner / 2, INPUT, s.inner};
    x += layout.input.width + s.step;
    for (size_t l = 0; placed && l < structure->n_levels; l++) placed = place_level(&layout, &structure->levels[l], &s, &layout.levels[l], &x);
    placed = placed && place_towers(&layout, structure, &s, &x);
    layout.width = x + MARGIN + (structure->n_links ? LINK_ROOM : 0);
    layout.height = TOP + s.inner + MARGIN;
    if (placed) *ret_layout = layout;
    else gw__arena_clear(&layout.arena);
    return placed;
}

void gw__diagram_clear(gw__diagram *layout) { gw__arena_clear(&layout->arena); }
