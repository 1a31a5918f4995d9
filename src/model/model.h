/* gw_model: spec, fitted features, network and parameters; and its file. */
#ifndef GW_MODEL_MODEL_H
#define GW_MODEL_MODEL_H

#include "feat/features.h"
#include "model/net.h"

struct gw_model {
    gw__spec *spec;         /* owned */
    gw__features *features; /* owned */
    gw__net *net;           /* owned */
    float *parameters;      /* [P] flat, owned (gw__aligned_free) */
    gw__text record;        /* JSON object: what training had to say (epochs run, best epoch, validation metrics); nothing that depends on time or machine */
};

/* Put together; spec and features are moved on success. Parameters are zero. */
gw_status gw__model_new(gw__spec *spec, gw__features *features, gw_model **ret_model, gw_error *err);
void      gw__model_free(gw_model *model); /* takes NULL */

/* More tensors and metadata that a checkpoint carries; borrowed. */
typedef struct gw__model_extras {
    const gw__tensor *tensors;
    size_t n_tensors;
    const gw__pair *metadata;
    size_t n_metadata;
} gw__model_extras;

gw_status gw__model_write(const gw_model *model, const gw__model_extras *extras, const char *path, gw_error *err);
/* `ret_container` may be NULL; else it is given to the caller, so that a checkpoint's extras can be read. */
gw_status gw__model_read(const char *path, gw_model **ret_model, gw__container *ret_container, gw_error *err);

#endif
