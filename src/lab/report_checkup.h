/* What a run found when it looked at itself (docs/health.md), as the report shows it. */
#ifndef GW_LAB_REPORT_CHECKUP_H
#define GW_LAB_REPORT_CHECKUP_H

#include "base/doc.h"
#include "lab/report.h"

/* Warnings of all epochs, in their order, each once; figures of one look. `epochs` are the JSON of each ("{"epoch":1,…}"), parsed, in their order;
 * `kept`: whose parameters the model has, the last look up to which is shown, or else the first after it. Everything lives in `arena`, what is given
 * is borrowed as long. *ret_health is NULL if nothing was looked at and nothing warned of. */
gw_status gw__report_checkup(const gw__doc *const *epochs, size_t n_epochs, size_t kept, gw__arena *arena, const gw__report_health **ret_health, gw_error *err);

#endif
