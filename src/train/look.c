#include "train/look.h"

#include "model/describe.h"
#include "train/findings.h"
#include "train/labelled.h"

typedef struct look {
    const gw_model *model;
    gw__health *health; /* NULL: no rows are looked at */
    bool enough;        /* rows in the sample */
    bool skips;
    int64_t skipped;
    gw__warnings warnings;
} look;

static gw_status add_slice(void *context, const gw__records *records, gw__pool *pool, gw_error *err) {
    look *l = context;
    (void)pool;
    (void)err;
    gw__health_add(l->health, l->model->parameters, records);
    l->enough = gw__health_rows(l->health) >= GW__HEALTH_ROWS;
    return GW_OK;
}

static gw_status measure(look *l, const gw_data_options *data, gw__pool *pool, gw_error *err) {
    const gw_model *model = l->model;
    gw_status status = gw__health_new(model->net, pool, &l->health, err);
    if (status != GW_OK) return status;
    gw__health_begin(l->health);
    GW__TRY(gw__unlabelled_read(model->features, &model->spec->data, data, pool, add_slice, l, &l->enough, &l->skipped, err));
    gw__health_end(l->health);
    gw__warn_of_experts(&l->warnings, model->net, l->health);
cleanup:
    return status;
}

static void write_health(const look *l, gw__json_writer *json) {
    gw__json_key(json, "health");
    gw__json_begin_object(json);
    if (l->skips) {
        gw__json_key(json, "skipped");
        gw__json_int(json, l->skipped);
    }
    gw__health_write(l->health, true, json);
    gw__json_end_object(json);
}

static void write_warnings(const look *l, gw__json_writer *json) {
    gw__json_key(json, "warnings");
    gw__json_begin_list(json);
    if (l->warnings.json.n) gw__text_add(json->out, l->warnings.json.at, l->warnings.json.n);
    gw__json_end_list(json);
    json->out->failed |= l->warnings.json.failed || l->warnings.told.failed;
}

static gw_status write_json(const look *l, gw__text *out, gw_error *err) {
    gw__json_writer json = {.out = out};
    gw__json_begin_object(&json);
    gw_status status = gw__model_write_members(l->model, &json, err);
    if (l->health) write_health(l, &json);
    if (gw__model_is_set(l->model)) write_warnings(l, &json);
    gw__json_end_object(&json);
    if (status != GW_OK) return status;
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

gw_status gw__look(const gw_model *model, const gw_data_options *data, gw__text *ret_json, gw_error *err) {
    gw_status status = GW_OK;
    look l = {.model = model, .skips = data && data->skip_bad_rows};
    gw__pool *pool = NULL;
    if (gw__model_is_set(model)) GW__TRY(gw__warn_of_twins(&l.warnings, model->net, model->parameters, false, err));
    if (data) GW__TRY(gw__pool_new(data->threads, &pool, err));
    if (data) GW__TRY(measure(&l, data, pool, err));
    status = write_json(&l, ret_json, err);
cleanup:
    gw__health_free(l.health);
    gw__pool_free(pool);
    gw__warnings_clear(&l.warnings);
    return status;
}
