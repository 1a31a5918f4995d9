/* gw_model: spec, fitted features, network and parameters; and its file. */
#ifndef GW_MODEL_MODEL_H
#define GW_MODEL_MODEL_H

#include "feat/features.h"
#include "model/net.h"

struct gw_model {
    gw__spec *spec;         /* owned */
    gw__features *features; /* owned, perhaps together with other models */
    gw__net *net;           /* owned */
    float *parameters;      /* [P] flat, owned (gw__aligned_free) */
    gw__text record;        /* JSON object: what training had to say (epochs run, best epoch, validation metrics); nothing that depends on time or machine */
};

/* Put together; spec and features are moved on success. Parameters are zero. */
gw_status gw__model_new(gw__spec *spec, gw__features *features, gw_model **ret_model, gw_error *err);
/* The same in two steps, for a model from outside: what the spec asks for is compared with what is there before so much memory is taken.
 * `check` (NULL: none) sees each parameter as it is planned. In between `parameters` is NULL. */
gw_status gw__model_plan(gw__spec *spec, gw__features *features, const gw__parameter_check *check, gw_model **ret_model, gw_error *err);
gw_status gw__model_allocate(gw_model *model, gw_error *err);
void      gw__model_free(gw_model *model); /* takes NULL */

/* ---- parameters as tensors ---- */

/* What a buffer of values belongs to: all parameters, or (optimizer state) all but the embedding tables, or each row of those. The first two are
 * laid out as the parameters are; of rows there is one value each, one table after another. */
typedef enum gw__part { GW__PART_ALL, GW__PART_DENSE, GW__PART_ROWS } gw__part;

/* The values of a part as F32 tensors named `prefix` + name, in the net's order; values copied. Everything lives in `arena`. */
gw_status gw__parameters_write(const gw__net *net, gw__part part, const float *values, const char *prefix, gw__arena *arena,
                               gw__tensor **ret_tensors, size_t *ret_n, gw_error *err);
/* One of them as a container has it: it must be there under `name` with its exact shape, F32 and finite, variances not negative. GW_E_FORMAT, where = `where`. */
gw_status gw__parameter_check_stored(const gw__parameter *parameter, const gw__container *container, const char *name, const char *where, gw_error *err);
/* The way back: GW_E_FORMAT names the first that is not as it should be. */
gw_status gw__parameters_read(const gw__net *net, gw__part part, const gw__container *container, const char *prefix, const char *where,
                              float *values, gw_error *err);

/* ---- the file ---- */

#define GW__MODEL_FORMAT 1                           /* a reader refuses files of a later one */
#define GW__CHECKPOINT_SUFFIX ".ckpt"                /* of its path, behind the model's */
#define GW__CHECKPOINT_KEY "gatewright.checkpoint"   /* metadata that makes a model file a checkpoint … */
#define GW__CHECKPOINT_STATE "optimizer."            /* … which alone may have tensors of these names */
#define GW__CHECKPOINT_KEPT "kept."

/* More tensors and metadata that a checkpoint carries; borrowed. */
typedef struct gw__model_extras {
    const gw__tensor *tensors;
    size_t n_tensors;
    const gw__pair *metadata;
    size_t n_metadata;
} gw__model_extras;

/* Sealed, and a pure function of the model: no time, host, path or thread count. `extras` may be NULL. */
gw_status gw__model_write(const gw_model *model, const gw__model_extras *extras, const char *path, gw_error *err);
/* GW_E_FORMAT if anything is altered, missing or too much; GW_E_VERSION if the file is of a later format.
 * `ret_container` may be NULL; else it is given to the caller, so that a checkpoint's extras can be read. */
gw_status gw__model_read(const char *path, gw_model **ret_model, gw__container *ret_container, gw_error *err);
/* The same of bytes in memory (gw__aligned_alloc), which are moved in any case. `name` is for messages. */
gw_status gw__model_parse(char *bytes, size_t n, const char *name, gw_model **ret_model, gw_error *err);

#endif
