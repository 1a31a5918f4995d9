#include "train/combine.h"

#include <math.h>
#include <string.h>

#include "base/random.h"

/* ---- vectors and small systems ---- */

static double dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* ret = G x. */
static void times(size_t n, const double *g, const double *x, double *ret) {
    for (size_t i = 0; i < n; i++) ret[i] = dot(n, g + i * n, x);
}

static double length_of(const gw__combination *in, size_t i) { return sqrt(in->gram[i * in->n + i]); }

/* Cosines of the gradients, with `ridge` on the diagonal: dependent gradients make a matrix that can be solved, too, and share alike. */
static void cosines(const gw__combination *in, double ridge, double *ret) {
    const size_t n = in->n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) ret[i * n + j] = i == j ? 1 + ridge : in->gram[i * n + j] / (length_of(in, i) * length_of(in, j));
    }
}

/* Solve A x = b in place of b, A positive definite and overwritten: Cholesky. */
static void solve(size_t n, double *a, double *b) {
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = a[i * n + j] - dot(j, a + i * n, a + j * n);
            a[i * n + j] = i == j ? sqrt(sum > 1e-300 ? sum : 1e-300) : sum / a[j * n + j];
        }
    }
    for (size_t i = 0; i < n; i++) b[i] = (b[i] - dot(i, a + i * n, b)) / a[i * n + i];
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
}

/* ---- pcgrad ---- */

/* Yu et al. 2020, algorithm 1: each gradient, task by task in random order, loses what of it points against the other task's (as that one was), and the
 * results are added up. The projected gradient is kept as coefficients of the original ones. */
void gw__combine_pcgrad(const gw__combination *in, double *ret_alpha) {
    const size_t n = in->n;
    double *projected = in->work;
    memset(ret_alpha, 0, n * sizeof *ret_alpha);
    for (size_t i = 0; i < n; i++) {
        const gw__shuffle order = gw__shuffle_of(gw__random_bits(in->random, GW__RANDOM_BALANCE, 0, i), 0, n);
        memset(projected, 0, n * sizeof *projected);
        projected[i] = 1;
        for (size_t k = 0; k < n; k++) {
            const size_t j = (size_t)gw__shuffle_at(&order, k);
            const double along = dot(n, projected, in->gram + j * n);
            if (j != i && along < 0) projected[j] -= along / in->gram[j * n + j];
        }
        for (size_t j = 0; j < n; j++) ret_alpha[j] += projected[j];
    }
}

/* ---- weights on the simplex, pair by pair ---- */

/* The pair to move weight between, from `ret_from` to `ret_to`: the greatest slope among those that have weight, and the least of all. The
 * difference of both, times the weights' sum of 1, bounds how far the objective is from its least value. */
static double steepest_pair(size_t n, const double *slope, const double *w, size_t *ret_from, size_t *ret_to) {
    size_t from = n, to = 0;
    for (size_t i = 0; i < n; i++) {
        if (w[i] > 0 && (from == n || slope[i] > slope[from])) from = i;
        if (slope[i] < slope[to]) to = i;
    }
    *ret_from = from;
    *ret_to = to;
    return slope[from] - slope[to];
}

#define MOST_MOVES 2000 /* for each gradient */
#define CLOSE 1e-9      /* of the objective */

/* Move `amount` of weight and follow with v = G w. */
static void move(size_t n, const double *g, size_t from, size_t to, double amount, double *w, double *v) {
    w[from] = amount < w[from] ? w[from] - amount : 0;
    w[to] += amount;
    for (size_t k = 0; k < n; k++) v[k] += amount * (g[to * n + k] - g[from * n + k]);
}

/* The squared length of g_to - g_from. */
static double pair_square(size_t n, const double *g, size_t from, size_t to) {
    const double square = g[to * n + to] + g[from * n + from] - 2 * g[to * n + from];
    return square > 0 ? square : 0;
}

static void even(size_t n, double *w) {
    for (size_t i = 0; i < n; i++) w[i] = 1 / (double)n;
}

/* ---- mgda ---- */

static double mgda_divisor(const gw__combination *in, size_t i) {
    const double loss = in->loss[i] > 1e-12 ? in->loss[i] : 1e-12;
    switch (in->spec->normalise) {
    case GW__BALANCE_NORM_LENGTH: return length_of(in, i);
    case GW__BALANCE_NORM_LOSS: return loss;
    case GW__BALANCE_NORM_BOTH: return loss * length_of(in, i);
    case GW__BALANCE_NORM_NONE: break;
    }
    return 1;
}

/* Désidéri 2012, Sener & Koltun 2018: the shortest vector in the convex hull, min |sum of w_k g_k|^2, w >= 0, sum of w 1. Weight moves between the
 * pair with the steepest slope, by the exact amount (with two gradients that is the closed form), where Frank-Wolfe moves all weights at once
 * and zigzags. */
void gw__combine_mgda(const gw__combination *in, double *ret_alpha) {
    const size_t n = in->n;
    double *g = in->work, *v = g + n * n;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) g[i * n + j] = in->gram[i * n + j] / (mgda_divisor(in, i) * mgda_divisor(in, j));
    }
    even(n, ret_alpha);
    times(n, g, ret_alpha, v);
    for (size_t moves = 0; moves < MOST_MOVES * n; moves++) {
        size_t from, to;
        const double slope = steepest_pair(n, v, ret_alpha, &from, &to), square = pair_square(n, g, from, to);
        if (slope <= CLOSE * dot(n, ret_alpha, v) || square == 0) break;
        const double best = slope / square;
        move(n, g, from, to, best < ret_alpha[from] ? best : ret_alpha[from], ret_alpha, v);
    }
}

/* ---- cagrad ---- */

/* The least value of a x + k sqrt(q + 2 b x + p x^2) over x in [0, most]: with u = p x + b and D = p q - b^2 the slope is 0 at
 * u = -a sqrt(D / (k^2 p - a^2)), and where there is no such point the slope has one sign. */
static double cagrad_amount(double a, double k, double p, double b, double q, double most) {
    const double rest = p * q - b * b, room = k * k * p - a * a;
    if (!(room > 0)) return a < 0 ? most : 0;
    const double x = (-a * sqrt((rest > 0 ? rest : 0) / room) - b) / p;
    return x > most ? most : x > 0 ? x : 0;
}

#define CAGRAD_SMOOTH 1e-12 /* of the gradients' mean square */

/* Liu et al. 2021: the d within c |g_0| of the mean gradient g_0 for which the worst <g_k, d> is best. By duality
 *   d = g_0 + c |g_0| g_w / |g_w|,  g_w = sum of w_k g_k with w on the simplex for which <g_w, g_0> + c |g_0| |g_w| is least.
 * Where tasks cannot all gain, g_w vanishes and its direction is what counts; so |g_w| stands for sqrt(|g_w|^2 + a little), which is smooth. */
void gw__combine_cagrad(const gw__combination *in, double *ret_alpha) {
    const size_t n = in->n;
    const double *g = in->gram;
    double *mean = in->work, *w = mean + n, *v = w + n, *slope = v + n, smooth = 0; /* mean: <g_k, g_0> */
    even(n, w);
    times(n, g, w, mean);
    memcpy(v, mean, n * sizeof *v);
    for (size_t i = 0; i < n; i++) smooth += CAGRAD_SMOOTH / (double)n * g[i * n + i];
    const double k = in->spec->c * sqrt(fmax(dot(n, w, mean), 0));
    double q = fmax(dot(n, w, v), 0) + smooth;
    for (size_t moves = 0; moves < MOST_MOVES * n; moves++) {
        size_t from, to;
        for (size_t i = 0; i < n; i++) slope[i] = mean[i] + k * v[i] / sqrt(q);
        const double steepness = steepest_pair(n, slope, w, &from, &to), p = pair_square(n, g, from, to);
        if (steepness <= CLOSE * (fabs(dot(n, w, mean)) + k * sqrt(q)) || p == 0) break;
        move(n, g, from, to, cagrad_amount(mean[to] - mean[from], k, p, v[to] - v[from], q, w[from]), w, v);
        q = fmax(dot(n, w, v), 0) + smooth;
    }
    for (size_t i = 0; i < n; i++) ret_alpha[i] = 1 / (double)n + k / sqrt(q) * w[i];
}

/* ---- imtl ---- */

#define IMTL_RIDGE 1e-8
#define IMTL_LEAST 0.1 /* of the sum of magnitudes, so that coefficients of both signs do not blow up */

/* Liu et al. 2021 (IMTL-G): d whose projections onto all g_k / |g_k| are equal, with coefficients that add up to 1. With beta_k = alpha_k |g_k| the
 * projections are C beta, C the cosines: so beta is C^-1 1 times a number. */
void gw__combine_imtl(const gw__combination *in, double *ret_alpha) {
    const size_t n = in->n;
    double sum = 0, magnitudes = 0;
    cosines(in, IMTL_RIDGE, in->work);
    for (size_t i = 0; i < n; i++) ret_alpha[i] = 1;
    solve(n, in->work, ret_alpha);
    for (size_t i = 0; i < n; i++) {
        ret_alpha[i] /= length_of(in, i);
        sum += ret_alpha[i];
        magnitudes += fabs(ret_alpha[i]);
    }
    if (!(sum > IMTL_LEAST * magnitudes)) sum = IMTL_LEAST * magnitudes;
    for (size_t i = 0; i < n; i++) ret_alpha[i] /= sum;
}

/* ---- nash ---- */

#define NASH_RIDGE 1e-6
#define NASH_CLOSE 1e-12
#define MOST_NEWTON_STEPS 100

/* One step of Newton's method for C x = 1 / x, x > 0, which is where x'C x / 2 - sum of log x is least: self-concordant, so that steps damped by their
 * own length converge from anywhere and stay above 0. Returns that length. */
static double newton_step(size_t n, const double *c, double *x, double *hessian, double *step) {
    memcpy(hessian, c, n * n * sizeof *hessian);
    times(n, c, x, step);
    double *residual = step + n;
    for (size_t i = 0; i < n; i++) {
        hessian[i * n + i] += 1 / (x[i] * x[i]);
        residual[i] = step[i] = 1 / x[i] - step[i];
    }
    solve(n, hessian, step);
    const double square = dot(n, residual, step), length = sqrt(square > 0 ? square : 0), damping = length > 0.25 ? 1 / (1 + length) : 1;
    for (size_t i = 0; i < n; i++) x[i] += damping * step[i];
    return length;
}

/* Navon et al. 2022: the bargaining solution, G alpha = 1 / alpha with alpha > 0. In units of the lengths, x_k = alpha_k |g_k|, G becomes the
 * cosines. The length of that direction is sqrt(n) whatever the gradients are, so, as the authors' code does, it is scaled by the root of
 * G's norm, and then cut to max_norm. */
void gw__combine_nash(const gw__combination *in, double *ret_alpha) {
    const size_t n = in->n;
    double *c = in->work, *hessian = c + n * n, *step = hessian + n * n;
    cosines(in, NASH_RIDGE, c);
    for (size_t i = 0; i < n; i++) ret_alpha[i] = 1 / sqrt((double)n);
    for (size_t i = 0; i < MOST_NEWTON_STEPS && newton_step(n, c, ret_alpha, hessian, step) > NASH_CLOSE; i++) {}
    for (size_t i = 0; i < n; i++) ret_alpha[i] /= length_of(in, i);
    times(n, in->gram, ret_alpha, step);
    const double scale = sqrt(sqrt(dot(n * n, in->gram, in->gram))), length = scale * sqrt(fmax(dot(n, ret_alpha, step), 0));
    const double most = in->spec->max_norm, cut = most > 0 && length > most ? most / length : 1;
    for (size_t i = 0; i < n; i++) ret_alpha[i] *= scale * cut;
}
