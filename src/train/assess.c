#include "train/assess.h"

#include "train/evaluate.h"
#include "train/health.h"

typedef struct assessment {
    const gw_model *model;
    gw__evaluation *evaluation;
    gw__health *health; /* NULL: neither gates nor experts are wanted */
    bool skips;
    int64_t skipped;
} assessment;

static gw_status assess_slice(void *context, const gw__records *records, gw__pool *pool, gw_error *err) {
    assessment *a = context;
    if (a->health) gw__health_add(a->health, a->model->parameters, records);
    return gw__evaluation_add(a->evaluation, a->model->spec, a->model->net, a->model->parameters, records, pool, err);
}

static gw_status write_json(const assessment *a, gw__text *out, gw_error *err) {
    gw__json_writer json = {.out = out};
    gw__json_begin_object(&json);
    gw__json_key(&json, "rows");
    gw__json_int(&json, a->evaluation->rows);
    if (a->skips) {
        gw__json_key(&json, "skipped");
        gw__json_int(&json, a->skipped);
    }
    gw__json_key(&json, "tasks");
    gw__json_begin_object(&json);
    gw__evaluation_write_tasks(a->evaluation, a->model->spec, &json);
    gw__json_end_object(&json);
    if (a->health) {
        gw__json_key(&json, "gates");
        gw__gate_use_write_all(a->model->net, a->evaluation->gate_sums, (double)a->evaluation->rows, &json);
        gw__health_end(a->health);
        gw__json_key(&json, "health");
        gw__json_begin_object(&json);
        gw__health_write(a->health, false, &json);
        gw__json_end_object(&json);
    }
    gw__json_end_object(&json);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

static gw_status begin(assessment *a, bool gates, gw__pool *pool, gw_error *err) {
    const gw_model *model = a->model;
    gw_status status = gw__evaluation_new(model->spec, model->features, model->net, gates, &a->evaluation, err);
    if (status != GW_OK || !gates) return status;
    status = gw__health_new(model->net, pool, &a->health, err);
    if (status == GW_OK) gw__health_begin(a->health);
    return status;
}

gw_status gw__assess(const gw_model *model, const gw_data_options *data, bool gates, gw__text *ret_json, gw_error *err) {
    assessment a = {.model = model, .skips = data->skip_bad_rows};
    gw__pool *pool = NULL;
    gw_status status = gw__pool_new(data->threads, &pool, err);
    if (status != GW_OK) return status;
    GW__TRY(begin(&a, gates, pool, err));
    GW__TRY(gw__labelled_read(model->features, &model->spec->data, data, pool, assess_slice, &a, &a.skipped, err));
    status = write_json(&a, ret_json, err);
cleanup:
    gw__health_free(a.health);
    gw__evaluation_free(a.evaluation);
    gw__pool_free(pool);
    return status;
}

gw_status gw__assess_kept(const gw_model *model, const gw__labelled *labelled, bool skips, gw__pool *pool, gw__text *ret_json, gw_error *err) {
    assessment a = {.model = model, .skips = skips, .skipped = labelled->skipped};
    gw_status status = begin(&a, false, pool, err);
    if (status != GW_OK) return status;
    GW__TRY(gw__labelled_all(labelled, pool, assess_slice, &a, err));
    status = write_json(&a, ret_json, err);
cleanup:
    gw__evaluation_free(a.evaluation);
    return status;
}
