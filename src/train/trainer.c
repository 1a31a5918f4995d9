#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/optimizer.h"
#include "train/step.h"

gw_status gw__trainer_new(const gw__net *net, const gw__spec *spec, const gw__records *records, size_t batch, gw__pool *pool,
                          gw__trainer **ret_trainer, gw_error *err) {
    gw_status status = GW_OK;
    gw__trainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer) return gw__fail_nomem(err);
    trainer->net = net;
    trainer->records = records;
    trainer->kernels = net->kernels;
    trainer->pool = pool;
    trainer->train = spec->train;
    trainer->batch = batch;
    gw__trainer_plan_chunks(trainer);
    const size_t threads = gw__pool_threads(pool);
    GW__TRY(gw__balance_new(spec, &trainer->balance, err));
    const gw__balance_needs need = gw__balance_need(trainer->balance);
    if (need == GW__BALANCE_GRADIENTS) GW__TRY(gw__task_gradients_new(net, batch, pool, &trainer->apart, err));
    trainer->keeps_chunks = net->n_segments > 1 || need != GW__BALANCE_BEFORE;
    trainer->n_spaces = trainer->keeps_chunks ? gw__trainer_chunks(trainer, batch) : threads;
    GW__TRY(gw__trainer_plan_items(trainer, err));
    GW__TRY(gw__embeddings_new(net, &trainer->train, records, batch, threads, &trainer->tables, err));
    GW__TRY(gw__trainer_plan_memory(trainer, err));
    for (size_t t = 0; t < spec->n_tasks; t++) trainer->task_weights[t] = spec->tasks[t].weight;
    *ret_trainer = trainer;
    trainer = NULL;
cleanup:
    gw__trainer_free(trainer);
    return status;
}

void gw__trainer_free(gw__trainer *trainer) {
    if (!trainer) return;
    gw__embeddings_free(trainer->tables);
    gw__balance_free(trainer->balance);
    gw__task_gradients_free(trainer->apart);
    free(trainer->items);
    void *const blocks[] = {trainer->flat, trainer->turned, trainer->state[0], trainer->state[1], trainer->slots, trainer->scratch, trainer->dscratch,
                            trainer->dense, trainer->ddense, trainer->norm, trainer->norm_parts, trainer->slot_loss, trainer->slot_order, trainer->penalties, trainer->task_total,
                            trainer->task_loss, trainer->later_loss, trainer->task_weights, trainer->item_squares, trainer->task_rows,
                            trainer->gate_parts, trainer->gate_sums, trainer->gate_slopes, trainer->gate_totals};
    for (size_t i = 0; i < GW__COUNT(blocks); i++) gw__aligned_free(blocks[i]);
    free(trainer);
}

float *gw__trainer_parameters(gw__trainer *trainer) { return trainer->flat; }
gw__task_gradients *gw__trainer_apart(const gw__trainer *trainer) { return trainer->apart; }
size_t gw__trainer_gradient_floats(const gw__trainer *trainer) { return trainer->net->dense_end; }
gw__balance *gw__trainer_balance(const gw__trainer *trainer) { return trainer->balance; }

size_t gw__trainer_state_count(const gw__trainer *trainer) {
    return gw__optimizer_states(&trainer->train.optimizer) + (gw__embeddings_row_sums(trainer->tables) != NULL);
}

gw__trainer_state gw__trainer_state_at(const gw__trainer *trainer, size_t i) {
    const gw__optimizer_spec *optimizer = &trainer->train.optimizer;
    if (i == gw__optimizer_states(optimizer)) {
        return (gw__trainer_state){"row_sum", GW__PART_ROWS, gw__embeddings_row_sums(trainer->tables), gw__embeddings_rows(trainer->tables), true};
    }
    return (gw__trainer_state){gw__optimizer_state_name(optimizer, i), optimizer->embeddings.on ? GW__PART_DENSE : GW__PART_ALL, trainer->state[i],
                               gw__trainer_state_floats(trainer), gw__optimizer_state_is_square(optimizer, i)};
}

bool gw__trainer_gate_total(const gw__trainer *trainer, size_t gate, gw__gate_total *ret_total) {
    const gw__gating *gating = trainer->net->gatings[gate];
    if (!gating || !trainer->gate_rows) return false;
    const double *totals = trainer->gate_totals + gating->stats_at;
    const size_t n = trainer->net->gates[gate].n_experts;
    *ret_total = (gw__gate_total){.rows = (double)trainer->gate_rows, .weights = totals + GW__STAT_IMPORTANCE * n, .kept = totals + GW__STAT_ROWS * n, .entropy = NAN};
    return true;
}

void gw__trainer_forget_gates(gw__trainer *trainer) {
    memset(trainer->gate_totals, 0, trainer->net->stats_width * sizeof *trainer->gate_totals);
    trainer->gate_rows = 0;
}

uint64_t gw__trainer_step_number(const gw__trainer *trainer) { return trainer->step; }
void gw__trainer_set_step_number(gw__trainer *trainer, uint64_t number) { trainer->step = number; }
