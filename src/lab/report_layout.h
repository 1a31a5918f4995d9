/* Where the parts of a network stand in its diagram: columns from the input on the left to the tasks on the right. */
#ifndef GW_LAB_REPORT_LAYOUT_H
#define GW_LAB_REPORT_LAYOUT_H

#include "base/mem.h"
#include "lab/report.h"

/* A box, by its left side and its middle. */
typedef struct gw__box { double x, y, width, height; } gw__box;

typedef struct gw__diagram_level {
    gw__box *experts; /* as the level's */
    gw__box *gates;   /* as the level's; of a gate that adds to another's stream, that gate's */
    double experts_x, gates_x; /* left sides of the columns */
} gw__diagram_level;

typedef struct gw__diagram {
    gw__arena arena;
    double width, height;
    gw__box input;
    gw__diagram_level *levels;
    gw__box *towers; /* as the towers; of width 0 where there are no layers */
    gw__box *tasks;  /* as the towers */
    double towers_x, tasks_x;
    double font;     /* of names in boxes: smaller where there are many */
} gw__diagram;

/* False when out of memory. */
bool gw__diagram_make(const gw__report_structure *structure, gw__diagram *ret_layout);
void gw__diagram_clear(gw__diagram *layout);

#endif
