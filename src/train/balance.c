#include "train/balance.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "kern/functions.h"
#include "train/combine.h"

/* What a run has seen of each task: the one list that methods, checkpoints and their readers share. `least`: it is never below. */
#define STATE_ROSTER(X)                                                                                                     \
    X(VALUE, "value", -INFINITY)  /* what is learned: a logarithm, a weight; dwa: the loss of the last epoch */             \
    X(MEAN, "mean", -INFINITY)    /* Adam's means of its gradient */                                                        \
    X(SQUARE, "square", 0)        /* and of its square */                                                                   \
    X(COUNT, "count", 0)          /* updates; dwa, decayed: epochs */                                                       \
    X(FIRST, "first", -INFINITY)  /* gradnorm: the first loss; dwa: that of the epoch before the last */                    \
    X(SUM, "sum", -INFINITY)      /* of factor x coefficient over the epoch under way */                                    \
    X(STEPS, "steps", 0)          /* so many */

#define STATE_NAME(name, word, least) name,
enum { STATE_ROSTER(STATE_NAME) STATES };

typedef struct method {
    gw__balance_needs needs;
    double value;                                        /* state VALUE at the start */
    void (*weigh)(gw__balance *b, uint64_t step);        /* factors before the step; NULL: 1 */
    void (*weigh_losses)(gw__balance *b);                /* factors from the losses */
    gw__combiner *combine;                               /* coefficients; NULL: 1 */
    void (*learn)(gw__balance *b);                       /* after each step */
    void (*look_back)(gw__balance *b, const double *loss); /* losses of the same batch after the update */
    void (*end_epoch)(gw__balance *b, const double *loss_sums, const int64_t *loss_rows);
} method;

struct gw__balance {
    const gw__balance_spec *spec;
    const gw__task_spec *tasks;
    const method *method;
    size_t n;                /* T */
    uint64_t seed, step;
    double *state[STATES];   /* [T] each */
    double *active;          /* [T] 1: has a labelled row in this step, and a weight */
    double *factor;          /* [T] */
    double *loss;            /* [T] weight x mean loss */
    double *alpha;           /* [T] */
    double *gram;            /* [T,T] */
    double *apart, *shares, *losses; /* of the gradients that take part: their Gram matrix, coefficients, losses */
    double *work;
    double block[];
};

/* ---- what methods share ---- */

/* Adam as PyTorch has it (betas 0.9, 0.999, eps 1e-8, decay in the gradient), on one task's value. */
static void adam(gw__balance *b, size_t k, double gradient, double decay) {
    double *value = &b->state[VALUE][k], *mean = &b->state[MEAN][k], *square = &b->state[SQUARE][k];
    if (!isfinite(gradient)) return;
    gradient += decay * *value;
    const uint64_t count = (uint64_t)(b->state[COUNT][k] += 1);
    *mean = 0.9 * *mean + 0.1 * gradient;
    *square = 0.999 * *square + 0.001 * gradient * gradient;
    const double root = sqrt(*square) / sqrt(1 - gw__power(0.999, count));
    *value -= b->spec->lr * (*mean / (1 - gw__power(0.9, count))) / (root + 1e-8);
}

/* The logarithms of weights stay where the weights are ordinary numbers, even if a loss is 0 for ever. */
#define MOST_LOG 20.0

static void learn_log(gw__balance *b, size_t k, double gradient) {
    double *value = &b->state[VALUE][k];
    adam(b, k, gradient, 0);
    if (*value > MOST_LOG) *value = MOST_LOG;
    if (*value < -MOST_LOG) *value = -MOST_LOG;
}

/* ret = softmax(values) over the tasks with mask 1 (NULL: all); 0 elsewhere. */
static void softmax(size_t n, const double *values, const double *mask, double *ret) {
    double most = -INFINITY, sum = 0;
    for (size_t k = 0; k < n; k++)
        if ((!mask || mask[k]) && values[k] > most) most = values[k];
    for (size_t k = 0; k < n; k++) {
        ret[k] = !mask || mask[k] ? gw__exp(values[k] - most) : 0;
        sum += ret[k];
    }
    for (size_t k = 0; k < n && sum > 0; k++) ret[k] /= sum;
}

/* ---- decayed: Tang et al. 2020 (PLE), eq. 10: w_k,t = w_k,0 gamma_k^t ---- */

static void decayed_weigh(gw__balance *b, uint64_t step) {
    const uint64_t every = b->spec->every_steps;
    for (size_t k = 0; k < b->n; k++) b->factor[k] = gw__power(b->spec->gamma[k], every ? step / every : (uint64_t)b->state[COUNT][k]);
}

static void count_epoch(gw__balance *b, const double *loss_sums, const int64_t *loss_rows) {
    (void)loss_sums, (void)loss_rows;
    for (size_t k = 0; k < b->n; k++) b->state[COUNT][k] += 1;
}

/* ---- uncertainty: Kendall et al. 2018: sum of c_k exp(-s_k) L_k + s_k / 2, s_k = log sigma_k^2; c_k is 1/2 of distances, 1 of likelihoods ---- */

static double likelihood_share(gw__loss loss) { return loss == GW__LOSS_MSE || loss == GW__LOSS_MAE || loss == GW__LOSS_HUBER ? 0.5 : 1; }

static void uncertainty_weigh(gw__balance *b, uint64_t step) {
    (void)step;
    for (size_t k = 0; k < b->n; k++) b->factor[k] = likelihood_share(b->tasks[k].loss) * gw__exp(-b->state[VALUE][k]);
}

static void uncertainty_learn(gw__balance *b) {
    for (size_t k = 0; k < b->n; k++)
        if (b->active[k]) learn_log(b, k, 0.5 - b->factor[k] * b->loss[k]);
}

/* ---- dwa: Liu et al. 2019: w = T softmax(r / temperature), r_k = L_k of the last epoch / L_k of the one before ---- */

static void dwa_weigh(gw__balance *b, uint64_t step) {
    (void)step;
    const double *last = b->state[VALUE], *before = b->state[FIRST];
    for (size_t k = 0; k < b->n; k++) {
        const bool known = b->state[COUNT][k] >= 2 && last[k] > 0 && before[k] > 0;
        b->alpha[k] = (known ? last[k] / before[k] : 1) / b->spec->temperature;
    }
    softmax(b->n, b->alpha, NULL, b->factor);
    for (size_t k = 0; k < b->n; k++) b->factor[k] *= (double)b->n;
}

static void dwa_end_epoch(gw__balance *b, const double *loss_sums, const int64_t *loss_rows) {
    for (size_t k = 0; k < b->n; k++) {
        if (!loss_rows[k]) continue;
        b->state[FIRST][k] = b->state[VALUE][k];
        b->state[VALUE][k] = loss_sums[k] / (double)loss_rows[k];
        b->state[COUNT][k] += 1;
    }
}

/* ---- random: Lin et al. 2022 (RLW): w = softmax of standard normal numbers, new in each step ---- */

static void random_weigh(gw__balance *b, uint64_t step) {
    for (size_t k = 0; k < b->n; k++) b->alpha[k] = gw__random_normal(b->seed, GW__RANDOM_BALANCE, step, k);
    softmax(b->n, b->alpha, NULL, b->factor);
}

/* ---- famo: Liu et al. 2023: the losses' logarithms fall at the same rate; factors z_k / (L_k sum of z_j / L_j), z = softmax(xi) ---- */

static double above_zero(double loss) { return (loss > 0 ? loss : 0) + 1e-8; }

static void famo_weigh_losses(gw__balance *b) {
    double sum = 0;
    softmax(b->n, b->state[VALUE], b->active, b->alpha);
    for (size_t k = 0; k < b->n; k++) {
        b->factor[k] = b->alpha[k] / above_zero(b->loss[k]);
        sum += b->factor[k];
    }
    for (size_t k = 0; k < b->n && sum > 0; k++) b->factor[k] /= sum;
}

/* xi follows the fall of the logarithms through the softmax: tasks that fell less than the mean of z get more. */
static void famo_look_back(gw__balance *b, const double *loss) {
    double mean = 0;
    softmax(b->n, b->state[VALUE], b->active, b->alpha);
    for (size_t k = 0; k < b->n; k++) {
        b->losses[k] = b->active[k] ? gw__log(above_zero(b->loss[k])) - gw__log(above_zero(loss[k])) : 0;
        mean += b->alpha[k] * b->losses[k];
    }
    for (size_t k = 0; k < b->n; k++)
        if (b->active[k]) adam(b, k, b->alpha[k] * (b->losses[k] - mean), b->spec->decay);
}

/* ---- gradnorm: Chen et al. 2018: w for which |w_k grad L_k| is the mean of all times (relative training rate)^alpha; sum of w is T ---- */

#define LEAST_WEIGHT 1e-3 /* the paper's update may pass 0 */

static void value_weigh(gw__balance *b, uint64_t step) {
    (void)step;
    memcpy(b->factor, b->state[VALUE], b->n * sizeof *b->factor);
}

/* The length of a task's gradient, factor included; 0 if it takes no part. */
static double gradient_length(const gw__balance *b, size_t k) {
    const double square = b->gram[k * b->n + k];
    return b->active[k] && isfinite(square) && square > 0 ? sqrt(square) : 0;
}

static double training_rate(const gw__balance *b, size_t k) {
    const double first = b->state[FIRST][k];
    return first > 0 && b->loss[k] > 0 ? b->loss[k] / first : 1;
}

static void gradnorm_learn(gw__balance *b) {
    double lengths = 0, rates = 0, n = 0, sum = 0;
    for (size_t k = 0; k < b->n; k++) {
        if (!gradient_length(b, k)) continue;
        if (b->state[COUNT][k] == 0) b->state[FIRST][k] = b->loss[k];
        lengths += gradient_length(b, k);
        rates += training_rate(b, k);
        n += 1;
    }
    for (size_t k = 0; k < b->n; k++) {
        const double length = gradient_length(b, k);
        if (!length) continue;
        const double target = lengths / n * gw__exp(b->spec->alpha * gw__log(training_rate(b, k) / (rates / n)));
        adam(b, k, (length > target ? 1 : length < target ? -1 : 0) * length / b->factor[k], 0);
        if (!(b->state[VALUE][k] > LEAST_WEIGHT)) b->state[VALUE][k] = LEAST_WEIGHT;
    }
    for (size_t k = 0; k < b->n; k++) sum += b->state[VALUE][k];
    for (size_t k = 0; k < b->n; k++) b->state[VALUE][k] *= (double)b->n / sum;
}

/* ---- imtl: Liu et al. 2021: IMTL-L scales losses, exp(s_k) L_k - s_k; IMTL-G then combines the gradients of the scaled losses ---- */

static void imtl_weigh(gw__balance *b, uint64_t step) {
    (void)step;
    for (size_t k = 0; k < b->n; k++) b->factor[k] = gw__exp(b->state[VALUE][k]); /* s stays 0 where nothing is learned */
}

static void imtl_learn(gw__balance *b) {
    for (size_t k = 0; k < b->n && b->spec->scale_losses; k++)
        if (b->active[k]) learn_log(b, k, b->factor[k] * b->loss[k] - 1);
}

/* ---- the methods ---- */

static const method methods[GW__BALANCES] = {
    [GW__BALANCE_DECAYED] = {.weigh = decayed_weigh, .end_epoch = count_epoch},
    [GW__BALANCE_UNCERTAINTY] = {.weigh = uncertainty_weigh, .learn = uncertainty_learn},
    [GW__BALANCE_DWA] = {.weigh = dwa_weigh, .end_epoch = dwa_end_epoch},
    [GW__BALANCE_RANDOM] = {.weigh = random_weigh},
    [GW__BALANCE_FAMO] = {.needs = GW__BALANCE_LOSSES, .weigh_losses = famo_weigh_losses, .look_back = famo_look_back},
    [GW__BALANCE_GRADNORM] = {.needs = GW__BALANCE_GRADIENTS, .value = 1, .weigh = value_weigh, .learn = gradnorm_learn},
    [GW__BALANCE_PCGRAD] = {.needs = GW__BALANCE_GRADIENTS, .combine = gw__combine_pcgrad},
    [GW__BALANCE_MGDA] = {.needs = GW__BALANCE_GRADIENTS, .combine = gw__combine_mgda},
    [GW__BALANCE_CAGRAD] = {.needs = GW__BALANCE_GRADIENTS, .combine = gw__combine_cagrad},
    [GW__BALANCE_IMTL] = {.needs = GW__BALANCE_GRADIENTS, .weigh = imtl_weigh, .combine = gw__combine_imtl, .learn = imtl_learn},
    [GW__BALANCE_NASH] = {.needs = GW__BALANCE_GRADIENTS, .combine = gw__combine_nash},
};

/* ---- plan ---- */

/* All arrays stand in one block, one after another. */
static void lay_out(gw__balance *b) {
    double *at = b->block;
    const size_t n = b->n;
    for (size_t i = 0; i < STATES; i++, at += n) b->state[i] = at;
    double **const vectors[] = {&b->active, &b->factor, &b->loss, &b->alpha, &b->shares, &b->losses};
    for (size_t i = 0; i < GW__COUNT(vectors); i++, at += n) *vectors[i] = at;
    b->gram = at;
    b->apart = at + n * n;
    b->work = at + 2 * n * n;
}

gw_status gw__balance_new(const gw__spec *spec, gw__balance **ret_balance, gw_error *err) {
    const size_t n = spec->n_tasks, n_doubles = (STATES + 6) * n + 2 * n * n + gw__combination_work(n); /* at most 1024 tasks: no overflow */
    if (!spec->train.balance.on) return GW_OK;
    gw__balance *b = gw__aligned_alloc(sizeof *b + n_doubles * sizeof(double), 1);
    if (!b) return gw__fail_nomem(err);
    *b = (gw__balance){.spec = &spec->train.balance, .tasks = spec->tasks, .method = &methods[spec->train.balance.method], .n = n, .seed = spec->train.seed};
    lay_out(b);
    for (size_t k = 0; k < n; k++) b->state[VALUE][k] = b->method->value;
    *ret_balance = b;
    return GW_OK;
}

void gw__balance_free(gw__balance *balance) { gw__aligned_free(balance); }

gw__balance_needs gw__balance_need(const gw__balance *balance) { return balance ? balance->method->needs : GW__BALANCE_BEFORE; }

/* ---- a step ---- */

static void put_weights(const gw__balance *b, double *ret_weights) {
    for (size_t k = 0; k < b->n; k++) ret_weights[k] = b->tasks[k].weight * b->factor[k];
}

void gw__balance_begin(gw__balance *b, uint64_t step, const double *task_total, double *ret_weights) {
    b->step = step;
    for (size_t k = 0; k < b->n; k++) {
        b->active[k] = task_total[k] > 0 && b->tasks[k].weight > 0;
        b->factor[k] = 1;
    }
    if (b->method->weigh) b->method->weigh(b, step);
    for (size_t k = 0; k < b->n; k++) b->alpha[k] = 1;
    put_weights(b, ret_weights);
}

void gw__balance_see(gw__balance *b, const double *task_loss, double *ret_weights) {
    for (size_t k = 0; k < b->n; k++) b->loss[k] = b->tasks[k].weight * task_loss[k];
    if (!b->method->weigh_losses) return;
    b->method->weigh_losses(b);
    for (size_t k = 0; k < b->n; k++) b->alpha[k] = 1;
    put_weights(b, ret_weights);
}

static bool all_finite(size_t n, const double *values) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return false;
    return true;
}

#define NEGLIGIBLE 1e-12 /* of the longest gradient */

/* A gradient of 0 says nothing, and every method would have to look out for it. One next to 0, as that of a task that is learned by heart, says no more,
 * but methods divide by its length: made as long as the others it would be rounding, and its coefficient too large for a float in the end. */
static bool takes_part(const gw__balance *b, size_t k) {
    double longest = 0;
    for (size_t m = 0; m < b->n; m++) longest = fmax(longest, b->gram[m * b->n + m]);
    return b->gram[k * b->n + k] > NEGLIGIBLE * NEGLIGIBLE * longest;
}

/* The Gram matrix and losses of those that take part; how many. */
static size_t take_apart(gw__balance *b) {
    size_t n = 0;
    double *to = b->apart;
    for (size_t k = 0; k < b->n; k++) {
        if (!takes_part(b, k)) continue;
        for (size_t m = 0; m < b->n; m++)
            if (takes_part(b, m)) *to++ = b->gram[k * b->n + m];
        b->losses[n++] = b->loss[k];
    }
    return n;
}

/* A gradient that is not finite makes the step what it would be without balancing, for the loop to find out. */
const double *gw__balance_combine(gw__balance *b, const double *gram) {
    memcpy(b->gram, gram, b->n * b->n * sizeof *b->gram);
    if (!b->method->combine || !all_finite(b->n * b->n, gram)) return b->alpha;
    const gw__combination in = {.n = take_apart(b), .gram = b->apart, .loss = b->losses, .spec = b->spec, .work = b->work,
                                .random = gw__random_bits(b->seed, GW__RANDOM_BALANCE, b->step, 0)};
    if (in.n > 0) b->method->combine(&in, b->shares);
    if (!all_finite(in.n, b->shares)) return b->alpha;
    for (size_t k = 0, i = 0; k < b->n; k++) b->alpha[k] = takes_part(b, k) ? b->shares[i++] : 0;
    return b->alpha;
}

void gw__balance_learn(gw__balance *b) {
    for (size_t k = 0; k < b->n; k++) {
        if (!b->active[k]) continue;
        b->state[SUM][k] += b->factor[k] * b->alpha[k];
        b->state[STEPS][k] += 1;
    }
    if (b->method->learn) b->method->learn(b);
}

bool gw__balance_looks_back(const gw__balance *balance) { return balance && balance->method->look_back; }

void gw__balance_look_back(gw__balance *b, const double *task_loss) {
    for (size_t k = 0; k < b->n; k++) b->shares[k] = b->tasks[k].weight * task_loss[k];
    if (all_finite(b->n, b->shares)) b->method->look_back(b, b->shares);
}

/* ---- an epoch ---- */

void gw__balance_end_epoch(gw__balance *b, const double *loss_sums, const int64_t *loss_rows) {
    if (b->method->end_epoch) b->method->end_epoch(b, loss_sums, loss_rows);
    memset(b->state[SUM], 0, b->n * sizeof(double));
    memset(b->state[STEPS], 0, b->n * sizeof(double));
}

double gw__balance_mean_factor(const gw__balance *b, size_t task) {
    return b->state[STEPS][task] > 0 ? b->state[SUM][task] / b->state[STEPS][task] : NAN;
}

/* ---- state ---- */

#define STATE_ROW(name, word, least) {word, least},
static const struct { const char *name; double least; } states[STATES] = {STATE_ROSTER(STATE_ROW)};

size_t gw__balance_state_count(void) { return STATES; }
const char *gw__balance_state_name(size_t i) { return states[i].name; }
double *gw__balance_state_at(gw__balance *balance, size_t i) { return balance->state[i]; }
/* No count is so large that it could not be counted on. */
bool gw__balance_state_fits(size_t i, double value) { return isfinite(value) && value >= states[i].least && (i != COUNT || value < 0x1p53); }
