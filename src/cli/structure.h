/* The description of a model (gw_model_describe) drawn as a tree and tables. */
#ifndef GW_CLI_STRUCTURE_H
#define GW_CLI_STRUCTURE_H

#include "cli/screen.h"

gw_status cli_draw_structure(const char *json, cli_screen screen, gw__text *out, gw_error *err);

#endif
