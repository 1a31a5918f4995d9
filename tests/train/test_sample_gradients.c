/* The tasks' gradients on a sample of rows: cosines that are known, and a sample that nothing later notices. */
#include "testing.h"

#include <math.h>

#include "made_net.h"
#include "train/task_gradients.h"
#include "train/trainer.h"

/* Two tasks whose labels are y and `factor` y, or a label that has nothing to do with it. */
static void write_pair(double factor) {
    FILE *f = fopen("t.csv", "w");
    fputs("x,z,y,w\n", f);
    for (size_t i = 0; i < 120; i++) {
        const double x = sin((double)i), z = cos(0.7 * (double)i);
        fprintf(f, "%.6f,%.6f,%.6f,%.6f\n", x, z, x + z, factor * (x + z));
    }
    assert_int_equal(fclose(f), 0);
}

/* An expert that gives 0, and towers w: a task's gradient of the expert's output is -2 label w / rows. */
static double cosine_of_gradients(double factor, const char *train, const float *tower_y, const float *tower_w, size_t threads, double ret_gram[4]) {
    char text[512];
    made m;
    gw__trainer *trainer = NULL;
    gw__task_gradients *gradients = NULL;
    uint64_t rows[100];
    gw_error err = {0};
    const float none[8] = {0};
    write_pair(factor);
    snprintf(text, sizeof text, "data: {train: t.csv}\nfeatures: {default: {type: numeric, transform: none}}\ntasks: {y: regression, w: regression}\n"
             "model: {architecture: shared-bottom, experts: {hidden: [2], activation: none}, towers: {hidden: []}}\ntrain: {%s}\n", train);
    make(&m, text, threads);
    set(&m, "level0.expert.shared.0.0.weight", none);
    set(&m, "level0.expert.shared.0.0.bias", none);
    set(&m, "tower.y.0.weight", tower_y);
    set(&m, "tower.y.0.bias", none);
    set(&m, "tower.w.0.weight", tower_w);
    set(&m, "tower.w.0.bias", none);
    assert_int_equal(gw__trainer_new(m.net, m.spec, &m.data.train, m.spec->train.batch, m.pool, &trainer, &err), GW_OK);
    memcpy(gw__trainer_parameters(trainer), m.flat, gw__net_parameter_floats(m.net) * sizeof(float));
    gradients = gw__trainer_apart(trainer);
    gw__task_gradients *own = NULL;
    if (!gradients) assert_int_equal(gw__task_gradients_new(m.net, 0, m.pool, &own, &err), GW_OK);
    for (size_t i = 0; i < 100; i++) rows[i] = i;
    gw__trainer_sample_gradients(trainer, rows, 100, gradients ? gradients : own);
    memcpy(ret_gram, gw__task_gradients_gram(gradients ? gradients : own), 4 * sizeof *ret_gram);
    gw__task_gradients_free(own);
    gw__trainer_free(trainer);
    unmake(&m);
    return ret_gram[1] / sqrt(ret_gram[0] * ret_gram[3]);
}

static void known_conflict(void **state) {
    (void)state;
    const float along[] = {1, 0}, across[] = {0, 1};
    double gram[4];
    static const char *const trains[] = {"batch: 100", "batch: 32", "batch: 100, balance: pcgrad", "batch: 17, balance: famo"};
    for (size_t i = 0; i < GW__COUNT(trains); i++) {
        assert_near(cosine_of_gradients(-1, trains[i], along, along, 2, gram), -1, 1e-6);
        assert_near(cosine_of_gradients(2, trains[i], along, along, 1, gram), 1, 1e-6);
        assert_near(gram[3] / gram[0], 4, 1e-5);
        assert_near(cosine_of_gradients(1, trains[i], along, across, 1, gram), 0, 1e-6);
        double more[4];
        cosine_of_gradients(1, trains[i], along, along, 1, gram);
        for (size_t threads = 2; threads <= 5; threads += threads == 3 ? 2 : 1) {
            cosine_of_gradients(1, trains[i], along, along, threads, more);
            assert_memory_equal(more, gram, sizeof gram);
        }
    }
}

/* What gates have for losses of their own is no task's. */
static void gates_losses_are_no_tasks(void **state) {
    (void)state;
    static const char *const gates[] = {"balance: {z: 1e-9}", "balance: {importance: 3, z: 2}", "top_k: 2, noise: true",
                                        "top_k: 2, noise: true, balance: {importance: 2, load: 3, even: 1, z: 1}"};
    double grams[GW__COUNT(gates)][4];
    write_table("t.csv", 200, 4);
    for (size_t i = 0; i < GW__COUNT(gates); i++) {
        char text[512];
        made m;
        gw__trainer *trainer = NULL;
        gw__task_gradients *gradients = NULL;
        uint64_t rows[128];
        gw__step_result result;
        snprintf(text, sizeof text, "data: {train: t.csv}\nfeatures: {ignore: [user, part, kind, buy]}\ntasks: {click: binary, price: regression}\n"
                 "model: {architecture: omoe, experts: {count: 4, hidden: [5]}, gates: {%s}}\ntrain: {batch: 64}\n", gates[i]);
        make(&m, text, 2);
        assert_int_equal(gw__trainer_new(m.net, m.spec, &m.data.train, 64, m.pool, &trainer, NULL), GW_OK);
        assert_int_equal(gw__task_gradients_new(m.net, 0, m.pool, &gradients, NULL), GW_OK);
        memcpy(gw__trainer_parameters(trainer), m.flat, gw__net_parameter_floats(m.net) * sizeof(float));
        for (size_t r = 0; r < 128; r++) rows[r] = r;
        gw__trainer_step(trainer, rows, 64, (gw__rates){0, 0}, &result); /* the gates' sums of a batch are there */
        gw__trainer_sample_gradients(trainer, rows, 128, gradients);
        memcpy(grams[i], gw__task_gradients_gram(gradients), sizeof grams[i]);
        gw__task_gradients_free(gradients);
        gw__trainer_free(trainer);
        unmake(&m);
        for (size_t k = 0; k < 4; k++) assert_near(grams[i][k], grams[i / 2 * 2][k], 1e-5 * fabs(grams[i / 2 * 2][k]));
    }
}

/* Not a bit of a later step. */
static void sampling_changes_nothing(void **state) {
    (void)state;
    static const char *const trains[] = {"batch: 50", "batch: 50, balance: pcgrad", "batch: 50, balance: gradnorm", "batch: 50, balance: famo", "batch: 50, clip: 1"};
    write_table("t.csv", 150, 4);
    for (size_t i = 0; i < GW__COUNT(trains); i++) {
        char text[700];
        made m;
        gw__trainer *trainers[2];
        gw__task_gradients *own = NULL;
        uint64_t rows[150];
        gw__step_result result;
        snprintf(text, sizeof text, "data: {train: t.csv}\nfeatures: {ignore: [user, part], columns: {c: {type: categorical, dim: 3}}}\n"
                 "tasks: {click: binary, kind: multiclass}\n"
                 "model: {architecture: ple, experts: {shared: 1, per_task: 1, hidden: [5], norm: batch, dropout: 0.2}, gates: {weight_dropout: 0.2}}\n"
                 "train: {%s}\n", trains[i]);
        make(&m, text, 3);
        for (size_t r = 0; r < 150; r++) rows[r] = r;
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(gw__trainer_new(m.net, m.spec, &m.data.train, 50, m.pool, &trainers[k], NULL), GW_OK);
            memcpy(gw__trainer_parameters(trainers[k]), m.flat, gw__net_parameter_floats(m.net) * sizeof(float));
        }
        assert_int_equal(gw__task_gradients_new(m.net, 0, m.pool, &own, NULL), GW_OK);
        for (size_t step = 0; step < 6; step++) {
            for (size_t k = 0; k < 2; k++) gw__trainer_step(trainers[k], rows + step % 3 * 50, 50, (gw__rates){0.01, 0.01}, &result);
            gw__task_gradients *apart = gw__trainer_apart(trainers[1]);
            gw__trainer_sample_gradients(trainers[1], rows, 130, apart ? apart : own);
        }
        gw__gate_total a, b;
        assert_memory_equal(gw__trainer_parameters(trainers[0]), gw__trainer_parameters(trainers[1]), gw__net_parameter_floats(m.net) * sizeof(float));
        assert_true(gw__trainer_gate_total(trainers[0], 0, &a) && gw__trainer_gate_total(trainers[1], 0, &b));
        assert_true(a.rows == b.rows && a.weights[0] == b.weights[0]);
        gw__task_gradients_free(own);
        for (size_t k = 0; k < 2; k++) gw__trainer_free(trainers[k]);
        unmake(&m);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {TEST(known_conflict), TEST(gates_losses_are_no_tasks), TEST(sampling_changes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
