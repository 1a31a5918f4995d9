#include "testing.h"

#include <math.h>

#include "train/train.h"

static gw__train_spec spec_of(gw__schedule_kind kind) {
    gw__train_spec train = {.epochs = 10, .optimizer = {.lr = 0.5}};
    train.schedule.kind = kind;
    train.schedule.gamma = 0.1;
    train.schedule.every = 3;
    return train;
}

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-15)) fail_msg("expected %.17g but found %.17g", expected, got);
}

static void constant(void **state) {
    (void)state;
    gw__train_spec train = spec_of(GW__SCHEDULE_CONSTANT);
    for (uint64_t step = 0; step < 100; step++) assert_near(gw__schedule_lr(&train, 0.5, step, 7), 0.5);
}

static void by_epochs(void **state) {
    (void)state;
    gw__train_spec step = spec_of(GW__SCHEDULE_STEP), exponential = spec_of(GW__SCHEDULE_EXPONENTIAL);
    for (uint64_t i = 0; i < 70; i++) {
        assert_near(gw__schedule_lr(&step, 0.5, i, 7), 0.5 * pow(0.1, (double)(i / 7 / 3)));
        assert_near(gw__schedule_lr(&exponential, 0.5, i, 7), 0.5 * pow(0.1, (double)(i / 7)));
    }
}

static void cosine(void **state) {
    (void)state;
    gw__train_spec train = spec_of(GW__SCHEDULE_COSINE);
    train.schedule.floor = 0.2;
    for (uint64_t i = 0; i <= 70; i++)
        assert_near(gw__schedule_lr(&train, 0.5, i, 7), 0.5 * (0.2 + 0.8 * 0.5 * (1 + cos(M_PI * (double)i / 70))));
    assert_near(gw__schedule_lr(&train, 0.5, 1000, 7), 0.1);
}

static void warmup(void **state) {
    (void)state;
    gw__train_spec train = spec_of(GW__SCHEDULE_STEP);
    train.schedule.every = 1;
    train.schedule.warmup = 1.5;
    for (uint64_t i = 0; i < 6; i++) assert_near(gw__schedule_lr(&train, 0.5, i, 4), 0.5 * (double)(i + 1) / 6);
    for (uint64_t i = 6; i < 10; i++) assert_near(gw__schedule_lr(&train, 0.5, i, 4), 0.5);
    assert_near(gw__schedule_lr(&train, 0.5, 10, 4), 0.05);
    train.schedule.warmup = 0.3; /* 1.2 steps: the second one has the full rate */
    assert_near(gw__schedule_lr(&train, 0.5, 0, 4), 0.5 / 1.2);
    assert_near(gw__schedule_lr(&train, 0.5, 1, 4), 0.5);
    assert_near(gw__schedule_lr(&train, 0.5, 5, 4), 0.5);
    assert_near(gw__schedule_lr(&train, 0.5, 6, 4), 0.05);
}

static void warmup_then_cosine(void **state) {
    (void)state;
    gw__train_spec train = spec_of(GW__SCHEDULE_COSINE);
    train.schedule.warmup = 2;
    assert_near(gw__schedule_lr(&train, 0.5, 13, 7), 0.5);
    for (uint64_t i = 14; i < 70; i++) assert_near(gw__schedule_lr(&train, 0.5, i, 7), 0.25 * (1 + cos(M_PI * (double)(i - 14) / 56)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant), cmocka_unit_test(by_epochs), cmocka_unit_test(cosine),
        cmocka_unit_test(warmup),   cmocka_unit_test(warmup_then_cosine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
