#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/net_plan.h"
#include "train/embedding.h"
#include "train/optimizer.h"
#include "train/task_gradients.h"

/* Fixed by batch and model, never by threads: chunks of rows that pass through the network while they are in cache, and slots, each the sum of the
 * gradients of consecutive chunks. Slots are summed in their order, so results do not depend on who computed what. */
#define MOST_SLOTS 8
#define LEAST_SLOT 48            /* rows */
#define LEAST_CHUNK 24
#define MOST_CHUNK 260
#define CHUNK_BYTES (192 * 1024) /* activations and their gradients */
#define WEIGHT_BYTES (256 * 1024)
#define HEAVY_CHUNK 128
#define ITEM_FLOATS 4096        /* of parameters: one item of the update */

/* A piece of the dense parameters that is summed and updated at once. Pieces of weights rebuild their part of the transposed panels. */
typedef struct item {
    size_t begin, end;
    const gw__op *linear; /* whose weights they are; NULL: biases and norms */
    size_t panel_begin, panel_end;
} item;

struct gw__trainer {
    const gw__net *net;
    const gw__records *records;
    const gw__kernels *kernels;
    gw__pool *pool;
    gw__train_spec train;
    double *task_weights;           /* [T] balancing included */
    gw__balance *balance;           /* NULL: the weights are the spec's */
    gw__task_gradients *apart;      /* NULL: the tasks run backward together */
    uint64_t step;
    bool turned_is_current;         /* false until the first step: the caller may set parameters before it */

    float *flat, *turned, *state[2];
    float *slots;                   /* [n_slots, dense_end] */
    item *items;
    size_t n_items;
    double *item_squares;           /* [n_items + parts of the tables] */
    gw__embeddings *tables;

    size_t batch, chunk_rows, n_slots;
    bool keeps_chunks;              /* all chunks of a batch hold their activations at once: there is something to wait for before the backward run */
    size_t n_spaces;                /* chunks that do: all, or as many as threads */
    float *scratch, *dscratch, *dense;
    float *ddense;                  /* [batch, ld] */
    double *norm_parts;             /* [chunks, 2, norm_width] */
    float *norm;                    /* mean, scale, mean d, mean d u: [4, norm_width] */

    double *gate_parts;             /* [chunks, stats_width] sums of gates */
    double *gate_sums, *gate_slopes; /* [stats_width] of the batch, and of their losses by them */
    double *gate_totals;            /* [stats_width] of the steps since they were taken */
    double gate_loss;
    uint64_t gate_rows;

    double *slot_loss;              /* [n_slots, T] sums of weight x loss */
    double *slot_order;             /* [n_slots] what events out of order cost */
    double *penalties;              /* [penalties of the net] */
    double *task_total;             /* [T] sum of weights in the batch */
    double *task_loss;              /* [T] */
    double *later_loss;             /* [T] after the update */
    int64_t *task_rows;             /* [T] */
};

#define ALL_TASKS SIZE_MAX

/* What the threads need to know of the step under way. */
typedef struct step {
    gw__trainer *trainer;
    const uint64_t *rows;
    uint64_t number;          /* of the step, from 0 */
    size_t n, n_chunks, n_slots;
    uint32_t segment;
    double order;             /* what events out of order cost */
    double penalty;           /* what the architecture adds to the objective */
    bool in_turn;             /* forward first, for all rows; then backward */
    bool again;               /* forward once more: what follows from the rows alone is known */
    size_t task;              /* whose loss is run backward; ALL_TASKS */
    gw__update dense, tables; /* updates of dense parameters, of embeddings */
} step;

/* ---- plan ------------------------------------------------------------------------------------------------------------------------ */

static size_t chunks_of(const gw__trainer *trainer, size_t n) { return (n + trainer->chunk_rows - 1) / trainer->chunk_rows; }

/* Few rows a slot would make the sum of the slots dear. A slot's rows are cut into chunks that stay in the second cache, unless the weights are
 * larger than it: then a chunk is large enough that reading them once for it does not matter. */
static void plan_chunks(gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    const size_t batch = trainer->batch, row_bytes = (2 * (net->scratch_width - net->idle_width) + net->dense.ld) * sizeof(float);
    size_t slots = batch / LEAST_SLOT, most = CHUNK_BYTES / row_bytes;
    if (slots < 1) slots = 1;
    if (slots > MOST_SLOTS) slots = MOST_SLOTS;
    if (net->dense_end * sizeof(float) > WEIGHT_BYTES && most < HEAVY_CHUNK) most = HEAVY_CHUNK;
    if (most < LEAST_CHUNK) most = LEAST_CHUNK;
    if (most > MOST_CHUNK) most = MOST_CHUNK;
    const size_t per_slot = (batch + slots - 1) / slots, chunks = (per_slot + most - 1) / most;
    trainer->chunk_rows = gw__round_up((per_slot + chunks - 1) / chunks, 4);
    const size_t n_chunks = chunks_of(trainer, batch);
    trainer->n_slots = n_chunks < slots ? n_chunks : slots;
}


static int by_place(const void *a, const void *b) {
    const gw__op *const *x = a, *const *y = b;
    return ((*x)->w_at > (*y)->w_at) - ((*x)->w_at < (*y)->w_at);
}

static gw_status add_item(gw__trainer *trainer, size_t *capacity, item it, gw_error *err) {
    if (it.begin == it.end) return GW_OK;
    gw_status status = gw__grow((void **)&trainer->items, capacity, trainer->n_items + 1, sizeof it, err);
    if (status == GW_OK) trainer->items[trainer->n_items++] = it;
    return status;
}

/* Weights panel by panel, and what lies between them. */
static gw_status plan_items(gw__trainer *trainer, gw_error *err) {
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
        GW__TRY(add_item(trainer, &capacity, (item){.begin = at, .end = op->w_at}, err));
        for (size_t p = 0; p < panels; p += at_once) {
            size_t end = p + at_once < panels ? p + at_once : panels;
            item it = {op->w_at + p * panel, op->w_at + end * panel, op, p, end};
            GW__TRY(add_item(trainer, &capacity, it, err));
        }
        at = op->w_at + panels * panel;
    }
    GW__TRY(add_item(trainer, &capacity, (item){.begin = at, .end = net->dense_end}, err));
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

/* Tables with an optimizer of their own have their state elsewhere. */
static size_t state_floats(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    return trainer->train.optimizer.embeddings.on && net->input.n_tables ? net->table_at[0] : net->flat_floats;
}

/* Work items of an update: pieces of the dense parameters, then parts of the tables. */
static size_t update_items(const gw__trainer *trainer) { return trainer->n_items + gw__embeddings_parts(trainer->tables); }

static gw_status plan_memory(gw__trainer *trainer, gw_error *err) {
    gw_status status = GW_OK;
    const gw__net *net = trainer->net;
    const size_t n_chunks = chunks_of(trainer, trainer->batch);
    GW__TRY(floats_of(net->flat_floats, 1, &trainer->flat, err));
    GW__TRY(floats_of(net->turned_floats, 1, &trainer->turned, err));
    for (size_t i = 0; i < gw__optimizer_states(&trainer->train.optimizer); i++) GW__TRY(floats_of(state_floats(trainer), 1, &trainer->state[i], err));
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
    GW__TRY(doubles_of(update_items(trainer), &trainer->item_squares, err));
    trainer->task_rows = gw__aligned_alloc(net->n_tasks, sizeof *trainer->task_rows);
    if (!trainer->task_rows) GW__FAIL(gw__fail_nomem(err));
cleanup:
    return status;
}

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
    plan_chunks(trainer);
    const size_t threads = gw__pool_threads(pool);
    GW__TRY(gw__balance_new(spec, &trainer->balance, err));
    const gw__balance_needs need = gw__balance_need(trainer->balance);
    if (need == GW__BALANCE_GRADIENTS) GW__TRY(gw__task_gradients_new(net, batch, pool, &trainer->apart, err));
    trainer->keeps_chunks = net->n_segments > 1 || need != GW__BALANCE_BEFORE;
    trainer->n_spaces = trainer->keeps_chunks ? chunks_of(trainer, batch) : threads;
    GW__TRY(plan_items(trainer, err));
    GW__TRY(gw__embeddings_new(net, &trainer->train, records, batch, threads, &trainer->tables, err));
    GW__TRY(plan_memory(trainer, err));
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
                               state_floats(trainer), gw__optimizer_state_is_square(optimizer, i)};
}

bool gw__trainer_gate_mean(const gw__trainer *trainer, size_t gate, size_t expert, double *ret_weight, double *ret_load) {
    const gw__gating *gating = trainer->net->gatings[gate];
    if (!gating || !trainer->gate_rows) return false;
    const double *totals = trainer->gate_totals + gating->stats_at + expert, rows = (double)trainer->gate_rows;
    *ret_weight = totals[GW__STAT_IMPORTANCE * trainer->net->gates[gate].n_experts] / rows;
    *ret_load = totals[GW__STAT_ROWS * trainer->net->gates[gate].n_experts] / rows;
    return true;
}

void gw__trainer_forget_gates(gw__trainer *trainer) {
    memset(trainer->gate_totals, 0, trainer->net->stats_width * sizeof *trainer->gate_totals);
    trainer->gate_rows = 0;
}

uint64_t gw__trainer_step_number(const gw__trainer *trainer) { return trainer->step; }
void gw__trainer_set_step_number(gw__trainer *trainer, uint64_t number) { trainer->step = number; }

/* The greatest magnitude in a tensor of `values`, laid out as the parameters are; infinity for anything that is not finite. */
static double magnitude(const gw__placement *p, const float *values) {
    const size_t n = (size_t)(p->shown.shape[0] * (p->shown.n_dims == 2 ? p->shown.shape[1] : 1));
    double largest = 0;
    for (size_t v = 0; v < n; v++) {
        double size = fabs(values[gw__placement_at(p, v)]);
        if (!isfinite(size)) return INFINITY;
        largest = size > largest ? size : largest;
    }
    return largest;
}

const char *gw__trainer_bad_tensor(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    if (isfinite(trainer->kernels->square_sum(net->flat_floats, trainer->flat))) return NULL;
    for (size_t i = 0; i < net->n_parameters; i++) {
        if (isinf(magnitude(&net->parameters[i], trainer->flat))) return net->parameters[i].shown.name;
    }
    return NULL;
}

const char *gw__trainer_largest_tensor(const gw__trainer *trainer) {
    const gw__net *net = trainer->net;
    const char *name = NULL;
    double largest = -1;
    for (size_t i = 0; i < net->n_parameters; i++) {
        double size = magnitude(&net->parameters[i], trainer->flat);
        if (!(size > largest)) continue;
        largest = size;
        name = net->parameters[i].shown.name;
    }
    return name;
}

/* The first dense tensor whose gradient in any of the slots is not finite. */
static const char *bad_gradient(const gw__trainer *trainer, size_t n_slots) {
    const gw__net *net = trainer->net;
    for (size_t i = 0; i < net->n_parameters; i++) {
        const gw__placement *p = &net->parameters[i];
        for (size_t s = 0; s < n_slots && p->shown.trained && p->storage != GW__STORED_TABLE; s++) {
            if (isinf(magnitude(p, trainer->slots + s * net->dense_end))) return p->shown.name;
        }
    }
    return NULL;
}

/* ---- forward, losses, backward: one item is one slot ----------------------------------------------------------------------------- */

/* A slot's first chunk writes the gradients and the others add to them, so that nobody has to clear a slot. */
static gw__pass pass_of(const step *s, size_t slot, size_t chunk, size_t worker) {
    gw__trainer *t = s->trainer;
    const gw__net *net = t->net;
    const size_t space = t->keeps_chunks ? chunk : worker, first = chunk * t->chunk_rows, nw = net->norm_width;
    const size_t rows = s->n - first < t->chunk_rows ? s->n - first : t->chunk_rows;
    return (gw__pass){.net = net, .kernels = t->kernels, .flat = t->flat, .turned = t->turned, .gradients = t->slots + slot * net->dense_end,
                     .add = chunk > slot * s->n_chunks / s->n_slots,
                     .space = {t->scratch + space * net->scratch_width * t->chunk_rows, t->dense + space * net->dense.ld * t->chunk_rows},
                     .dspace = {t->dscratch + space * net->scratch_width * t->chunk_rows, net->input.n_tables ? t->ddense + first * net->dense.ld : NULL},
                     .chunk_rows = t->chunk_rows, .rows = rows, .first_row = first, .seed = t->train.seed, .step = s->number, .training = true,
                     .gate_part = t->gate_parts + chunk * net->stats_width, .gate_slopes = t->gate_slopes, .batch_rows = s->n,
                     .norm_part = t->norm_parts + chunk * 2 * nw, .norm_mean = t->norm, .norm_scale = t->norm + nw,
                     .norm_sum_dy = t->norm + 2 * nw, .norm_sum_dyx = t->norm + 3 * nw};
}

/* Losses of a chunk and the gradients of its logits: of the one task that is run backward, if there is one. `loss` may be NULL. */
static void chunk_losses(const step *s, const gw__pass *pass, double *loss) {
    const gw__trainer *t = s->trainer;
    const gw__net *net = t->net;
    float labels[MOST_CHUNK], weights[MOST_CHUNK];
    for (size_t task = 0; task < net->n_tasks; task++) {
        const gw__view *view = &net->outputs[task];
        const bool counts = t->task_total[task] > 0 && (s->task == ALL_TASKS || s->task == task);
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
static double chunk_orders(const step *s, const gw__pass *pass) {
    const gw__net *net = pass->net;
    double sum = 0;
    for (size_t i = 0; i < net->n_orders; i++) {
        if (s->task != ALL_TASKS && s->task != net->orders[i].later) continue;
        const gw__ordered later = ordered_of(pass, net->orders[i].later), earlier = ordered_of(pass, net->orders[i].earlier);
        const double scale = net->orders[i].weight / (double)s->n;
        sum += scale * gw__order_rows(pass->rows, &later, &earlier, scale);
    }
    return sum;
}

static void slot_chunks(const step *s, size_t slot, size_t *ret_begin, size_t *ret_end) {
    *ret_begin = slot * s->n_chunks / s->n_slots;
    *ret_end = (slot + 1) * s->n_chunks / s->n_slots;
}

static void forward_item(void *context, size_t slot, size_t worker) {
    const step *s = context;
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

/* Which rows of the tables the batch touches is found beside the network's first segment: tables before slots, since those take longer. */
static void index_or_forward_item(void *context, size_t i, size_t worker) {
    const step *s = context;
    const size_t n_tables = gw__embeddings_tables(s->trainer->tables);
    if (i < n_tables) gw__embeddings_index(s->trainer->tables, i, worker, s->rows, s->n);
    else forward_item(context, i - n_tables, worker);
}

static void backward_item(void *context, size_t slot, size_t worker) {
    const step *s = context;
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

/* ---- joins of batch normalisation ------------------------------------------------------------------------------------------------- */

/* The chunks' sums of the columns of `op`, in the order of the chunks, divided by the batch's rows. */
static void norm_means(const step *s, const gw__op *op, size_t column, double *ret_first, double *ret_second) {
    const gw__trainer *t = s->trainer;
    const size_t nw = t->net->norm_width;
    double first = 0, second = 0;
    for (size_t c = 0; c < s->n_chunks; c++) {
        first += t->norm_parts[c * 2 * nw + op->norm_at + column];
        second += t->norm_parts[c * 2 * nw + nw + op->norm_at + column];
    }
    *ret_first = first / (double)s->n;
    *ret_second = second / (double)s->n;
}

/* Mean and variance of the batch; running statistics as PyTorch: momentum 0.1, the unbiased variance. */
static void join_forward(const step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_BATCH_APPLY || op->segment != s->segment + 1) continue;
        for (size_t j = 0; j < op->x.width; j++) {
            double mean, square;
            norm_means(s, op, j, &mean, &square);
            double var = square - mean * mean > 0 ? square - mean * mean : 0;
            t->norm[op->norm_at + j] = (float)mean;
            t->norm[t->net->norm_width + op->norm_at + j] = (float)(1 / sqrt(var + 1e-5));
            if (!keep_statistics) continue;
            t->flat[op->mean_at + j] = (float)(0.9 * t->flat[op->mean_at + j] + 0.1 * mean);
            if (s->n > 1) t->flat[op->var_at + j] = (float)(0.9 * t->flat[op->var_at + j] + 0.1 * var * (double)s->n / (double)(s->n - 1));
        }
    }
}

/* Balance without a loss (Wang et al. 2024): b_e += u sign(mean load - load_e). */
static void move_bias(gw__trainer *t, const gw__op *op) {
    const double *rows = t->gate_sums + op->gating->stats_at + (size_t)GW__STAT_ROWS * op->n_experts;
    double all = 0; /* whole numbers, so that a load that is the mean is seen as such */
    for (uint32_t e = 0; e < op->n_experts; e++) all += rows[e];
    for (uint32_t e = 0; e < op->n_experts; e++) {
        const double load = rows[e] * op->n_experts, sign = (all > load) - (all < load);
        t->flat[op->mean_at + e] += (float)(op->gating->bias_step * sign);
    }
}

/* The sums of the gates of the segment, chunk by chunk, and what the losses on them are. */
static void join_gates(const step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    const size_t width = t->net->stats_width;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_GATE || op->segment != s->segment) continue;
        const size_t at = op->gating->stats_at, n = (size_t)GW__GATE_STATS * op->n_experts;
        for (size_t j = at; j < at + n; j++) {
            double sum = 0;
            for (size_t c = 0; c < s->n_chunks; c++) sum += t->gate_parts[c * width + j];
            t->gate_sums[j] = sum;
            t->gate_totals[j] += sum;
        }
        if (keep_statistics && op->gating->biased) move_bias(t, op);
        t->gate_loss += gw__gate_losses(op, t->gate_sums + at, s->n, t->gate_slopes + at);
    }
}

static void join_backward(const step *s) {
    gw__trainer *t = s->trainer;
    for (size_t i = 0; i < t->net->n_ops; i++) {
        const gw__op *op = &t->net->ops[i];
        if (op->kind != GW__OP_BATCH_APPLY || op->segment != s->segment) continue;
        for (size_t j = 0; j < op->x.width; j++) {
            double d, along;
            norm_means(s, op, j, &d, &along);
            t->norm[2 * t->net->norm_width + op->norm_at + j] = (float)d;
            t->norm[3 * t->net->norm_width + op->norm_at + j] = (float)along;
        }
    }
}

/* ---- sums and updates: one item is a piece of the dense parameters, or a part of a table ---------------------------------------------------- */

/* The gradient of the objective, which l2 is part of, clipped by value, and the squares that clipping by norm asks for. */
static void sum_item(void *context, size_t i, size_t worker) {
    const step *s = context;
    gw__trainer *t = s->trainer;
    const float limit = (float)t->train.clip_value;
    if (i >= t->n_items) {
        if (t->train.clip_norm > 0) t->item_squares[i] = gw__embeddings_squares(t->tables, i - t->n_items, worker, t->ddense);
        return;
    }
    const item *it = &t->items[i];
    float *gradient = t->slots + it->begin;
    const size_t n = it->end - it->begin;
    t->kernels->sum_parts(n, s->n_slots, t->net->dense_end, gradient, gradient);
    if (it->linear && t->train.l2 > 0) t->kernels->add_scaled(n, (float)t->train.l2, t->flat + it->begin, gradient);
    if (limit > 0) t->kernels->clamp(n, limit, gradient);
    if (t->train.clip_norm > 0) t->item_squares[i] = t->kernels->square_sum(n, gradient);
}

static void turn_item(gw__trainer *t, const item *it) {
    if (!it->linear || !it->linear->need_dx || it->linear->narrow) return;
    const gw__op *op = it->linear;
    t->kernels->transpose(op->x.width, op->y.width, t->flat + op->w_at, t->turned + op->turned_at, it->panel_begin, it->panel_end);
}

static void update_item(void *context, size_t i, size_t worker) {
    const step *s = context;
    gw__trainer *t = s->trainer;
    const gw__optimizer_spec *optimizer = &t->train.optimizer;
    if (i < t->n_items) {
        const item *it = &t->items[i];
        float *s0 = t->state[0] ? t->state[0] + it->begin : NULL, *s1 = t->state[1] ? t->state[1] + it->begin : NULL;
        t->kernels->update[optimizer->name](&s->dense, it->end - it->begin, t->flat + it->begin, t->slots + it->begin, s0, s1);
        turn_item(t, it);
    } else {
        const gw__table_step tables = {&s->tables, t->ddense, t->flat, {t->state[0], t->state[1]}};
        gw__embeddings_update(t->tables, i - t->n_items, worker, &tables);
    }
}

static void sum_and_update_item(void *context, size_t i, size_t worker) {
    sum_item(context, i, worker);
    update_item(context, i, worker);
}

/* ---- the step ---------------------------------------------------------------------------------------------------------------------- */

/* Labelled rows and their weights, known before the first row runs: the mean over the batch needs no join. */
static void count_labels(const step *s) {
    gw__trainer *t = s->trainer;
    const size_t n_tasks = t->net->n_tasks;
    memset(t->task_total, 0, n_tasks * sizeof *t->task_total);
    memset(t->task_rows, 0, n_tasks * sizeof *t->task_rows);
    for (size_t r = 0; r < s->n; r++) {
        const float *weights = gw__record_weights(&t->net->input, gw__record_at(t->records, (size_t)s->rows[r]));
        for (size_t task = 0; task < n_tasks; task++) {
            t->task_total[task] += weights[task];
            t->task_rows[task] += weights[task] > 0;
        }
    }
}

/* Columns of shared bias vectors that belong to maps without a bias learn nothing. */
static void drop_frozen(const step *s) {
    gw__trainer *t = s->trainer;
    for (size_t slot = 0; slot < s->n_slots; slot++) {
        for (size_t i = 0; i < t->net->n_frozen; i++) {
            const gw__range *range = &t->net->frozen[i];
            memset(t->slots + slot * t->net->dense_end + range->begin, 0, (range->end - range->begin) * sizeof(float));
        }
    }
}

static step begin_step(gw__trainer *t, const uint64_t *rows, size_t n) {
    step s = {.trainer = t, .rows = rows, .number = t->step, .n = n, .n_chunks = chunks_of(t, n), .task = ALL_TASKS};
    s.n_slots = s.n_chunks < t->n_slots ? s.n_chunks : t->n_slots;
    s.in_turn = gw__balance_need(t->balance) != GW__BALANCE_BEFORE;
    return s;
}

/* Mean losses of the batch, before task weights. */
static void sum_losses(const step *s, double *ret_loss) {
    const gw__trainer *t = s->trainer;
    const size_t n_tasks = t->net->n_tasks;
    for (size_t task = 0; task < n_tasks; task++) {
        double sum = 0;
        for (size_t slot = 0; slot < s->n_slots; slot++) sum += t->slot_loss[slot * n_tasks + task];
        ret_loss[task] = t->task_total[task] > 0 ? sum / t->task_total[task] : 0;
    }
}

/* With the last segment's backward run, unless that has its turn later. */
static void forward(step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    const uint32_t n_segments = t->net->n_segments;
    for (s->segment = 0; s->segment < n_segments; s->segment++) {
        if (s->segment == 0 && !s->again) gw__pool_run(t->pool, gw__embeddings_tables(t->tables) + s->n_slots, index_or_forward_item, s);
        else gw__pool_run(t->pool, s->n_slots, forward_item, s);
        if (!s->again) join_gates(s, keep_statistics);
        if (s->segment + 1 < n_segments) join_forward(s, keep_statistics);
    }
}

static void backward(step *s) {
    gw__trainer *t = s->trainer;
    s->segment = t->net->n_segments - 1;
    if (s->in_turn) gw__pool_run(t->pool, s->n_slots, backward_item, s);
    while (s->segment > 0) {
        join_backward(s);
        s->segment--;
        gw__pool_run(t->pool, s->n_slots, backward_item, s);
    }
}

/* Task by task, and what the method makes of their gradients as the one slot of the step. */
static void backward_apart(step *s) {
    gw__trainer *t = s->trainer;
    for (s->task = 0; s->task < t->net->n_tasks; s->task++) {
        backward(s);
        gw__task_gradients_take(t->apart, s->task, t->slots, s->n_slots, t->ddense, s->n);
    }
    const double *alpha = gw__balance_combine(t->balance, gw__task_gradients_gram(t->apart));
    gw__task_gradients_combine(t->apart, alpha, t->slots);
    s->n_slots = 1;
}

static void penalty_item(void *context, size_t i, size_t worker) {
    gw__trainer *t = ((const step *)context)->trainer;
    t->penalties[i] = gw__penalty_add(t->net, i, t->flat, t->slots);
}

/* Of no task and no row: once for the step, into its first slot. */
static void add_penalties(step *s) {
    gw__trainer *t = s->trainer;
    if (t->net->n_penalties == 0) return;
    gw__pool_run(t->pool, t->net->n_penalties, penalty_item, s);
    for (size_t i = 0; i < t->net->n_penalties; i++) s->penalty += t->penalties[i];
}

static void forward_and_backward(step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    count_labels(s);
    t->gate_loss = 0;
    t->gate_rows += s->n;
    if (t->balance) gw__balance_begin(t->balance, s->number, t->task_total, t->task_weights);
    forward(s, keep_statistics);
    sum_losses(s, t->task_loss);
    for (size_t slot = 0; slot < s->n_slots; slot++) s->order += t->slot_order[slot];
    if (t->balance) gw__balance_see(t->balance, t->task_loss, t->task_weights);
    if (t->apart) backward_apart(s);
    else backward(s);
    drop_frozen(s);
    add_penalties(s);
}

/* The losses of the same rows with the new parameters, for methods that ask what came of the step. */
static void look_back(step *s) {
    gw__trainer *t = s->trainer;
    s->again = true;
    s->n_slots = s->n_chunks < t->n_slots ? s->n_chunks : t->n_slots;
    forward(s, false);
    sum_losses(s, t->later_loss);
    gw__balance_look_back(t->balance, t->later_loss);
}

static void end_step(const step *s, gw__step_result *ret_result) {
    gw__trainer *t = s->trainer;
    const size_t n_tasks = t->net->n_tasks;
    double loss = t->gate_loss;
    for (size_t task = 0; task < n_tasks; task++) loss += t->task_weights[task] * t->task_loss[task];
    loss += s->order + s->penalty;
    *ret_result = (gw__step_result){.loss = loss, .task_loss = t->task_loss, .task_rows = t->task_rows, .finite = isfinite(loss)};
    if (ret_result->finite) return;
    ret_result->first_bad_tensor = gw__trainer_bad_tensor(t);
    if (!ret_result->first_bad_tensor) ret_result->first_bad_tensor = bad_gradient(t, s->n_slots);
}

/* Clipping by the norm of the whole gradient (as torch.nn.utils.clip_grad_norm_), after clipping by value. */
static void clip(step *s) {
    gw__trainer *t = s->trainer;
    double squares = 0;
    for (size_t i = 0; i < update_items(t); i++) squares += t->item_squares[i];
    double scale = t->train.clip_norm / (sqrt(squares) + 1e-6);
    if (scale < 1) s->dense.clip_scale = s->tables.clip_scale = (float)scale;
}

/* The transposed panels follow the weights: rebuilt with every update, and once before the first step. */
static void turn_all(gw__trainer *t) {
    for (size_t i = 0; i < t->n_items; i++) turn_item(t, &t->items[i]);
}

void gw__trainer_step(gw__trainer *trainer, const uint64_t *rows, size_t n, gw__rates rates, gw__step_result *ret_result) {
    const gw__train_spec *train = &trainer->train;
    const size_t n_items = update_items(trainer);
    step s = begin_step(trainer, rows, n);
    if (!trainer->turned_is_current) turn_all(trainer);
    trainer->turned_is_current = true;
    forward_and_backward(&s, true);
    end_step(&s, ret_result);
    trainer->step++;
    s.dense = gw__optimizer_update(&train->optimizer, rates.dense, trainer->step, false);
    s.tables = gw__optimizer_table_update(&train->optimizer, rates.tables, trainer->step);
    if (train->clip_norm > 0) {
        gw__pool_run(trainer->pool, n_items, sum_item, &s);
        clip(&s);
        gw__pool_run(trainer->pool, n_items, update_item, &s);
    } else {
        gw__pool_run(trainer->pool, n_items, sum_and_update_item, &s);
    }
    if (!trainer->balance || !ret_result->finite) return;
    gw__balance_learn(trainer->balance);
    if (gw__balance_looks_back(trainer->balance)) look_back(&s);
}

void gw__trainer_gradients(gw__trainer *trainer, const uint64_t *rows, size_t n, float *ret_flat, gw__step_result *ret_result) {
    const gw__net *net = trainer->net;
    step s = begin_step(trainer, rows, n);
    turn_all(trainer);
    forward_and_backward(&s, false);
    end_step(&s, ret_result);
    memset(ret_flat, 0, net->flat_floats * sizeof *ret_flat);
    trainer->kernels->sum_parts(net->dense_end, s.n_slots, net->dense_end, trainer->slots, ret_flat);
    gw__embeddings_scatter(trainer->tables, trainer->ddense, ret_flat);
}
