/* Rows are scored in blocks: fixed chunks of a block in parallel, then each task's meter, row by row in order, in parallel over the tasks.
 * So which thread does what decides nothing. */
#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "kern/loss.h"
#include "train/gate_use.h"

#define CHUNK_ROWS 256
#define BLOCK_FLOATS ((size_t)1 << 20) /* outputs in memory at a time, in about */
#define MAX_BLOCK_ROWS ((size_t)1 << 16)

typedef struct gw__scoring {
    size_t width, logit_width; /* O, Z */
    size_t block_rows;     /* a multiple of CHUNK_ROWS */
    float *outputs;        /* [block,O] */
    float *logits;         /* [block,Z] */
    size_t use_width;      /* U: sums of what gates do, of a chunk; 0: not wanted */
    double *chunk_gates;   /* [block/CHUNK,U] */
    gw__scorer **scorers;  /* [n_scorers] a worker's own */
    float **gates;         /* [n_scorers] of [CHUNK,G] */
    size_t n_scorers;
    size_t *groups;        /* [T] which of a record's groups a task's metrics use */
    gw_status *statuses;   /* [T] of filling the meters */
} scoring;

static void scoring_free(scoring *s) {
    if (!s) return;
    for (size_t i = 0; i < s->n_scorers; i++) {
        gw__scorer_free(s->scorers[i]);
        if (s->gates) gw__aligned_free(s->gates[i]);
    }
    free(s->scorers);
    free(s->gates);
    gw__aligned_free(s->outputs);
    gw__aligned_free(s->logits);
    gw__aligned_free(s->chunk_gates);
    free(s->groups);
    free(s->statuses);
    free(s);
}

static gw_status scoring_new(const gw__features *features, const gw__net *net, size_t n_tasks, size_t gate_width, scoring **ret, gw_error *err) {
    scoring *s = calloc(1, sizeof *s);
    if (!s) return gw__fail_nomem(err);
    s->width = gw__net_output_width(net);
    s->logit_width = gw__net_logit_width(net);
    size_t rows = BLOCK_FLOATS / ((s->width > s->logit_width ? s->width : s->logit_width) + 1);
    s->block_rows = gw__round_up(rows < 1 ? 1 : rows > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : rows, CHUNK_ROWS);
    s->groups = calloc(n_tasks, sizeof *s->groups);
    s->statuses = calloc(n_tasks, sizeof *s->statuses);
    s->use_width = gate_width ? gw__gate_use_width(net) : 0;
    if (gate_width) s->chunk_gates = gw__aligned_alloc(s->block_rows / CHUNK_ROWS, s->use_width * sizeof(double));
    if (!s->groups || !s->statuses || (gate_width && !s->chunk_gates)) {
        scoring_free(s);
        return gw__fail_nomem(err);
    }
    for (size_t t = 0; t < n_tasks; t++) s->groups[t] = gw__features_group(features, t);
    *ret = s;
    return GW_OK;
}

/* Memory that depends on the call: outputs for so many rows, a scorer per thread. */
static gw_status scoring_prepare(scoring *s, const gw__net *net, size_t n_threads, size_t gate_width, gw_error *err) {
    gw_status status = GW_OK;
    if (!s->outputs) s->outputs = gw__aligned_alloc(s->block_rows, s->width * sizeof(float));
    if (!s->logits) s->logits = gw__aligned_alloc(s->block_rows, s->logit_width * sizeof(float));
    if (!s->outputs || !s->logits) return gw__fail_nomem(err);
    if (s->n_scorers >= n_threads) return GW_OK;
    gw__scorer **scorers = realloc(s->scorers, n_threads * sizeof *scorers);
    if (!scorers) return gw__fail_nomem(err);
    s->scorers = scorers;
    float **gates = realloc(s->gates, n_threads * sizeof *gates);
    if (!gates) return gw__fail_nomem(err);
    s->gates = gates;
    while (s->n_scorers < n_threads && status == GW_OK) {
        size_t i = s->n_scorers;
        s->gates[i] = gate_width ? gw__aligned_alloc(CHUNK_ROWS, gate_width * sizeof(float)) : NULL;
        if (gate_width && !s->gates[i]) return gw__fail_nomem(err);
        status = gw__scorer_new(net, CHUNK_ROWS, &s->scorers[i], err);
        if (status == GW_OK)
            s->n_scorers++;
        else
            gw__aligned_free(s->gates[i]);
    }
    return status;
}

gw_status gw__evaluation_new(const gw__spec *spec, const gw__features *features, const gw__net *net, bool gates,
                             gw__evaluation **ret_evaluation, gw_error *err) {
    gw_status status = GW_OK;
    gw__evaluation *evaluation = calloc(1, sizeof *evaluation);
    if (!evaluation) return gw__fail_nomem(err);
    evaluation->gate_width = gates ? gw__net_gate_width(net) : 0;
    evaluation->meters = calloc(spec->n_tasks, sizeof(gw__meter *));
    evaluation->gate_sums = gates ? calloc(gw__gate_use_width(net) + 1, sizeof(double)) : NULL;
    if (!evaluation->meters || (gates && !evaluation->gate_sums)) GW__FAIL(gw__fail_nomem(err));
    for (size_t t = 0; t < spec->n_tasks; t++) {
        const gw__task_spec *task = &spec->tasks[t];
        GW__TRY(gw__meter_new(task->type, gw__features_output_width(features, t), task->group != NULL, gw__net_rule(net, t)->quantiles, &evaluation->meters[t], err));
        evaluation->n_tasks = t + 1;
    }
    GW__TRY(scoring_new(features, net, spec->n_tasks, evaluation->gate_width, &evaluation->scoring, err));
    *ret_evaluation = evaluation;
    return GW_OK;
cleanup:
    gw__evaluation_free(evaluation);
    return status;
}

void gw__evaluation_free(gw__evaluation *evaluation) {
    if (!evaluation) return;
    for (size_t t = 0; t < evaluation->n_tasks; t++) gw__meter_free(evaluation->meters[t]);
    free(evaluation->meters);
    free(evaluation->gate_sums);
    scoring_free(evaluation->scoring);
    free(evaluation);
}

void gw__evaluation_reset(gw__evaluation *evaluation) {
    for (size_t t = 0; t < evaluation->n_tasks; t++) gw__meter_reset(evaluation->meters[t]);
    for (size_t i = 0; i < evaluation->scoring->use_width; i++) evaluation->gate_sums[i] = 0;
    evaluation->rows = 0;
}

/* ---- one block ---- */

typedef struct block {
    gw__evaluation *evaluation;
    const gw__spec *spec;
    const gw__net *net;
    const float *flat;
    const gw__records *records;
    size_t begin, n; /* rows of the records */
} block;

static void score_chunk(void *context, size_t item, size_t worker) {
    const block *b = context;
    scoring *s = b->evaluation->scoring;
    size_t at = item * CHUNK_ROWS, n = b->n - at < CHUNK_ROWS ? b->n - at : CHUNK_ROWS;
    gw__scorer_run(s->scorers[worker], b->flat, b->records, b->begin + at, n, s->outputs + at * s->width, s->logits + at * s->logit_width, s->gates[worker]);
    if (!s->use_width) return;
    double *sums = s->chunk_gates + item * s->use_width;
    memset(sums, 0, s->use_width * sizeof *sums);
    gw__gate_use_add(b->net, s->gates[worker], n, sums);
}

static void fill_meter(void *context, size_t t, size_t worker) {
    const block *b = context;
    (void)worker;
    scoring *s = b->evaluation->scoring;
    const gw__input *input = b->records->input;
    const size_t at = gw__net_output_at(b->net, t), logits_at = gw__net_logit_at(b->net, t);
    const gw__loss_rule *rule = gw__net_rule(b->net, t);
    size_t group_at = b->spec->tasks[t].group ? input->groups_at + 2 * s->groups[t] : 0;
    for (size_t row = 0; row < b->n && s->statuses[t] == GW_OK; row++) {
        const uint32_t *record = gw__record_at(b->records, b->begin + row);
        float weight = gw__record_weights(input, record)[t], label = gw__record_labels(input, record)[t];
        if (!(weight > 0)) continue;
        uint64_t group = 0;
        if (group_at) memcpy(&group, record + group_at, sizeof group);
        double loss = gw__loss_value(rule, s->logits + row * s->logit_width + logits_at, label);
        s->statuses[t] = gw__meter_add(b->evaluation->meters[t], s->outputs + row * s->width + at, label, group, loss, weight, NULL);
    }
}

static gw_status add_block(const block *b, gw__pool *pool, gw_error *err) {
    gw__evaluation *evaluation = b->evaluation;
    scoring *s = evaluation->scoring;
    size_t n_chunks = (b->n + CHUNK_ROWS - 1) / CHUNK_ROWS;
    gw__pool_run(pool, n_chunks, score_chunk, (void *)b);
    for (size_t chunk = 0; chunk < n_chunks; chunk++)
        for (size_t i = 0; i < s->use_width; i++) evaluation->gate_sums[i] += s->chunk_gates[chunk * s->use_width + i];
    for (size_t t = 0; t < evaluation->n_tasks; t++) s->statuses[t] = GW_OK;
    gw__pool_run(pool, evaluation->n_tasks, fill_meter, (void *)b);
    for (size_t t = 0; t < evaluation->n_tasks; t++) {
        if (s->statuses[t] == GW_E_NOMEM) return gw__fail_nomem(err);
        if (s->statuses[t] != GW_OK) return gw__fail(err, s->statuses[t], "task '%s': a label is not one of its classes", b->spec->tasks[t].name);
    }
    evaluation->rows += (int64_t)b->n;
    return GW_OK;
}

gw_status gw__evaluation_add(gw__evaluation *evaluation, const gw__spec *spec, const gw__net *net, const float *flat, const gw__records *records,
                             gw__pool *pool, gw_error *err) {
    scoring *s = evaluation->scoring;
    gw_status status = scoring_prepare(s, net, gw__pool_threads(pool), evaluation->gate_width, err);
    for (size_t begin = 0; begin < records->n_rows && status == GW_OK; begin += s->block_rows) {
        size_t left = records->n_rows - begin;
        block b = {evaluation, spec, net, flat, records, begin, left < s->block_rows ? left : s->block_rows};
        status = add_block(&b, pool, err);
    }
    return status;
}

/* ---- results ---- */

static void write_task(gw__meter *meter, const gw__task_spec *task, gw__json_writer *json) {
    gw__json_key(json, task->name);
    gw__json_begin_object(json);
    gw__json_key(json, "loss");
    gw__json_double(json, gw__meter_loss(meter)); /* not finite: null */
    for (int i = 0; i < GW__METRICS; i++) {
        gw__metric metric = (gw__metric)i;
        if (gw__metric_task_type(metric) != task->type || (metric == GW__METRIC_GAUC && !task->group)) continue;
        double value;
        gw__meter_value(meter, metric, &value);
        gw__json_key(json, gw__metric_name(metric));
        gw__json_double(json, value);
    }
    gw__json_end_object(json);
}

void gw__evaluation_write_tasks(gw__evaluation *evaluation, const gw__spec *spec, gw__json_writer *json) {
    for (size_t t = 0; t < evaluation->n_tasks; t++) write_task(evaluation->meters[t], &spec->tasks[t], json);
}
