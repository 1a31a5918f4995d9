#include "lab/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"

#define RECOMMENDER "\"experts\":{\"hidden\":[256,128],"

static const gw__shape shapes[] = {
    {"article-mmoe", "MMoE 10 -> 4 experts of 16, 2 linear heads, full batch of 1000", 10, 2, false,
     "{\"architecture\":\"mmoe\",\"experts\":{\"count\":4,\"hidden\":[16]},\"towers\":{\"hidden\":[]}}", 1000},
    {"paper-128", "MMoE 100 -> 8 experts of 16, towers of 8, batch 128", 100, 2, false,
     "{\"architecture\":\"mmoe\",\"experts\":{\"count\":8,\"hidden\":[16]},\"towers\":{\"hidden\":[8]}}", 128},
    {"paper-512", "the same, batch 512", 100, 2, false,
     "{\"architecture\":\"mmoe\",\"experts\":{\"count\":8,\"hidden\":[16]},\"towers\":{\"hidden\":[8]}}", 512},
    {"article-cgc", "CGC 100 -> 2 shared + 2 x 2 experts of 64-32-16, gates 16-8, towers 32-16, batch 128", 100, 2, true,
     "{\"architecture\":\"cgc\",\"experts\":{\"shared\":2,\"per_task\":2,\"hidden\":[64,32,16]},\"gates\":{\"hidden\":[16,8]},\"towers\":{\"hidden\":[32,16]}}", 128},
    {"recommender-mmoe", "MMoE 512 -> 8 experts of 256-128, 3 towers of 64, batch 4096", 512, 3, true,
     "{\"architecture\":\"mmoe\"," RECOMMENDER "\"count\":8},\"towers\":{\"hidden\":[64]}}", 4096},
    {"recommender-ple", "PLE 512 -> 2 levels of 2 shared + 3 x 2 experts of 256-128, 3 towers of 64, batch 4096", 512, 3, true,
     "{\"architecture\":\"ple\"," RECOMMENDER "\"shared\":2,\"per_task\":2},\"towers\":{\"hidden\":[64]}}", 4096},
};

size_t gw__shape_count(void) { return GW__COUNT(shapes); }
const gw__shape *gw__shape_at(size_t i) { return &shapes[i]; }

const gw__shape *gw__shape_named(const char *name) {
    for (size_t i = 0; i < GW__COUNT(shapes); i++) {
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    }
    return NULL;
}

static gw_status make_spec(const gw__shape *shape, gw__spec **ret_spec, gw_error *err) {
    gw__text text = {0};
    gw__text_puts(&text, "{\"data\":{\"train\":\"none.csv\"},\"tasks\":{");
    for (size_t t = 0; t < shape->n_tasks; t++)
        gw__text_addf(&text, "%s\"task%zu\":{\"type\":\"%s\"}", t ? "," : "", t, shape->binary ? "binary" : "regression");
    gw__text_addf(&text, "},\"model\":%s,\"train\":{\"batch\":%zu}}", shape->model, shape->batch);
    gw_status status = text.failed ? gw__fail_nomem(err) : gw__spec_parse(text.at, text.n, "shape.json", NULL, 0, ret_spec, err);
    gw__text_clear(&text);
    return status;
}

static gw_status make_net(gw__shape_run *run, gw_error *err) {
    const gw__shape *shape = run->shape;
    gw_status status = GW_OK;
    gw__slot *slots = calloc(shape->width, sizeof *slots);
    size_t *outputs = calloc(shape->n_tasks, sizeof *outputs);
    if (!slots || !outputs) GW__FAIL(gw__fail_nomem(err));
    for (uint32_t i = 0; i < shape->width; i++) slots[i] = (gw__slot){.kind = GW__SLOT_NUMBER, .feature = i, .dense_at = i, .width = 1, .index = i};
    for (size_t t = 0; t < shape->n_tasks; t++) outputs[t] = 1;
    const uint32_t width = shape->width, tasks = (uint32_t)shape->n_tasks, words = (uint32_t)gw__round_up(width + 2 * tasks, 2);
    run->input = (gw__input){.slots = slots, .n_slots = width, .width = width, .n_numbers = width, .n_tasks = tasks, .ids_at = width, .bags_at = width,
                             .labels_at = width, .weights_at = width + tasks, .groups_at = words, .stride = words};
    status = gw__net_new(run->spec, &run->input, outputs, &run->net, err);
    run->input.slots = NULL; /* the net has its own copy */
cleanup:
    free(slots);
    free(outputs);
    return status;
}

/* Numbers uniform on +-sqrt 3 (variance 1), labels that depend on them. */
static gw_status make_records(gw__shape_run *run, gw_error *err) {
    const gw__shape *shape = run->shape;
    const gw__input *in = &run->input;
    const size_t n = GW__SHAPE_BATCHES * shape->batch;
    run->records = (gw__records){.input = in, .words = gw__aligned_alloc(n, in->stride * sizeof(uint32_t)), .n_rows = n};
    run->rows = gw__aligned_alloc(n, sizeof *run->rows);
    if (!run->records.words || !run->rows) return gw__fail_nomem(err);
    const gw__shuffle shuffle = gw__shuffle_of(1, 0, n);
    for (size_t r = 0; r < n; r++) {
        float *record = (float *)(run->records.words + r * in->stride), sum = 0;
        run->rows[r] = gw__shuffle_at(&shuffle, r);
        for (uint32_t i = 0; i < in->width; i++) {
            record[i] = (float)((2 * gw__random_uniform(1, GW__RANDOM_SYNTH, r, i) - 1) * 1.7320508);
            sum += i % 3 ? record[i] : -record[i];
        }
        for (size_t t = 0; t < shape->n_tasks; t++) {
            float noise = (float)gw__random_uniform(1, GW__RANDOM_SYNTH, r, in->width + t) - 0.5f, y = 0.2f * sum + 2 * noise;
            record[in->labels_at + t] = shape->binary ? y > 0 : y;
            record[in->weights_at + t] = 1;
        }
    }
    return GW_OK;
}

gw_status gw__shape_run_init(gw__shape_run *run, const gw__shape *shape, size_t threads, const char *isa, gw_error *err) {
    gw_status status = GW_OK;
    *run = (gw__shape_run){.shape = shape};
    GW__TRY(make_spec(shape, &run->spec, err));
    GW__TRY(make_net(run, err));
    GW__TRY(gw__net_use_isa(run->net, isa, err));
    GW__TRY(make_records(run, err));
    GW__TRY(gw__pool_new(threads, &run->pool, err));
    GW__TRY(gw__trainer_new(run->net, run->spec, &run->records, shape->batch, run->pool, &run->trainer, err));
    gw__net_initialise(run->net, run->spec, gw__trainer_parameters(run->trainer));
    return GW_OK;
cleanup:
    gw__shape_run_clear(run);
    return status;
}

void gw__shape_run_clear(gw__shape_run *run) {
    gw__trainer_free(run->trainer);
    gw__pool_free(run->pool);
    gw__net_free(run->net);
    gw__spec_free(run->spec);
    gw__aligned_free(run->records.words);
    gw__aligned_free(run->rows);
    *run = (gw__shape_run){0};
}

double gw__shape_run_step(gw__shape_run *run) {
    gw__step_result result;
    const gw__rates rates = {run->spec->train.optimizer.lr, run->spec->train.optimizer.lr};
    gw__trainer_step(run->trainer, run->rows + run->next * run->shape->batch, run->shape->batch, rates, &result);
    run->next = (run->next + 1) % GW__SHAPE_BATCHES;
    return result.loss;
}
