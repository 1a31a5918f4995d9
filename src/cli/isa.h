/* The instruction set that the environment asks for. */
#ifndef GW_CLI_ISA_H
#define GW_CLI_ISA_H

#include "gatewright.h"

/* What GATEWRIGHT_ISA says; NULL, for the best one, if it is unset or empty. */
const char *cli_isa(void);

/* GW_E_ARGUMENT if it is none that this machine has. */
gw_status cli_check_isa(gw_error *err);

/* A model that computes with it. */
gw_status cli_load_model(const char *path, gw_model **ret_model, gw_error *err);

#endif
