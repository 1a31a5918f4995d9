/* What a trainer needs is fixed by batch and model, never by threads: chunks of rows that pass through the network while they are in cache, and slots,
 * each the sum of the gradients of consecutive chunks. Slots are summed in their order, so results do not depend on who computed what. */
#include <stdlib.h>

#include "train/optimizer.h"
#include "train/step.h"

#define MOST_SLOTS 8
#define LEAST_SLOT 48            /* rows */
#define LEAST_CHUNK 24
#define CHUNK_BYTES (192 * 1024) /* activations and their gradients */
#define WEIGHT_BYTES (256 * 1024)
#define HEAVY_CHUNK 128
#define ITEM_FLOATS 4096        /* of parameters: one item of the update */

/* Few rows a slot would make the sum of the slots dear. A slot's rows are cut into chunks that stay in the second cache, unless the weights are
 * larger than it: then a chunk is large enough that reading them once for it does not matter. */
void gw__trainer_plan_chunks(gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    const size_t batch = trainer->batch, row_bytes = (2 * (net->scratch_width - net->idle_width) + net->dense.ld) * sizeof(float);
    size_t slots = batch / LEAST_SLOT, most = CHUNK_BYTES / row_bytes;
    if (slots < 1) slots = 1;
    if (slots > MOST_SLOTS) slots = MOST_SLOTS;
    if (net->dense_end * sizeof(float) > WEIGHT_BYTES && most < HEAVY_CHUNK) most = HEAVY_CHUNK;
    if (most < LEAST_CHUNK) most = LEAST_CHUNK;
    if (most > GW__MOST_CHUNK) most = GW__MOST_CHUNK;
    const size_t per_slot = (batch + slots - 1) / slots, chunks = (per_slot + most - 1) / most;
    trainer->chunk_rows = gw__round_up((per_slot + chunks - 1) / chunks, 4);
    const size_t n_chunks = gw__trainer_chunks(trainer, batch);
    trainer->n_slots = n_chunks < slots ? n_chunks : slots;
}

static int by_place(const void *a, const void *b) {
    const gw__op *const *x = a, *const *y = b;
    return ((*x)->w_at > (*y)->w_at) - ((*x)->w_at < (*y)->w_at);
}

static gw_status add_item(gw__trainer *trainer, size_t *capacity, gw__step_item it, gw_error *err) {
    if (it.begin == it.end) return GW_OK;
    gw_status status = gw__grow((void **)&trainer->items, capacity, trainer->n_items + 1, sizeof it, err);
    if (status == GW_OK) trainer->items[trainer->n_items++] = it;
    return status;
}

/* Weights panel by panel, and what lies between them. */
gw_status gw__trainer_plan_items(gw__trainer *trainer, gw_error *err) {
    const gw__net *net = trainer->net;
    gw_status status = GW_OK;
    size_t n = 0, capacity = 0, at = 0;
    const gw__op **linear = calloc(net->n_ops, sizeof *linear);
    if (!linear) GW__FAIL(gw__fail_nomem(err));
    for (size_t i = 0; i < net->n_ops; i++) {
        const gw__op *op = &net->ops[i];
        if ((op->kind == GW__OP_LINEAR && !op->add_w) || op->kind == GW__OP_TASK_SUM) linear[n++] = op;
    }
    qsort(linear, n, sizeof *linear, by_place);
    for (size_t i = 0; i < n; i++) {
        const gw__op *op = linear[i];
        const size_t panels = op->narrow || op->kind == GW__OP_TASK_SUM ? 1 : (op->y.width + GW__PANEL - 1) / GW__PANEL;
        const size_t panel = gw__op_weights(op) / panels;
        const size_t at_once = ITEM_FLOATS / panel ? ITEM_FLOATS / panel : 1;
        GW__TRY(add_item(trainer, &capacity, (gw__step_item){.begin = at, .end = op->w_at}, err));
        for (size_t p = 0; p < panels; p += at_once) {
            size_t end = p + at_once < panels ? p + at_once : panels;
            gw__step_item it = {op->w_at + p * panel, op->w_at + end * panel, op, p, end};
            GW__TRY(add_item(trainer, &capacity, it, err));
        }
        at = op->w_at + panels * panel;
    }
    GW__TRY(add_item(trainer, &capacity, (gw__step_item){.begin = at, .end = net->dense_end}, err));
cleanup:
    free(linear);
    return status;
}

static gw_status floats_of(size_t n, size_t each, float **ret, gw_error *err) {
    size_t total;
    *ret = gw__mul_size(n, each, &total) ? gw__aligned_alloc(total, sizeof **ret) : NULL;
    return *ret ? GW_OK : gw__fail_nomem(err);
}

static gw_status doubles_of(size_t n, double **ret, gw_error *err) {
    *ret = gw__aligned_alloc(n, sizeof **ret);
    return *ret ? GW_OK : gw__fail_nomem(err);
}

size_t gw__trainer_state_floats(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    return trainer->train.optimizer.embeddings.on && net->input.n_tables ? net->table_at[0] : net->flat_floats;
}

gw_status gw__trainer_plan_memory(gw__trainer *trainer, gw_error *err) {
    gw_status status = GW_OK;
    const gw__net *net = trainer->net;
    const size_t n_chunks = gw__trainer_chunks(trainer, trainer->batch);
    GW__TRY(floats_of(net->flat_floats, 1, &trainer->flat, err));
    GW__TRY(floats_of(net->turned_floats, 1, &trainer->turned, err));
    for (size_t i = 0; i < gw__optimizer_states(&trainer->train.optimizer); i++) GW__TRY(floats_of(gw__trainer_state_floats(trainer), 1, &trainer->state[i], err));
    GW__TRY(floats_of(trainer->n_slots, net->dense_end, &trainer->slots, err));
    GW__TRY(floats_of(trainer->n_spaces, net->scratch_width * trainer->chunk_rows, &trainer->scratch, err));
    GW__TRY(floats_of(trainer->n_spaces, net->scratch_width * trainer->chunk_rows, &trainer->dscratch, err));
    GW__TRY(floats_of(trainer->n_spaces, net->dense.ld * trainer->chunk_rows, &trainer->dense, err));
    GW__TRY(floats_of(net->input.n_tables ? trainer->batch : 0, net->dense.ld, &trainer->ddense, err));
    GW__TRY(floats_of(4, net->norm_width, &trainer->norm, err));
    GW__TRY(doubles_of(n_chunks * 2 * net->norm_width, &trainer->norm_parts, err));
    GW__TRY(doubles_of(n_chunks * net->stats_width, &trainer->gate_parts, err));
    GW__TRY(doubles_of(net->stats_width, &trainer->gate_sums, err));
    GW__TRY(doubles_of(net->stats_width, &trainer->gate_slopes, err));
    GW__TRY(doubles_of(net->stats_width, &trainer->gate_totals, err));
    GW__TRY(doubles_of(trainer->n_slots * net->n_tasks, &trainer->slot_loss, err));
    GW__TRY(doubles_of(trainer->n_slots, &trainer->slot_order, err));
    GW__TRY(doubles_of(net->n_penalties, &trainer->penalties, err));
    GW__TRY(doubles_of(net->n_tasks, &trainer->task_total, err));
    GW__TRY(doubles_of(net->n_tasks, &trainer->task_loss, err));
    GW__TRY(doubles_of(net->n_tasks, &trainer->later_loss, err));
    GW__TRY(doubles_of(net->n_tasks, &trainer->task_weights, err));
    GW__TRY(doubles_of(gw__trainer_items(trainer), &trainer->item_squares, err));
    trainer->task_rows = gw__aligned_alloc(net->n_tasks, sizeof *trainer->task_rows);
    if (!trainer->task_rows) GW__FAIL(gw__fail_nomem(err));
cleanup:
    return status;
}
