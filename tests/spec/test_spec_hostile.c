/* Specs cut short, altered or starved of memory: a status and a place, never a crash. Run under the sanitizers, too. */
#include "testing.h"

#include "fail_alloc.h"
#include "specs.h"

/* A spec that parses is canonical after one round; one that does not has a message and a place. */
static void try_text(const char *text, size_t n, const char *name) {
    gw__spec *spec = NULL;
    gw_error err = {0};
    gw_status status = gw__spec_parse(text, n, name, NULL, 0, &spec, &err);
    if (status == GW_OK) {
        char *json = canonical_of(spec);
        gw__spec *again = NULL;
        assert_int_equal(gw__spec_restore(json, strlen(json), "stored", &again, NULL), GW_OK);
        free(json);
        gw__spec_free(again);
        gw__spec_free(spec);
        return;
    }
    assert_true(status == GW_E_CONFIG || status == GW_E_IO); /* E_IO: an altered header may name a file */
    assert_int_equal(err.code, status);
    assert_int_not_equal(err.message[0], '\0');
    assert_int_not_equal(err.where[0], '\0');
    assert_null(spec);
}

/* Exactly n bytes, so that the sanitizers see a read beyond them. */
static void try_bytes(const char *text, size_t n, const char *name) {
    char *exact = malloc(n + (n == 0));
    assert_non_null(exact);
    memcpy(exact, text, n);
    try_text(exact, n, name);
    free(exact);
}

static char *every_key_json(void) {
    gw__spec *spec = spec_of(every_key);
    char *json = complete_of(spec);
    gw__spec_free(spec);
    return json;
}

static void test_cut_short(void **state) {
    for (size_t n = 0; n <= strlen(every_key); n++) try_bytes(every_key, n, "s.yaml");
    char *json = every_key_json();
    for (size_t n = 0; n <= strlen(json); n++) try_bytes(json, n, "s.json");
    free(json);
}

static void alter_each(const char *text, const char *name) {
    static const char bytes[] = {0, '\n', ' ', '"', '\'', ':', ',', '[', '{', '}', ']', '-', '&', '*', '!', '\\', '0', '9', 'e', '\t', (char)0x80, (char)0xFF};
    size_t n = strlen(text);
    char *copy = malloc(n);
    assert_non_null(copy);
    for (size_t i = 0; i < n; i++) {
        memcpy(copy, text, n);
        copy[i] = bytes[i % sizeof bytes];
        try_text(copy, n, name);
        copy[i] = (char)(text[i] ^ (1 << i % 7));
        try_text(copy, n, name);
    }
    free(copy);
}

static void test_altered(void **state) {
    alter_each(every_key, "s.yaml");
    char *json = every_key_json();
    alter_each(json, "s.json");
    free(json);
}

/* Each line alone missing, and each line twice. */
static void test_lines(void **state) {
    const char *end = every_key + strlen(every_key);
    for (const char *line = every_key; line < end;) {
        const char *next = strchr(line, '\n') + 1;
        gw__text text = {0};
        gw__text_add(&text, every_key, (size_t)(line - every_key));
        gw__text_puts(&text, next);
        try_text(text.at, text.n, "s.yaml");
        text.n = 0;
        gw__text_add(&text, every_key, (size_t)(next - every_key));
        gw__text_puts(&text, line);
        try_text(text.at, text.n, "s.yaml");
        gw__text_clear(&text);
        line = next;
    }
}

static gw_status read_and_write(void *context, gw_error *err) {
    const char *const *texts = context; /* the text, its name, an override */
    gw__spec *spec = NULL;
    gw__text out = {0};
    gw_status status = gw__spec_parse(texts[0], strlen(texts[0]), texts[1], &texts[2], texts[2] != NULL, &spec, err);
    if (status == GW_OK) status = gw__spec_write_json(spec, &out, err);
    gw__text_clear(&out);
    gw__spec_free(spec);
    return status;
}

static void test_starved(void **state) {
    const char *yaml[] = {every_key, "s.yaml", "train.optimizer={name: sgd, momentum: 0.5}"};
    assert_true(fail_each_allocation(read_and_write, yaml) > 10);
    const char *shorthands[] = {"data: {train: a}\ntasks: {y: binary}\nmodel: cgc\ntrain: {optimizer: adam}\n", "s.yaml", "train.optimizer.lr=1"};
    assert_true(fail_each_allocation(read_and_write, shorthands) > 5);
    const char *chains[] = {"data: {train: a}\ntasks:\n  q: {type: quantile, quantiles: [0.1, 0.9]}\n  a: binary\n  b: {type: binary, after: a}\n"
                            "  c: {type: binary, chain: [[a, b], [not a, not b]]}\n", "s.yaml", NULL};
    assert_true(fail_each_allocation(read_and_write, chains) > 5);
    char *json = every_key_json();
    const char *stored[] = {json, "s.json", NULL};
    assert_true(fail_each_allocation(read_and_write, stored) > 5);
    free(json);
}

static gw_status refuse(void *context, gw_error *err) {
    gw__spec *spec = NULL;
    gw_status status = gw__spec_parse(context, strlen(context), "s.yaml", NULL, 0, &spec, err);
    gw__spec_free(spec);
    return status == GW_E_CONFIG ? GW_OK : status == GW_OK ? GW_E_INTERNAL : status; /* a text that is accepted tests nothing */
}

/* Chains that name the one before twice would take 2^30 steps to write out, and those of one more choice each 2^30 paths. */
static void test_long_chains(void **state) {
    static const char *const links[] = {"  c%d: {type: binary, chain: [c%d, c%d]}\n", "  a%d: binary\n  c%d: {type: binary, chain: [[a%d, c%d], [not a%d, not c%d]]}\n"};
    for (int form = 0; form < 2; form++) {
        gw__text text = {0};
        gw__text_puts(&text, "data: {train: a}\ntasks:\n  c0: binary\n");
        for (int i = 1; i <= 30; i++) {
            if (form == 0) gw__text_addf(&text, links[0], i, i - 1, i - 1);
            else gw__text_addf(&text, links[1], i, i, i, i - 1, i, i - 1);
        }
        gw_error err = {0};
        assert_int_equal(refuse((void *)text.at, &err), GW_OK);
        assert_non_null(strstr(err.message, form == 0 ? "has too many cases" : "has more than 64 paths"));
        gw__text_clear(&text);
    }
}

/* Messages that need memory for their words still come out, shorter, when there is none. */
static void test_starved_messages(void **state) {
    static char *const texts[] = {LEAST "model: {experts: {sharde: 2}}\n", LEAST "train: {optimizer: adaam}\n", LEAST "train: {epochs: x}\n",
                                  "data: {train: a}\ntasks: {y: {}}\n", LEAST "tasks: {z: binary}\n"};
    for (size_t i = 0; i < GW__COUNT(texts); i++) {
        gw_error err;
        fail_allocation(0);
        size_t before = count_allocations();
        assert_int_equal(refuse(texts[i], &err), GW_OK);
        size_t n = count_allocations() - before;
        for (size_t k = 1; k <= n; k++) {
            err = (gw_error){0};
            fail_allocation(k);
            gw_status status = refuse(texts[i], &err);
            fail_allocation(0);
            assert_true(status == GW_OK || status == GW_E_NOMEM);
            assert_int_not_equal(err.message[0], '\0');
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_altered), cmocka_unit_test(test_lines),
        cmocka_unit_test(test_long_chains),
        cmocka_unit_test(test_starved), cmocka_unit_test(test_starved_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
