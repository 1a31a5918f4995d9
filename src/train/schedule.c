/* Learning rates. Own arithmetic instead of libm's pow and cos: a rate decides every later bit of a model. */
#include "kern/functions.h"
#include "train/train.h"

/* sum of (-1)^k x^2k / (2k)! (even) or (-1)^k x^(2k+1) / (2k+1)!, for |x| <= pi/4: terms beyond the tenth are below rounding. */
static double circular_series(double x, int odd) {
    double sum = 0;
    for (int k = 10; k >= 1; k--) sum = (1 + sum) * -x * x / ((2 * k + odd) * (2 * k - 1 + odd));
    return (1 + sum) * (odd ? x : 1);
}

/* cos(pi x) for x in [0,1]. */
static double cos_pi(double x) {
    const double pi = 3.14159265358979323846;
    if (x > 0.5) return -cos_pi(1 - x);
    return x > 0.25 ? circular_series(pi * (0.5 - x), 1) : circular_series(pi * x, 0);
}

/* The share of the full rate after `step` steps of the schedule proper, which has `total` steps. */
static double share(const gw__train_spec *train, double step, double total, uint64_t steps_per_epoch) {
    uint64_t epoch = (uint64_t)(step / (double)steps_per_epoch);
    switch (train->schedule.kind) {
    case GW__SCHEDULE_CONSTANT: break;
    case GW__SCHEDULE_STEP: return gw__power(train->schedule.gamma, epoch / (train->schedule.every ? train->schedule.every : 1));
    case GW__SCHEDULE_EXPONENTIAL: return gw__power(train->schedule.gamma, epoch);
    case GW__SCHEDULE_COSINE: {
        double done = total > 0 && step < total ? step / total : 1;
        return train->schedule.floor + (1 - train->schedule.floor) * 0.5 * (1 + cos_pi(done));
    }
    }
    return 1;
}

double gw__schedule_lr(const gw__train_spec *train, double lr, uint64_t step, uint64_t steps_per_epoch) {
    double at = (double)step, warmup = train->schedule.warmup * (double)steps_per_epoch;
    if (at < warmup) { /* the first step already learns, the last one of the warm-up has the full rate */
        double grown = (at + 1) / warmup;
        return grown < 1 ? lr * grown : lr;
    }
    uint64_t first = (uint64_t)warmup; /* the first step at or behind the warm-up's end */
    if ((double)first < warmup) first++;
    double total = (double)train->epochs * (double)steps_per_epoch - (double)first;
    return lr * share(train, at - (double)first, total, steps_per_epoch);
}
