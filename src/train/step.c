/* One step: forward, losses, backward, and one pass of the optimizer. */
#include <math.h>
#include <string.h>

#include "train/optimizer.h"
#include "train/step.h"

/* ---- sums and updates: one item is a piece of the dense parameters, or a part of a table ---------------------------------------------------- */

/* The gradient of the objective, which l2 is part of, clipped by value, and the squares that clipping by norm asks for. */
static void sum_item(void *context, size_t i, size_t worker) {
    const gw__step *s = context;
    gw__trainer *t = s->trainer;
    const float limit = (float)t->train.clip_value;
    if (i >= t->n_items) {
        if (t->train.clip_norm > 0) t->item_squares[i] = gw__embeddings_squares(t->tables, i - t->n_items, worker, t->ddense);
        return;
    }
    const gw__step_item *it = &t->items[i];
    float *gradient = t->slots + it->begin;
    const size_t n = it->end - it->begin;
    t->kernels->sum_parts(n, s->n_slots, t->net->dense_end, gradient, gradient);
    if (it->linear && t->train.l2 > 0) t->kernels->add_scaled(n, (float)t->train.l2, t->flat + it->begin, gradient);
    if (limit > 0) t->kernels->clamp(n, limit, gradient);
    if (t->train.clip_norm > 0) t->item_squares[i] = t->kernels->square_sum(n, gradient);
}

static void turn_item(gw__trainer *t, const gw__step_item *it) {
    if (!it->linear || !it->linear->need_dx || it->linear->narrow) return;
    const gw__op *op = it->linear;
    t->kernels->transpose(op->x.width, op->y.width, t->flat + op->w_at, t->turned + op->turned_at, it->panel_begin, it->panel_end);
}

static void update_item(void *context, size_t i, size_t worker) {
    const gw__step *s = context;
    gw__trainer *t = s->trainer;
    const gw__optimizer_spec *optimizer = &t->train.optimizer;
    if (i < t->n_items) {
        const gw__step_item *it = &t->items[i];
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
static void count_labels(const gw__step *s) {
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
static void drop_frozen(const gw__step *s) {
    gw__trainer *t = s->trainer;
    for (size_t slot = 0; slot < s->n_slots; slot++) {
        for (size_t i = 0; i < t->net->n_frozen; i++) {
            const gw__range *range = &t->net->frozen[i];
            memset(t->slots + slot * t->net->dense_end + range->begin, 0, (range->end - range->begin) * sizeof(float));
        }
    }
}

static gw__step begin_step(gw__trainer *t, const uint64_t *rows, size_t n) {
    gw__step s = {.trainer = t, .rows = rows, .number = t->step, .n = n, .n_chunks = gw__trainer_chunks(t, n), .task = GW__ALL_TASKS};
    s.n_slots = s.n_chunks < t->n_slots ? s.n_chunks : t->n_slots;
    s.in_turn = gw__balance_need(t->balance) != GW__BALANCE_BEFORE;
    return s;
}

/* Mean losses of the batch, before task weights. */
static void sum_losses(const gw__step *s, double *ret_loss) {
    const gw__trainer *t = s->trainer;
    const size_t n_tasks = t->net->n_tasks;
    for (size_t task = 0; task < n_tasks; task++) {
        double sum = 0;
        for (size_t slot = 0; slot < s->n_slots; slot++) sum += t->slot_loss[slot * n_tasks + task];
        ret_loss[task] = t->task_total[task] > 0 ? sum / t->task_total[task] : 0;
    }
}

/* With the last segment's backward run, unless that has its turn later. */
static void forward(gw__step *s, bool keep_statistics) {
    gw__trainer *t = s->trainer;
    const uint32_t n_segments = t->net->n_segments;
    for (s->segment = 0; s->segment < n_segments; s->segment++) {
        if (s->segment == 0 && !s->again) gw__pool_run(t->pool, gw__embeddings_tables(t->tables) + s->n_slots, gw__step_index_or_forward_item, s);
        else gw__pool_run(t->pool, s->n_slots, gw__step_forward_item, s);
        if (!s->again) gw__step_join_gates(s, keep_statistics);
        if (s->segment + 1 < n_segments) gw__step_join_forward(s, keep_statistics);
    }
}

static void backward(gw__step *s) {
    gw__trainer *t = s->trainer;
    s->segment = t->net->n_segments - 1;
    if (s->in_turn) gw__pool_run(t->pool, s->n_slots, gw__step_backward_item, s);
    while (s->segment > 0) {
        gw__step_join_backward(s);
        s->segment--;
        gw__pool_run(t->pool, s->n_slots, gw__step_backward_item, s);
    }
}

/* Task by task, and what the method makes of their gradients as the one slot of the step. */
static void backward_apart(gw__step *s) {
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
    gw__trainer *t = ((const gw__step *)context)->trainer;
    t->penalties[i] = gw__penalty_add(t->net, i, t->flat, t->slots);
}

/* Of no task and no row: once for the step, into its first slot. */
static void add_penalties(gw__step *s) {
    gw__trainer *t = s->trainer;
    if (t->net->n_penalties == 0) return;
    gw__pool_run(t->pool, t->net->n_penalties, penalty_item, s);
    for (size_t i = 0; i < t->net->n_penalties; i++) s->penalty += t->penalties[i];
}

static void forward_and_backward(gw__step *s, bool keep_statistics) {
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
static void look_back(gw__step *s) {
    gw__trainer *t = s->trainer;
    s->again = true;
    s->n_slots = s->n_chunks < t->n_slots ? s->n_chunks : t->n_slots;
    forward(s, false);
    sum_losses(s, t->later_loss);
    gw__balance_look_back(t->balance, t->later_loss);
}

static void end_step(const gw__step *s, gw__step_result *ret_result) {
    gw__trainer *t = s->trainer;
    const size_t n_tasks = t->net->n_tasks;
    double loss = t->gate_loss;
    for (size_t task = 0; task < n_tasks; task++) loss += t->task_weights[task] * t->task_loss[task];
    loss += s->order + s->penalty;
    *ret_result = (gw__step_result){.loss = loss, .task_loss = t->task_loss, .task_rows = t->task_rows, .finite = isfinite(loss)};
    if (ret_result->finite) return;
    ret_result->first_bad_tensor = gw__trainer_bad_tensor(t);
    if (!ret_result->first_bad_tensor) ret_result->first_bad_tensor = gw__trainer_bad_gradient(t, s->n_slots);
}

/* Clipping by the norm of the whole gradient (as torch.nn.utils.clip_grad_norm_), after clipping by value. */
static void clip(gw__step *s) {
    gw__trainer *t = s->trainer;
    double squares = 0;
    for (size_t i = 0; i < gw__trainer_items(t); i++) squares += t->item_squares[i];
    double scale = t->train.clip_norm / (sqrt(squares) + 1e-6);
    if (scale < 1) s->dense.clip_scale = s->tables.clip_scale = (float)scale;
}

/* The transposed panels follow the weights: rebuilt with every update, and once before the first step. */
static void turn_all(gw__trainer *t) {
    for (size_t i = 0; i < t->n_items; i++) turn_item(t, &t->items[i]);
}

void gw__trainer_step(gw__trainer *trainer, const uint64_t *rows, size_t n, gw__rates rates, gw__step_result *ret_result) {
    const gw__train_spec *train = &trainer->train;
    const size_t n_items = gw__trainer_items(trainer);
    gw__step s = begin_step(trainer, rows, n);
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
    gw__step s = begin_step(trainer, rows, n);
    turn_all(trainer);
    forward_and_backward(&s, false);
    end_step(&s, ret_result);
    memset(ret_flat, 0, net->flat_floats * sizeof *ret_flat);
    trainer->kernels->sum_parts(net->dense_end, s.n_slots, net->dense_end, trainer->slots, ret_flat);
    gw__embeddings_scatter(trainer->tables, trainer->ddense, ret_flat);
}

/* As many steps as the rows make batches, and of each all tasks; nothing but buffers of steps is written. */
void gw__trainer_sample_gradients(gw__trainer *trainer, const uint64_t *rows, size_t n, gw__task_gradients *into) {
    if (!trainer->turned_is_current) turn_all(trainer);
    trainer->turned_is_current = true;
    for (size_t begin = 0; begin < n; begin += trainer->batch) {
        gw__step s = begin_step(trainer, rows + begin, n - begin < trainer->batch ? n - begin : trainer->batch);
        s.again = s.tasks_only = true;
        s.in_turn = false;
        count_labels(&s);
        for (s.task = 0; s.task < trainer->net->n_tasks; s.task++) {
            forward(&s, false);
            backward(&s);
            gw__task_gradients_sample(into, s.task, trainer->slots, s.n_slots, begin > 0);
        }
    }
}
