/* Prediction: one pass of a thread's scratch through the operations, chunk by chunk, so that it stays in cache. */
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"

#define CHUNK GW__SCORER_ROWS
#define HEAVY_CHUNK 128  /* where the weights leave the second cache between chunks: they are read half as often */
#define HEAVY_FLOATS (256 * 1024)
#define SPARSE_CHUNK 256 /* of which each expert has a share */

struct gw__scorer {
    const gw__net *net;
    size_t chunk_rows;
    float *scratch, *dense;
    gw__pass pass; /* what does not change from chunk to chunk is filled in once: at batch 1 that shows */
};

gw_status gw__scorer_new(const gw__net *net, size_t max_rows, gw__scorer **ret_scorer, gw_error *err) {
    gw__scorer *scorer = calloc(1, sizeof *scorer);
    if (!scorer) return gw__fail_nomem(err);
    scorer->net = net;
    const size_t most = net->sparse ? SPARSE_CHUNK : net->dense_end > HEAVY_FLOATS ? HEAVY_CHUNK : CHUNK;
    scorer->chunk_rows = max_rows < most ? max_rows : most;
    scorer->scratch = gw__aligned_alloc(net->scratch_width * scorer->chunk_rows, sizeof(float));
    scorer->dense = gw__aligned_alloc((size_t)net->dense.ld * scorer->chunk_rows, sizeof(float));
    if (!scorer->scratch || !scorer->dense) {
        gw__scorer_free(scorer);
        return gw__fail_nomem(err);
    }
    scorer->pass = (gw__pass){.net = net, .kernels = net->kernels, .chunk_rows = scorer->chunk_rows, .space = {scorer->scratch}};
    *ret_scorer = scorer;
    return GW_OK;
}

void gw__scorer_free(gw__scorer *scorer) {
    if (!scorer) return;
    gw__aligned_free(scorer->scratch);
    gw__aligned_free(scorer->dense);
    free(scorer);
}

const gw__pass *gw__scorer_pass(const gw__scorer *scorer) { return &scorer->pass; }

void gw__pass_collect(const gw__pass *pass, float *outputs, float *logits, float *gates) {
    const gw__net *net = pass->net;
    const size_t width = gw__net_output_width(net), logit_width = gw__net_logit_width(net);
    for (size_t t = 0; t < net->n_tasks; t++) {
        const gw__view *view = &net->outputs[t];
        const float *z = gw__pass_x(pass, view);
        for (size_t r = 0; r < pass->rows; r++, z += view->ld) {
            if (outputs) gw__loss_output(&net->rules[t], z, outputs + r * width + net->output_at[t]);
            if (logits) memcpy(logits + r * logit_width + net->logit_at[t], z, view->width * sizeof *z);
        }
    }
    for (size_t i = 0; gates && i < net->n_gates; i++) {
        const gw__view *view = &net->gate_weights[i];
        const float *g = gw__pass_x(pass, view);
        for (size_t r = 0; r < pass->rows; r++) memcpy(gates + r * net->gate_width + net->gates[i].weights_at, g + r * view->ld, view->width * sizeof *g);
    }
}

/* `dense` is only read. */
static void run_chunk(gw__scorer *scorer, const float *flat, const float *dense, size_t n, float *outputs, float *logits, float *gates) {
    gw__pass *pass = &scorer->pass;
    pass->flat = flat;
    pass->rows = n;
    pass->space[GW__SPACE_DENSE] = (float *)dense;
    for (uint32_t s = 0; s < scorer->net->n_segments; s++) gw__pass_forward(pass, s);
    gw__pass_collect(pass, outputs, logits, gates);
}

static float *ahead(float *p, size_t n) { return p ? p + n : NULL; }

void gw__scorer_run(gw__scorer *scorer, const float *flat, const gw__records *records, size_t begin, size_t n,
                    float *ret_outputs, float *ret_logits, float *ret_gates) {
    const size_t width = gw__net_output_width(scorer->net), gate_width = scorer->net->gate_width;
    for (size_t at = 0; at < n; at += scorer->chunk_rows) {
        size_t rows = n - at < scorer->chunk_rows ? n - at : scorer->chunk_rows;
        gw__gather(scorer->net, flat, records, NULL, begin + at, rows, scorer->dense);
        run_chunk(scorer, flat, scorer->dense, rows, ahead(ret_outputs, at * width), ahead(ret_logits, at * gw__net_logit_width(scorer->net)), ahead(ret_gates, at * gate_width));
    }
}

void gw__scorer_run_dense(gw__scorer *scorer, const float *flat, const float *dense, size_t n, float *ret_outputs, float *ret_gates) {
    const gw__net *net = scorer->net;
    for (size_t at = 0; at < n; at += scorer->chunk_rows) {
        const size_t rows = n - at < scorer->chunk_rows ? n - at : scorer->chunk_rows;
        const float *from = dense + at * net->dense.width;
        float *outputs = ahead(ret_outputs, at * gw__net_output_width(net)), *gates = ahead(ret_gates, at * net->gate_width);
        if (rows == 1) { /* a row alone is read where it is: there is no next one that would have to be apart */
            run_chunk(scorer, flat, from, 1, outputs, NULL, gates);
            continue;
        }
        for (size_t r = 0; r < rows; r++) memcpy(scorer->dense + r * net->dense.ld, from + r * net->dense.width, net->dense.width * sizeof *dense);
        run_chunk(scorer, flat, scorer->dense, rows, outputs, NULL, gates);
    }
}
