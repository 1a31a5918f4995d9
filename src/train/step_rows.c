/* The rows of a step on their way through the network, forward, losses, backward: one item is one slot. */
#include <string.h>

#include "train/step.h"

/* A slot's first chunk writes the gradients and the others add to them, so that nobody has to clear a slot. */
static gw__pass pass_of(const gw__step *s, size_t slot, size_t chunk, size_t worker) {
    gw__trainer *t = s->trainer;
    const gw__net *net = t->net;
    const size_t space = t->keeps_chunks ? chunk : worker, first = chunk * t->chunk_rows, nw = net->norm_width;
    const size_t rows = s->n - first < t->chunk_rows ? s->n - first : t->chunk_rows;
    return (gw__pass){.net = net, .kernels = t->kernels, .flat = t->flat, .turned = t->turned, .gradients = t->slots + slot * net->dense_end,
                     .add = chunk > slot * s->n_chunks / s->n_slots,
                     .space = {t->scratch + space * net->scratch_width * t->chunk_rows, t->dense + space * net->dense.ld * t->chunk_rows},
                     .dspace = {t->dscratch + space * net->scratch_width * t->chunk_rows, net->input.n_tables ? t->ddense + first * net->dense.ld : NULL},
                     .chunk_rows = t->chunk_rows, .rows = rows, .first_row = first, .seed = t->train.seed, .step = s->number, .training = true, .tasks_only = s->tasks_only,
                     .gate_part = t->gate_parts + chunk * net->stats_width, .gate_slopes = t->gate_slopes, .batch_rows = s->n,
                     .norm_part = t->norm_parts + chunk * 2 * nw, .norm_mean = t->norm, .norm_scale = t->norm + nw,
                     .norm_sum_dy = t->norm + 2 * nw, .norm_sum_dyx = t->norm + 3 * nw};
}

/* Losses of a chunk and the gradients of its logits: of the one task that is run backward, if there is one. `loss` may be NULL. */
static void chunk_losses(const gw__step *s, const gw__pass *pass, double *loss) {
    const gw__trainer *t = s->trainer;
    const gw__net *net = t->net;
    float labels[GW__MOST_CHUNK], weights[GW__MOST_CHUNK];
    for (size_t task = 0; task < net->n_tasks; task++) {
        const gw__view *view = &net->outputs[task];
        const bool counts = t->task_total[task] > 0 && (s->task == GW__ALL_TASKS || s->task == task);
        const double scale = counts ? t->task_weights[task] / t->task_total[task] : 0;
        for (size_t r = 0; r < pass->rows; r++) {
            const uint32_t *record = gw__record_at(t->records, (size_t)s->rows[pass->first_row + r]);
            labels[r] = gw__record_labels(&net->input, record)[task];
            weights[r] = gw__record_weights(&net->input, record)[task];
        }
        double sum = net->blend != SIZE_MAX
                         ? gw__blend_rows(&net->ops[net->blend], pass, labels, weights, scale)
                         : gw__loss_rows(&net->rules[task], pass->rows, gw__pass_x(pass, view), view->ld, labels, weights, scale, gw__pass_dx(pass, view), view->ld);
        if (loss) loss[task] += sum;
    }
}

static gw__ordered ordered_of(const gw__pass *pass, size_t task) {
    const gw__view *view = &pass->net->outputs[task];
    return (gw__ordered){gw__pass_x(pass, view), gw__pass_dx(pass, view), view->ld, pass->net->rules[task].correction};
}

/* What a chunk's rows cost where a later event is held for likelier; the gradient is added to that of the losses. Over all rows, labelled or not.
 * Task by task, it goes with the later one. */
static double chunk_orders(const gw__step *s, const gw__pass *pass) {
    const gw__net *net = pass->net;
    double sum = 0;
    for (size_t i = 0; i < net->n_orders; i++) {
        if (s->task != GW__ALL_TASKS && s->task != net->orders[i].later) continue;
        const gw__ordered later = ordered_of(pass, net->orders[i].later), earlier = ordered_of(pass, net->orders[i].earlier);
        const double scale = net->orders[i].weight / (double)s->n;
        sum += scale * gw__order_rows(pass->rows, &later, &earlier, scale);
    }
    return sum;
}

static void slot_chunks(const gw__step *s, size_t slot, size_t *ret_begin, size_t *ret_end) {
    *ret_begin = slot * s->n_chunks / s->n_slots;
    *ret_end = (slot + 1) * s->n_chunks / s->n_slots;
}

void gw__step_forward_item(void *context, size_t slot, size_t worker) {
    const gw__step *s = context;
    gw__trainer *t = s->trainer;
    const gw__net *net = t->net;
    const bool last = s->segment + 1 == net->n_segments;
    size_t chunk, end;
    double *loss = t->slot_loss + slot * net->n_tasks;
    if (s->segment == 0) {
        memset(loss, 0, net->n_tasks * sizeof *loss);
        t->slot_order[slot] = 0;
    }
    for (slot_chunks(s, slot, &chunk, &end); chunk < end; chunk++) {
        gw__pass pass = pass_of(s, slot, chunk, worker);
        if (s->segment == 0) gw__gather(net, t->flat, t->records, s->rows + pass.first_row, 0, pass.rows, pass.space[GW__SPACE_DENSE]);
        gw__pass_forward(&pass, s->segment);
        if (!last) continue;
        chunk_losses(s, &pass, loss);
        t->slot_order[slot] += chunk_orders(s, &pass);
        if (!s->in_turn) gw__pass_backward(&pass, s->segment);
    }
}

void gw__step_index_or_forward_item(void *context, size_t i, size_t worker) {
    const gw__step *s = context;
    const size_t n_tables = gw__embeddings_tables(s->trainer->tables);
    if (i < n_tables) gw__embeddings_index(s->trainer->tables, i, worker, s->rows, s->n);
    else gw__step_forward_item(context, i - n_tables, worker);
}

void gw__step_backward_item(void *context, size_t slot, size_t worker) {
    const gw__step *s = context;
    size_t chunk, end;
    for (slot_chunks(s, slot, &chunk, &end); chunk < end; chunk++) {
        gw__pass pass = pass_of(s, slot, chunk, worker);
        if (s->segment + 1 == s->trainer->net->n_segments) {
            chunk_losses(s, &pass, NULL);
            chunk_orders(s, &pass);
        }
        gw__pass_backward(&pass, s->segment);
    }
}
