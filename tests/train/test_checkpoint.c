/* Checkpoints from outside: whatever was cut, altered and sealed again, resuming fails with a message or ends in a model. */
#include "testing.h"

#include <math.h>
#include <unistd.h>

#include "small_run.h"

static const char spec[] =
    "data: {train: t.csv, valid: {fraction: 0.2}}\n"
    "tasks:\n  click: binary\n  price: {type: regression}\n"
    "features: {ignore: [part, buy, kind, user], columns: {c: {type: categorical, dim: 2}, d: {transform: quantile}}}\n"
    "model: {architecture: mmoe, experts: {count: 2, hidden: [3], norm: batch}, towers: {hidden: []}}\n"
    "train: {balance: gradnorm, epochs: 3, batch: 32, checkpoint: {every: epoch}, early_stop: {metric: loss, patience: 3}, optimizer: {name: adam, lr: 0.01}}\n";

static const small_run going_on = {.spec = spec, .model_path = "n.gw", .resume_path = "bad.ckpt"};

/* A checkpoint of the second epoch in m.gw.ckpt, and the whole run's model in whole.gw. */
static int make_checkpoint(void **state) {
    if (enter_directory(state) != 0) return -1;
    gw_error err = {0};
    story s = {.cancel_after_epochs = 2};
    write_table("t.csv", 150, 9);
    gw_status whole = train_small(&(small_run){.spec = spec, .model_path = "whole.gw"}, NULL, &err);
    gw_status part = train_small(&(small_run){.spec = spec, .model_path = "m.gw", .story = &s}, NULL, &err);
    story_clear(&s);
    return whole == GW_OK && part == GW_E_CANCELED && file_exists("m.gw.ckpt") ? 0 : -1;
}

static void write_bytes(const char *path, const char *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void read_checkpoint(gw__container *c) {
    gw_error err = {0};
    if (gw__container_read("m.gw.ckpt", c, &err) != GW_OK) fail_msg("%s", err.message);
}

static void seal(gw__container *c) {
    gw__writer writer = {.file = fopen("bad.ckpt", "wb")}; /* not synced: this is done often */
    assert_non_null(writer.file);
    assert_int_equal(gw__container_write(c->tensors, c->n_tensors, c->metadata, c->n_metadata, true, &writer, NULL), GW_OK);
    gw__writer_cancel(&writer);
    gw__container_clear(c);
}

static gw__slice *metadata_of(gw__container *c, const char *key) {
    for (size_t i = 0; i < c->n_metadata; i++)
        if (strcmp(c->metadata[i].key, key) == 0) return &c->metadata[i].value;
    fail_msg("no metadata '%s'", key);
    return NULL;
}

static void assert_refused(const char *what, const char *part) {
    gw_error err = {0};
    gw_status status = train_small(&going_on, NULL, &err);
    if (status != GW_E_FORMAT || !strstr(err.message, part) || err.where[0] == '\0')
        fail_msg("%s: expected an error with '%s' but found %d: '%s' at '%s'", what, part, status, err.message, err.where);
    assert_false(file_exists("n.gw"));
}

static void assert_goes_on(void) {
    gw_error err = {0};
    if (train_small(&going_on, NULL, &err) != GW_OK) fail_msg("%s: %s", err.where, err.message);
    assert_same_files("whole.gw", "n.gw");
}

static void sealed_again_it_goes_on(void **state) {
    (void)state;
    gw__container c;
    read_checkpoint(&c);
    seal(&c);
    assert_same_files("m.gw.ckpt", "bad.ckpt");
    assert_goes_on();
}

static void truncated(void **state) {
    (void)state;
    size_t n;
    char *bytes = file_bytes("m.gw.ckpt", &n);
    for (size_t at = 0; at < n; at += 97) {
        write_bytes("bad.ckpt", bytes, at);
        assert_refused("truncated", "");
    }
    free(bytes);
}

/* ---- sealed, but wrong ---- */

static void every_tensor_is_needed(void **state) {
    (void)state;
    gw__container c;
    read_checkpoint(&c);
    size_t n = c.n_tensors;
    gw__container_clear(&c);
    for (size_t i = 0; i < n; i++) {
        char name[128];
        read_checkpoint(&c);
        snprintf(name, sizeof name, "%s", c.tensors[i].name);
        memmove(&c.tensors[i], &c.tensors[i + 1], (n - i - 1) * sizeof *c.tensors);
        c.n_tensors--;
        seal(&c);
        assert_refused(name, "");
    }
}

static void set_float(gw__container *c, const char *name, float value) {
    gw__tensor *tensor = (gw__tensor *)(uintptr_t)gw__container_tensor(c, name);
    if (!tensor) fail_msg("no tensor '%s'", name);
    memcpy((char *)(uintptr_t)tensor->data, &value, sizeof value); /* in the container's bytes */
}

static void no_impossible_number(void **state) {
    (void)state;
    static const struct { const char *tensor; float value; const char *part; } cases[] = {
        {"tower.click.0.bias", NAN, "not finite"},
        {"level0.expert.shared.0.0.norm.running_var", -1, "negative variance"},
        {"optimizer.exp_avg.tower.click.0.weight", INFINITY, "not finite"},
        {"optimizer.exp_avg_sq.tower.click.0.weight", -1, "negative square"},
        {"optimizer.exp_avg_sq.embedding.c.weight", -1e-30f, "negative square"},
    };
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        gw__container c;
        read_checkpoint(&c);
        set_float(&c, cases[i].tensor, cases[i].value);
        seal(&c);
        assert_refused(cases[i].tensor, cases[i].part);
    }
}

static char *replaced(gw__slice text, const char *key, const char *value) {
    char want[64];
    snprintf(want, sizeof want, "\"%s\":", key);
    const char *at = memmem(text.at, text.n, want, strlen(want)), *end = text.at + text.n, *stop;
    if (!at) fail_msg("no %s in %.*s", want, GW__SLICE_ARG(text));
    at += strlen(want);
    stop = *at == '[' ? memchr(at, ']', (size_t)(end - at)) + 1 : at;
    while (*stop != ',' && *stop != '}') stop++;
    char *out = malloc(text.n + strlen(value) + 1);
    sprintf(out, "%.*s%s%.*s", (int)(at - text.at), text.at, value, (int)(end - stop), stop);
    return out;
}

static void no_impossible_position(void **state) {
    (void)state;
    static const struct { const char *key, *value, *part; } cases[] = {
        {"epoch", "4", "'epoch'"},          {"epoch", "-1", "'epoch'"},         {"epoch", "\"2\"", "'epoch'"},
        {"epoch", "0", "'kept_epoch'"},     {"step", "4", "'step'"},            {"step", "18446744073709551615", "'step'"},
        {"kept_epoch", "0", "'kept_epoch'"}, {"kept_epoch", "3", "'kept_epoch'"}, {"waited", "3", "'waited'"},
        {"best", "true", "'best'"},         {"best", "1e999", "'best'"},        {"loss_sums", "[0]", "'loss_sums'"},
        {"loss_sums", "[0,null]", "'loss_sums'"}, {"loss_sums", "[0,[]]", "'loss_sums'"}, {"loss_rows", "[0,9223372036854775807]", "'loss_sums'"},
        {"loss_rows", "[0,-1]", "'loss_sums'"}, {"kept_is_current", "1", "'kept_is_current'"}, {"train_rows", "null", "'train_rows'"},
        {"epoch", "2,\"epoch\":2", "JSON"},
        {"value", "[1]", "'balance'"},      {"value", "[1,null]", "'balance'"}, {"square", "[0,-1e-300]", "'balance'"},
        {"count", "[-1,0]", "'balance'"},   {"count", "[0,1e300]", "'balance'"}, {"steps", "[0,\"0\"]", "'balance'"},
        {"first", "0", "'balance'"},        {"mean", "[0,0],\"more\":[0,0]", "'balance'"},
    };
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        gw__container c;
        read_checkpoint(&c);
        gw__slice *position = metadata_of(&c, GW__CHECKPOINT_KEY);
        char *text = replaced(*position, cases[i].key, cases[i].value);
        *position = gw__slice_of(text);
        seal(&c);
        free(text);
        assert_refused(cases[i].value, cases[i].part);
    }
}

static void no_impossible_text(void **state) {
    (void)state;
    static const struct { const char *key, *text; } cases[] = {
        {GW__CHECKPOINT_KEY, ""}, {GW__CHECKPOINT_KEY, "[]"}, {GW__CHECKPOINT_KEY, "{}"}, {GW__CHECKPOINT_KEY, "null"},
        {"gatewright.kept_valid", ""}, {"gatewright.kept_valid", "{}"}, {"gatewright.kept_valid", "{\"tasks\":{}}"}, {"gatewright.kept_valid", "{\"tasks\":"},
        {"gatewright.kept_valid", "{\"tasks\":{\"click\":{},\"click\":{}}}"}, {"gatewright.kept_valid", "{\"tasks\":{\"click\":{},\"price\":{\"r2\":[[1]]}}}"},
    };
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        gw__container c;
        read_checkpoint(&c);
        *metadata_of(&c, cases[i].key) = gw__slice_of(cases[i].text);
        seal(&c);
        assert_refused(cases[i].text, cases[i].key);
    }
}

/* ---- anything ---- */

static uint32_t next(uint32_t *random) {
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Change some bytes of one text or tensor. */
static void alter(gw__container *c, uint32_t *random) {
    size_t which = next(random) % (c->n_metadata + c->n_tensors);
    char *bytes = (char *)(uintptr_t)(which < c->n_metadata ? c->metadata[which].value.at : c->tensors[which - c->n_metadata].data);
    size_t n = which < c->n_metadata ? c->metadata[which].value.n : c->tensors[which - c->n_metadata].n_bytes;
    static const char digits[] = "0123456789-.e,[]{}:";
    for (uint32_t times = 1 + next(random) % 3; n > 0 && times > 0; times--) {
        char *at = &bytes[next(random) % n];
        *at = which < c->n_metadata ? digits[next(random) % (sizeof digits - 1)] : (char)next(random);
    }
}

static void assert_record(const gw_model *model, size_t round) {
    gw__arena arena = {0};
    gw__doc *doc;
    gw_error err = {0};
    if (gw__doc_parse_json(model->record.at, model->record.n, "record", &arena, &doc, &err) != GW_OK) fail_msg("round %zu: %s", round, err.message);
    gw__arena_clear(&arena);
}

static void altered_anywhere(void **state) {
    (void)state;
    uint32_t random = 1;
    size_t refused = 0, taken = 0;
    for (size_t round = 0; round < 400; round++) {
        gw__container c;
        gw_error err = {0};
        gw_model *model = NULL;
        read_checkpoint(&c);
        alter(&c, &random);
        seal(&c);
        gw_status status = train_small(&(small_run){.spec = spec, .resume_path = "bad.ckpt"}, &model, &err);
        assert_true(status == GW_OK || (err.message[0] != '\0' && status != GW_E_INTERNAL && status != GW_E_NOMEM));
        assert_true(model != NULL || status != GW_OK);
        if (model) assert_record(model, round);
        refused += status != GW_OK;
        taken += status == GW_OK;
        gw__model_free(model);
    }
    assert_true(refused > 50 && taken > 50); /* changed numbers are numbers; changed texts mostly are nothing */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_checkpoint, leave_directory)
    const struct CMUnitTest tests[] = {
        TEST(sealed_again_it_goes_on), TEST(truncated), TEST(every_tensor_is_needed), TEST(no_impossible_number), TEST(no_impossible_position),
        TEST(no_impossible_text), TEST(altered_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
