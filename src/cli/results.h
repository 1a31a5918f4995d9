/* The library's JSON results, drawn for people. */
#ifndef GW_CLI_RESULTS_H
#define GW_CLI_RESULTS_H

#include "cli/screen.h"

/* An evaluation ({"rows":n,"tasks":{…},"gates":…}) as a table of metrics, a bar per expert of each gate, and what is known of the experts. */
gw_status cli_draw_evaluation(const char *json, cli_screen screen, gw__text *out, gw_error *err);

/* Parts of it: "8 rows, bad rows passed over: 2" of `rows` and `skipped`; `gates`; and what `health` has of experts. */
void cli_put_rows(const gw__doc *read, gw__text *out);
void cli_draw_gates(const gw__doc *gates, cli_screen screen, gw__text *out);
void cli_draw_experts(const gw__doc *health, gw__text *out);

/* Parse a result of the library. `what` names it in the message, should it not be JSON. */
gw_status cli_result(const char *json, const char *what, gw__arena *arena, gw__doc **ret_doc, gw_error *err);

/* The metric that says most about a task of these metrics: auc, else rmse, else accuracy. NULL if there is none. */
const gw__doc *cli_main_metric(const gw__doc *metrics);

#endif
