/* From a spec and rows to a run that is ready for its next step: fresh, from another model's parameters, or from a checkpoint. */
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "train/run.h"

#define PROBES 1024 /* rows that are scored at the end of an epoch to see that the model still predicts */

/* ---- whether a model's parameters fit ---- */

static void shape_text(const gw__parameter *p, char out[64]) {
    if (p->n_dims == 2) snprintf(out, 64, "[%llu,%llu]", (unsigned long long)p->shape[0], (unsigned long long)p->shape[1]);
    else snprintf(out, 64, "[%llu]", (unsigned long long)p->shape[0]);
}

/* Looked for from `at` on, where it stands unless the nets differ. */
static bool find_parameter(const gw__net *net, const char *name, size_t at, gw__parameter *ret_parameter) {
    const size_t n = gw__net_parameter_count(net);
    for (size_t i = 0; i < n; i++) {
        *ret_parameter = gw__net_parameter_at(net, (at + i) % n);
        if (strcmp(ret_parameter->name, name) == 0) return true;
    }
    return false;
}

#define OTHER_NET "the model's architecture or widths are not the spec's: "

static gw_status check_same_net(const gw__net *net, const gw__net *other, const char *path, gw_error *err) {
    gw__parameter p, q;
    for (size_t i = 0; i < gw__net_parameter_count(net); i++) {
        p = gw__net_parameter_at(net, i);
        if (!find_parameter(other, p.name, i, &q)) return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, OTHER_NET "the model has no tensor '%.200s'", p.name);
        if (p.n_dims == q.n_dims && memcmp(p.shape, q.shape, p.n_dims * sizeof p.shape[0]) == 0) continue;
        char expected[64], found[64];
        shape_text(&p, expected);
        shape_text(&q, found);
        return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, OTHER_NET "tensor '%.200s': expected the shape %s but found %s", p.name, expected, found);
    }
    for (size_t i = 0; i < gw__net_parameter_count(other); i++) {
        p = gw__net_parameter_at(other, i);
        if (!find_parameter(net, p.name, i, &q)) return gw__fail_at(err, GW_E_CONFIG, path, 0, 0, OTHER_NET "the spec has no parameter for tensor '%.200s'", p.name);
    }
    return GW_OK;
}

/* ---- the steps of beginning ---- */

static gw_status build(gw__run *run, const gw__spec *spec, const gw__origin *from, gw_error *err) {
    gw__spec *own_spec = gw__spec_hold(spec);
    gw__features *features = gw__features_hold(run->data->features);
    gw_status status = gw__model_new(own_spec, features, &run->model, err);
    if (status != GW_OK) { /* not moved */
        gw__features_free(features);
        gw__spec_free(own_spec);
        return status;
    }
    status = gw__net_use_isa(run->model->net, run->options->isa, err);
    if (status != GW_OK || !from->model) return status;
    return check_same_net(run->model->net, from->model->net, from->path, err);
}

static gw_status allocate(gw__run *run, gw_error *err) {
    gw_status status = GW_OK;
    const gw_model *model = run->model;
    const gw__spec *spec = model->spec;
    uint64_t n = run->data->dataset.train.n_rows;
    if (n == 0) return gw__fail_at(err, GW_E_DATA, "data.train", 0, 0, "expected rows to learn from but found none");
    run->batch = spec->train.batch == 0 || spec->train.batch > n ? n : spec->train.batch;
    run->steps_per_epoch = (n + run->batch - 1) / run->batch;
    run->rows = gw__aligned_alloc(run->batch, sizeof *run->rows);
    run->at.loss_sums = calloc(spec->n_tasks, sizeof *run->at.loss_sums);
    run->at.loss_rows = calloc(spec->n_tasks, sizeof *run->at.loss_rows);
    if (!run->rows || !run->at.loss_sums || !run->at.loss_rows) return gw__fail_nomem(err);
    run->n_probes = n < PROBES ? (size_t)n : PROBES;
    run->probe_scores = gw__aligned_alloc(run->n_probes * gw__net_output_width(model->net), sizeof *run->probe_scores);
    if (!run->probe_scores) return gw__fail_nomem(err);
    GW__TRY(gw__scorer_new(model->net, run->n_probes, &run->probe, err));
    GW__TRY(gw__trainer_new(model->net, spec, &run->data->dataset.train, run->batch, run->pool, &run->trainer, err));
    if (spec->data.valid.kind != GW__SPLIT_NONE)
        GW__TRY(gw__evaluation_new(spec, model->features, model->net, false, &run->validation, err));
cleanup:
    return status;
}

/* The parameters to start from: into the trainer; the model's own stay what is kept so far. */
static gw_status set_parameters(gw__run *run, const gw__origin *from, gw_error *err) {
    const gw__net *net = run->model->net;
    float *flat = gw__trainer_parameters(run->trainer);
    if (run->options->resume_path) {
        memcpy(flat, from->model->parameters, gw__net_parameter_floats(net) * sizeof *flat);
        memcpy(run->model->parameters, flat, gw__net_parameter_floats(net) * sizeof *flat);
        return gw__checkpoint_restore(run, &from->container, run->options->resume_path, err);
    }
    if (from->model) return gw__parameters_read(net, GW__PART_ALL, &from->container, "", run->options->init_path, flat, err);
    gw__net_initialise(net, run->model->spec, flat);
    return GW_OK;
}

static void tell_warning(void *context, const char *text) { gw__report_text(context, GW_EVENT_WARNING, "%s", text); }

static void warn_about_spec(gw__run *run) {
    const char *path = run->options->model_path;
    if (run->model->spec->train.checkpoint.on && (!path || strcmp(path, "-") == 0))
        gw__warn(&run->checkup.warnings, "no_checkpoint", gw__about_task(NULL, NAN), "'train.checkpoint' writes nothing: the model goes to no file");
}

gw_status gw__run_begin(gw__run *run, const gw_train_options *options, const gw__spec *spec, const gw__origin *from, const gw__intake *data,
                        gw__pool *pool, gw_error *err) {
    gw_status status = GW_OK;
    *run = (gw__run){.options = options, .pool = pool, .data = data, .checkup.warnings = {.off = !options->listener, .tell = tell_warning, .context = run}};
    GW__TRY(build(run, spec, from, err));
    GW__TRY(allocate(run, err));
    GW__TRY(set_parameters(run, from, err));
    gw__report_read(run);
    warn_about_spec(run);
    status = gw__checkup_begin(run, err);
cleanup:
    return status;
}

void gw__run_clear(gw__run *run) {
    gw__checkup_clear(&run->checkup);
    gw__evaluation_free(run->validation);
    gw__trainer_free(run->trainer);
    gw__model_free(run->model);
    gw__scorer_free(run->probe);
    gw__aligned_free(run->probe_scores);
    gw__aligned_free(run->rows);
    free(run->at.loss_sums);
    free(run->at.loss_rows);
    gw__text_clear(&run->at.kept_valid);
    gw__text_clear(&run->test);
}
