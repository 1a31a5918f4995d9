#include "model/describe.h"

#include "model/likeness.h"

#define DESCRIPTION_FORMAT 1

static void member_text(gw__json_writer *json, const char *key, const char *text) {
    gw__json_key(json, key);
    if (text)
        gw__json_string(json, text);
    else
        gw__json_null(json);
}

static void member_int(gw__json_writer *json, const char *key, uint64_t value) {
    gw__json_key(json, key);
    gw__json_int(json, (int64_t)value);
}

static void describe_features(const gw__features *features, gw__json_writer *json) {
    gw__json_key(json, "features");
    gw__json_begin_list(json);
    for (size_t i = 0; i < gw__features_count(features); i++) {
        gw__feature_view view = gw__features_at(features, i);
        gw__json_begin_object(json);
        member_text(json, "name", view.name);
        member_text(json, "type", gw__feature_type_name(view.type));
        gw__json_key(json, "automatic");
        gw__json_bool(json, view.automatic);
        member_int(json, "dense_at", view.dense_at);
        member_int(json, "width", view.dense_width);
        member_int(json, "rows", view.rows);
        member_text(json, "share", view.share);
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
}

static void describe_chain(const gw__task_spec *task, gw__json_writer *json) {
    gw__json_key(json, "chain");
    gw__json_begin_list(json);
    for (size_t i = 0; i < task->chain.n; i++) {
        gw__json_begin_list(json);
        for (size_t k = 0; k < task->chain.paths[i].n; k++) gw__json_string(json, task->chain.paths[i].at[k]);
        gw__json_end_list(json);
    }
    gw__json_end_list(json);
}

static void describe_tasks(const gw_model *model, gw__json_writer *json) {
    gw__json_key(json, "tasks");
    gw__json_begin_list(json);
    for (size_t i = 0; i < model->spec->n_tasks; i++) {
        const gw__task_spec *task = &model->spec->tasks[i];
        gw__json_begin_object(json);
        member_text(json, "name", task->name);
        member_text(json, "type", gw__task_type_name(task->type));
        member_text(json, "label", task->label);
        if (task->type == GW_TASK_BINARY) member_text(json, "positive", task->positive);
        member_text(json, "loss", gw__loss_name(task->loss));
        member_text(json, "activation", gw__activation_name(task->activation));
        gw__json_key(json, "weight");
        gw__json_double(json, task->weight);
        member_text(json, "given", task->given);
        member_int(json, "output_at", gw__net_output_at(model->net, i));
        member_int(json, "output_width", gw__features_output_width(model->features, i));
        gw__texts classes = gw__features_classes(model->features, i);
        if (gw__task_has_classes(task)) {
            gw__json_key(json, "classes");
            gw__json_begin_list(json);
            for (size_t k = 0; k < classes.n; k++) gw__json_string(json, classes.at[k]);
            gw__json_end_list(json);
        }
        if (task->chain.on) describe_chain(task, json);
        if (task->after.on) member_text(json, "after", task->after.task);
        if (task->type == GW_TASK_QUANTILE) {
            gw__json_key(json, "quantiles");
            gw__json_begin_list(json);
            for (size_t k = 0; k < task->n_quantiles; k++) gw__json_double(json, task->quantiles[k]);
            gw__json_end_list(json);
        }
        gw__json_end_object(json);
    }
    gw__json_end_list(json);
}

bool gw__model_is_set(const gw_model *model) {
    const size_t n = gw__net_parameter_floats(model->net);
    size_t i = 0;
    while (i < n && model->parameters[i] == 0) i++;
    return i < n;
}

gw_status gw__model_write_members(const gw_model *model, gw__json_writer *json, gw_error *err) {
    member_int(json, "format", DESCRIPTION_FORMAT);
    member_text(json, "architecture", gw__architecture_name(model->spec->model.architecture));
    member_int(json, "parameters", gw__net_trained_values(model->net, false) + gw__net_trained_values(model->net, true));
    member_int(json, "multiply_adds", gw__net_multiply_adds(model->net));
    member_int(json, "dense_width", gw__net_dense_width(model->net));
    member_int(json, "output_width", gw__net_output_width(model->net));
    gw__net_describe(model->net, json);
    describe_features(model->features, json);
    describe_tasks(model, json);
    gw_status status = GW_OK;
    if (gw__model_is_set(model)) {
        status = gw__net_write_likeness(model->net, model->parameters, json, err);
        gw__net_write_connections(model->net, model->parameters, json);
    }
    /* The record is a JSON object already; its text goes in as it stands. */
    gw__json_key(json, "training");
    if (model->record.n > 0) {
        gw__text_add(json->out, model->record.at, model->record.n);
        json->comma = true;
    } else {
        gw__json_null(json);
    }
    return status;
}

gw_status gw__model_describe(const gw_model *model, gw__text *ret_json, gw_error *err) {
    gw__json_writer json = {.out = ret_json};
    gw__json_begin_object(&json);
    gw_status status = gw__model_write_members(model, &json, err);
    gw__json_end_object(&json);
    if (status != GW_OK) return status;
    return ret_json->failed ? gw__fail_nomem(err) : GW_OK;
}
