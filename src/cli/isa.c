#include "cli/isa.h"

#include <stdio.h>
#include <stdlib.h>

const char *cli_isa(void) {
    const char *isa = getenv("GATEWRIGHT_ISA");
    return isa && *isa ? isa : NULL;
}

gw_status cli_check_isa(gw_error *err) {
    gw_status status = gw_isa_check(cli_isa(), err);
    if (status != GW_OK) snprintf(err->where, sizeof err->where, "GATEWRIGHT_ISA");
    return status;
}

gw_status cli_load_model(const char *path, gw_model **ret_model, gw_error *err) {
    gw_model *model = NULL;
    gw_status status = gw_model_load(path, &model, err);
    if (status == GW_OK) status = gw_model_use_isa(model, cli_isa(), err);
    if (status == GW_OK)
        *ret_model = model;
    else
        gw_model_free(model);
    return status;
}
