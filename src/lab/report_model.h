/* A model's structure as the report shows it. */
#ifndef GW_LAB_REPORT_MODEL_H
#define GW_LAB_REPORT_MODEL_H

#include "base/mem.h"
#include "lab/report.h"
#include "model/model.h"

/* Made from the description that `inspect --json` prints, so that it says the same. `gate_means`: [gate_width] means over rows, as scorers give gates;
 * NULL: not measured. `part`: of which rows. Everything lives in `arena`, what is given is borrowed as long. */
gw_status gw__report_structure_of(const gw_model *model, const double *gate_means, const double *gate_loads, const char *part, gw__arena *arena,
                                  const gw__report_structure **ret_structure, gw_error *err);

#endif
