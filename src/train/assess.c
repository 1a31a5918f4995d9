#include "train/assess.h"

#include "train/evaluate.h"

typedef struct assessment {
    const gw_model *model;
    gw__evaluation *evaluation;
    bool gates, skips;
    int64_t skipped;
} assessment;

static gw_status assess_slice(void *context, const gw__records *records, gw__pool *pool, gw_error *err) {
    assessment *a = context;
    return gw__evaluation_add(a->evaluation, a->model->spec, a->model->net, a->model->parameters, records, pool, err);
}

static void write_gates(const assessment *a, gw__json_writer *json) {
    const gw__net *net = a->model->net;
    gw__json_key(json, "gates");
    gw__json_begin_list(json);
    for (size_t g = 0; g < gw__net_gate_count(net); g++) {
        gw__gate_view gate = gw__net_gate_at(net, g);
        gw__json_begin_object(json);
        gw__json_key(json, "level");
        gw__json_int(json, gate.level);
        gw__json_key(json, "stream");
        gw__json_string(json, gate.stream);
        gw__json_key(json, "experts");
        gw__json_begin_list(json);
        for (size_t e = 0; e < gate.n_experts; e++) {
            gw__json_begin_object(json);
            gw__json_key(json, "name");
            gw__json_string(json, gate.experts[e]);
            gw__json_key(json, "weight");
            gw__json_double(json, a->evaluation->gate_sums[gate.weights_at + e] / (double)a->evaluation->rows);
            if (gate.top_k) {
                gw__json_key(json, "load");
                gw__json_double(json, a->evaluation->gate_sums[gw__net_gate_width(net) + gate.weights_at + e] / (double)a->evaluation->rows);
            }
            gw__json_end_object(json);
        }
        gw__json_end_list(json);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
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
    if (a->gates) write_gates(a, &json);
    gw__json_end_object(&json);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

static gw_status begin(assessment *a, gw_error *err) {
    const gw_model *model = a->model;
    return gw__evaluation_new(model->spec, model->features, model->net, a->gates, &a->evaluation, err);
}

gw_status gw__assess(const gw_model *model, const gw_data_options *data, bool gates, gw__text *ret_json, gw_error *err) {
    assessment a = {.model = model, .gates = gates, .skips = data->skip_bad_rows};
    gw__pool *pool = NULL;
    gw_status status = gw__pool_new(data->threads, &pool, err);
    if (status != GW_OK) return status;
    GW__TRY(begin(&a, err));
    GW__TRY(gw__labelled_read(model->features, &model->spec->data, data, pool, assess_slice, &a, &a.skipped, err));
    status = write_json(&a, ret_json, err);
cleanup:
    gw__evaluation_free(a.evaluation);
    gw__pool_free(pool);
    return status;
}

gw_status gw__assess_kept(const gw_model *model, const gw__labelled *labelled, bool skips, gw__pool *pool, gw__text *ret_json, gw_error *err) {
    assessment a = {.model = model, .skips = skips, .skipped = labelled->skipped};
    gw_status status = begin(&a, err);
    if (status != GW_OK) return status;
    GW__TRY(gw__labelled_all(labelled, pool, assess_slice, &a, err));
    status = write_json(&a, ret_json, err);
cleanup:
    gw__evaluation_free(a.evaluation);
    return status;
}
