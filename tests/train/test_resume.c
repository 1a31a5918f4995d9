/* A run that was stopped and resumed ends with the same bytes as one that was not. */
#include "testing.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "small_run.h"
#include "train/run.h"

#define SPEC(train)                                                                                                          \
    "data: {train: t.csv, valid: {fraction: 0.2}}\n"                                                                         \
    "tasks:\n  click: binary\n  buy: {type: binary, given: click}\n  price: {type: regression}\n  kind: {type: multiclass}\n" \
    "features: {ignore: [part], columns: {c: {type: categorical, dim: 3}, user: {type: hashed, buckets: 16, dim: 2}}}\n"     \
    "model: {architecture: cgc, experts: {shared: 2, per_task: 1, hidden: [8], dropout: 0.2, norm: batch}, towers: {hidden: [4]}}\n" \
    "train: {seed: 7, batch: 32, " train "}\n"

static const char plain[] = SPEC("epochs: 6, checkpoint: {every: 5}");

static gw_status train_quietly(small_run run) {
    gw_error err = {0};
    gw_status status = train_small(&run, NULL, &err);
    if (status != GW_OK) fprintf(stderr, "%s: %s\n", err.where, err.message);
    return status;
}

static void assert_fails(small_run run, gw_status expected, const char *part) {
    gw_error err = {0};
    gw_status status = train_small(&run, NULL, &err);
    if (status != expected || !strstr(err.message, part))
        fail_msg("expected %d with '%s' but found %d: %s: %s", expected, part, status, err.where, err.message);
}

/* ---- kill -9 ---- */

static pid_t start(small_run run) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) _exit(train_quietly(run) == GW_OK ? 0 : 1);
    assert_true(child > 0);
    return child;
}

/* How the child ended: by itself, or killed when its time was over. */
static int wait_or_kill(pid_t child, double until) {
    int ended = 0;
    while (waitpid(child, &ended, WNOHANG) == 0) {
        if (gw__clock() >= until) kill(child, SIGKILL);
        usleep(200);
    }
    return ended;
}

/* Train `spec` into m.gw with kills at pseudo-random moments; the number of kills. */
static size_t train_with_kills(const char *spec, double whole_seconds, uint64_t seed) {
    size_t kills = 0;
    for (uint64_t attempt = 0; attempt < 400; attempt++) {
        bool resumable = file_exists("m.gw.ckpt");
        pid_t child = start((small_run){.spec = spec, .model_path = "m.gw", .resume_path = resumable ? "m.gw.ckpt" : NULL, .threads = 1 + attempt % 3});
        double wait = gw__random_uniform(seed, GW__RANDOM_SYNTH, 0, attempt) * whole_seconds * (1 + (double)attempt / 40);
        int ended = wait_or_kill(child, gw__clock() + wait);
        if (WIFEXITED(ended)) {
            assert_int_equal(WEXITSTATUS(ended), 0);
            return kills;
        }
        kills++;
    }
    fail_msg("never finished");
    return kills;
}

static void kill_and_compare(const char *spec, uint64_t seed) {
    double began = gw__clock();
    assert_int_equal(train_quietly((small_run){.spec = spec, .model_path = "whole.gw"}), GW_OK);
    double seconds = gw__clock() - began;
    size_t kills = 0;
    for (uint64_t round = 0; round < 40 && kills < 2; round++) {
        unlink("m.gw");
        unlink("m.gw.ckpt");
        size_t more = train_with_kills(spec, seconds, seed + 100 * round);
        assert_same_files("whole.gw", "m.gw");
        kills += more;
        if (more == 0) seconds /= 2; /* the first run was slower than these: kill earlier */
    }
    assert_true(kills >= 2);
}

static void killed_anywhere(void **state) {
    (void)state;
    write_table("t.csv", 700, 1);
    kill_and_compare(plain, 1);
    kill_and_compare(SPEC("epochs: 6, checkpoint: {every: epoch}, shuffle: false"), 2);
    kill_and_compare(SPEC("epochs: 1, checkpoint: {every: 1}, schedule: {name: cosine, warmup: 1}"), 3);
}

static void killed_with_every_optimizer(void **state) {
    (void)state;
    write_table("t.csv", 700, 2);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, optimizer: {name: sgd, lr: 0.01, momentum: 0.9, nesterov: true}"), 4);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, optimizer: {name: adamw, lazy: false}"), 5);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, optimizer: {name: adagrad}, clip: {norm: 0.5}, l2: 0.001"), 6);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, optimizer: {name: adam, embeddings: {name: rowwise-adagrad, lr: 0.05}}"), 8);
}

static void killed_with_early_stopping(void **state) {
    (void)state;
    write_table("t.csv", 700, 3);
    kill_and_compare(SPEC("epochs: 40, checkpoint: {every: 11}, early_stop: {metric: click.loss, patience: 3}, optimizer: {name: adam, lr: 0.01}"), 7);
}

static void killed_with_balancing(void **state) {
    (void)state;
    write_table("t.csv", 700, 9);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, balance: uncertainty"), 9);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, balance: gradnorm"), 10);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, balance: pcgrad"), 11);
    kill_and_compare(SPEC("epochs: 4, checkpoint: {every: 7}, balance: famo"), 12);
}

/* Every method, from an epoch's end; and what it tells of the tasks' weights is the same, too. */
static void resumed_with_every_balance(void **state) {
    (void)state;
    static const char *const balances[] = {
        "train.balance=fixed", "train.balance={method: decayed, gamma: 0.9}", "train.balance=uncertainty", "train.balance=dwa", "train.balance=gradnorm",
        "train.balance=pcgrad", "train.balance=mgda", "train.balance=cagrad", "train.balance=imtl", "train.balance=nash", "train.balance=famo",
        "train.balance=random"};
    _Static_assert(GW__COUNT(balances) == GW__BALANCES, "every method");
    write_table("t.csv", 300, 10);
    for (size_t i = 0; i < GW__COUNT(balances); i++) {
        gw_error err = {0};
        story whole = {0}, s = {.cancel_after_epochs = 3};
        assert_int_equal(train_quietly((small_run){.spec = plain, .overrides = {balances[i]}, .model_path = "whole.gw", .story = &whole}), GW_OK);
        small_run run = {.spec = plain, .overrides = {balances[i]}, .model_path = "m.gw", .threads = 2, .story = &s};
        assert_int_equal(train_small(&run, NULL, &err), GW_E_CANCELED);
        story_clear(&s);
        run.resume_path = "m.gw.ckpt";
        run.threads = 3;
        assert_int_equal(train_small(&run, NULL, &err), GW_OK);
        assert_same_files("whole.gw", "m.gw");
        assert_same_files("whole.gw.ckpt", "m.gw.ckpt");
        for (size_t e = 0; e < 3; e++) {
            char *a = json_at(whole.epochs[3 + e], "balance.price"), *b = json_at(s.epochs[e], "balance.price");
            assert_true((a != NULL) == (i > 0) && (b != NULL) == (i > 0));
            if (i > 0) assert_string_equal(a, b);
            free(a), free(b);
        }
        story_clear(&whole);
        story_clear(&s);
    }
}

/* ---- Ctrl-C, and after the end ---- */

static void canceled_and_resumed(void **state) {
    (void)state;
    write_table("t.csv", 400, 4);
    gw_error err = {0};
    story s = {.cancel_after_epochs = 3};
    assert_int_equal(train_quietly((small_run){.spec = plain, .model_path = "whole.gw"}), GW_OK);
    small_run run = {.spec = plain, .model_path = "m.gw", .story = &s};
    assert_int_equal(train_small(&run, NULL, &err), GW_E_CANCELED);
    story_clear(&s);
    run.resume_path = "m.gw.ckpt";
    run.threads = 2;
    assert_int_equal(train_small(&run, NULL, &err), GW_OK);
    assert_int_equal(s.n_epochs, 3);
    assert_true(json_number(s.epochs[0], "epoch") == 4);
    assert_same_files("whole.gw", "m.gw");
    story_clear(&s);
}

static volatile int *alarm_target;

static void on_alarm(int number) {
    (void)number;
    *alarm_target = 1;
}

/* Stopped wherever the alarm falls, mostly inside an epoch. */
static void canceled_anywhere(void **state) {
    (void)state;
    write_table("t.csv", 500, 8);
    assert_int_equal(train_quietly((small_run){.spec = plain, .model_path = "whole.gw"}), GW_OK);
    story s = {0};
    gw_error err = {0};
    alarm_target = &s.cancel;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    size_t canceled = 0;
    for (uint64_t round = 0; round < 100 && canceled < 4; round++) {
        gw_status status = GW_E_CANCELED;
        unlink("m.gw.ckpt");
        for (useconds_t wait = 2000 + 1700 * (useconds_t)round; status == GW_E_CANCELED; wait += 1000) {
            s.cancel = 0;
            ualarm(wait, 0);
            const char *from = file_exists("m.gw.ckpt") ? "m.gw.ckpt" : NULL;
            status = train_small(&(small_run){.spec = plain, .model_path = "m.gw", .resume_path = from, .threads = 1 + round % 2, .story = &s}, NULL, &err);
            canceled += status == GW_E_CANCELED && file_exists("m.gw.ckpt");
            ualarm(0, 0);
            story_clear(&s);
        }
        assert_int_equal(status, GW_OK);
        assert_same_files("whole.gw", "m.gw");
    }
    assert_true(canceled >= 4);
}

static void finished_and_resumed(void **state) {
    (void)state;
    write_table("t.csv", 300, 5);
    story s = {0};
    assert_int_equal(train_quietly((small_run){.spec = plain, .model_path = "m.gw"}), GW_OK);
    assert_true(file_exists("m.gw.ckpt"));
    assert_int_equal(train_quietly((small_run){.spec = plain, .model_path = "n.gw", .resume_path = "m.gw.ckpt", .story = &s}), GW_OK);
    assert_int_equal(s.n_epochs, 0);
    assert_same_files("m.gw", "n.gw");
    story_clear(&s);
    gw_model *model;
    assert_int_equal(gw__model_read("m.gw.ckpt", &model, NULL, NULL), GW_OK); /* a checkpoint is a model, too */
    gw__model_free(model);
}

static void without_checkpoints_there_is_no_file(void **state) {
    (void)state;
    write_table("t.csv", 200, 6);
    assert_int_equal(train_quietly((small_run){.spec = SPEC("epochs: 1"), .model_path = "m.gw"}), GW_OK);
    assert_false(file_exists("m.gw.ckpt"));
    story s = {0};
    assert_int_equal(train_quietly((small_run){.spec = SPEC("epochs: 1, checkpoint: {every: epoch}"), .story = &s}), GW_OK);
    assert_non_null(strstr(s.warnings, "checkpoint"));
    story_clear(&s);
}

static void refuses_another_run(void **state) {
    (void)state;
    write_table("t.csv", 300, 7);
    assert_int_equal(train_quietly((small_run){.spec = plain, .model_path = "m.gw"}), GW_OK);
    gw_error err = {0};
    small_run run = {.spec = plain, .resume_path = "m.gw.ckpt", .model_path = "n.gw"};
    static const struct { const char *override, *key; } changes[] = {
        {"train.optimizer.lr=0.5", "train.optimizer.lr"},
        {"train.epochs=9", "train.epochs"},
        {"model.towers.hidden=[5]", "model.towers.hidden[0]"},
        {"model.towers.hidden=[4,4]", "model.towers.hidden"},
        {"tasks.price.weight=2", "tasks.price.weight"},
        {"train.balance=pcgrad", "train.balance"},
    };
    for (size_t i = 0; i < GW__COUNT(changes); i++) {
        run.overrides[0] = changes[i].override;
        assert_int_equal(train_small(&run, NULL, &err), GW_E_CONFIG);
        assert_string_equal(err.where, changes[i].key);
        assert_non_null(strstr(err.message, "m.gw.ckpt"));
    }
    assert_fails((small_run){.spec = plain, .resume_path = "m.gw", .model_path = "n.gw"}, GW_E_FORMAT, "expected a checkpoint");
    write_table("t.csv", 301, 7);
    assert_fails((small_run){.spec = plain, .resume_path = "m.gw.ckpt", .model_path = "n.gw"}, GW_E_DATA, "rows but found");
    assert_false(file_exists("n.gw"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_directory, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(canceled_and_resumed), TEST(canceled_anywhere), TEST(finished_and_resumed), TEST(without_checkpoints_there_is_no_file), TEST(refuses_another_run),
        TEST(killed_anywhere), TEST(killed_with_every_optimizer), TEST(killed_with_early_stopping),
        TEST(killed_with_balancing), TEST(resumed_with_every_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
