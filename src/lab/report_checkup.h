/* What a run found when it looked at itself (docs/health.md), as the report shows it. */
#ifndef GW_LAB_REPORT_CHECKUP_H
#define GW_LAB_REPORT_CHECKUP_H

#include "base/doc.h"
#include "lab/report.h"

/* The warnings of all epochs, in their order; what a look at the kept model found; and of the conflict of tasks, which is a run's and not a model's, the last
 * look up to the kept epoch, or else the first after it. `epochs` are the JSON of each ("{"epoch":1,…}"), parsed, in their order; `look` is what
 * gw__health_write writes, parsed, or NULL; `part` are its rows. Everything lives in `arena`, what is given is borrowed as long. *ret_health is NULL if nothing
 * was looked at and nothing warned of. */
gw_status gw__report_checkup(const gw__doc *const *epochs, size_t n_epochs, size_t kept, const gw__doc *look, const char *part, gw__arena *arena,
                             const gw__report_health **ret_health, gw_error *err);

#endif
