/* A comparison's JSON as tables: what each architecture costs, and for each task its main metric with gains. */
#ifndef GW_CLI_COMPARE_TABLE_H
#define GW_CLI_COMPARE_TABLE_H

#include "cli/screen.h"

gw_status cli_draw_comparison(const char *json, gw__text *out, gw_error *err);

#endif
