#include "testing.h"

#include <math.h>

#include "base/mem.h"
#include "base/random.h"

/* The known answers that are published with Random123. */
static void test_philox(void **state) {
    static const struct { uint32_t key[2], counter[4], out[4]; } rows[] = {
        {{0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u}, {~0u, ~0u, ~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        uint32_t out[4];
        gw__philox(rows[i].key, rows[i].counter, out);
        assert_memory_equal(out, rows[i].out, sizeof out);
    }
}

/* Models depend on these values: a change breaks what was trained before. */
static void test_pinned(void **state) {
    assert_true(gw__random_bits(1, GW__RANDOM_INIT, 2, 3) == 0x630fe8869220f583u);
    assert_true(gw__random_bits(UINT64_MAX, GW__RANDOM_SYNTH, 0, UINT64_MAX) == 0x3e8ffd961f19cd90u);
    assert_true(gw__random_uniform(1, GW__RANDOM_DROPOUT, 2, 3) == 0x1.b07e7b9a700a2p-1);
    assert_true(gw__random_normal(1, GW__RANDOM_INIT, 2, 3) == -0x1.262426fc559bdp-2);
    gw__shuffle shuffle = gw__shuffle_of(1, 2, 1000);
    assert_int_equal(gw__shuffle_at(&shuffle, 0), 929);
    assert_int_equal(gw__shuffle_at(&shuffle, 999), 486);
}

static void test_arguments_matter(void **state) {
    uint64_t base = gw__random_bits(1, GW__RANDOM_INIT, 1, 1);
    assert_true(base != gw__random_bits(2, GW__RANDOM_INIT, 1, 1));
    assert_true(base != gw__random_bits(1, GW__RANDOM_SAMPLE, 1, 1));
    assert_true(base != gw__random_bits(1, GW__RANDOM_INIT, 2, 1));
    assert_true(base != gw__random_bits(1, GW__RANDOM_INIT, 1, 2));
    assert_true(base != gw__random_bits(1, GW__RANDOM_INIT, 1 + ((uint64_t)1 << 32), 1));
    assert_true(base != gw__random_bits(1, GW__RANDOM_INIT, 1, 1 + ((uint64_t)1 << 32)));
    assert_true(base == gw__random_bits(1, GW__RANDOM_INIT, 1, 1));
}

static void test_uniform(void **state) {
    enum { N = 200000, BINS = 64 };
    int bins[BINS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = gw__random_uniform(7, GW__RANDOM_SYNTH, 0, i);
        assert_true(u >= 0 && u < 1);
        bins[(int)(u * BINS)]++;
    }
    double chi = 0;
    for (int i = 0; i < BINS; i++) chi += pow(bins[i] - (double)N / BINS, 2) / ((double)N / BINS);
    assert_true(chi < 63 + 5 * sqrt(2 * 63)); /* 63 degrees of freedom */
}

/* By inversion: the distribution function of the result is the uniform number of the same bits, to 1e-9 of its size. */
static void test_normal(void **state) {
    double sum = 0, squares = 0, fourth = 0, largest = 0;
    enum { N = 200000 };
    for (uint64_t i = 0; i < N; i++) {
        double x = gw__random_normal(7, GW__RANDOM_SYNTH, 0, i);
        double p = ((double)(gw__random_bits(7, GW__RANDOM_SYNTH, 0, i) >> 12) + 0.5) * 0x1p-52;
        double tail = p < 0.5 ? p : 1 - p, back = erfc(fabs(x) / sqrt(2)) / 2; /* what lies beyond |x| */
        double slope = exp(-x * x / 2) / sqrt(2 * acos(-1));
        double wrong = fabs(back - tail) / slope; /* as an error of x */
        if (wrong > largest) largest = wrong;
        assert_true((x < 0) == (p < 0.5) || x == 0);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    assert_true(largest < 1e-9);
    assert_true(fabs(sum / N) < 0.012 && fabs(squares / N - 1) < 0.016 && fabs(fourth / N - 3) < 0.12);
}

/* XXH64 with seed 0: published values, and bits of every length. */
static void test_hash(void **state) {
    assert_true(gw__hash("", 0) == 0xef46db3751d8e999u);
    assert_true(gw__hash("a", 1) == 0xd24ec4f1a98c6e5bu);
    assert_true(gw__hash("abc", 3) == 0x44bc2cf5ad770999u);
    assert_true(gw__hash("Nobody inspects the spammish repetition", 39) == 0xfbcea83c8a378bf1u);
    unsigned char bytes[201];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 7);
    for (size_t n = 1; n <= 200; n++) { /* every byte counts, and where the text lies in memory does not */
        uint64_t h = gw__hash(bytes, n);
        unsigned char shifted[202];
        memcpy(shifted + 1, bytes, n);
        assert_true(gw__hash(shifted + 1, n) == h);
        for (size_t i = 0; i < n; i++) {
            shifted[1 + i] ^= 1;
            assert_true(gw__hash(shifted + 1, n) != h);
            shifted[1 + i] ^= 1;
        }
    }
}

/* Numbers in sequence, as ids are, fill buckets evenly. */
static void test_hash_buckets(void **state) {
    enum { N = 200000, BUCKETS = 1000 };
    static int buckets[BUCKETS];
    for (int i = 0; i < N; i++) {
        char text[16];
        buckets[gw__hash(text, (size_t)snprintf(text, sizeof text, "%d", i)) % BUCKETS]++;
    }
    double chi = 0;
    for (int i = 0; i < BUCKETS; i++) chi += pow(buckets[i] - (double)N / BUCKETS, 2) / ((double)N / BUCKETS);
    assert_true(chi < 999 + 5 * sqrt(2 * 999));
}

static void test_shuffle_bijective(void **state) {
    static unsigned char seen[5000];
    for (uint64_t n = 1; n <= sizeof seen; n += n < 300 ? 1 : 331) {
        gw__shuffle shuffle = gw__shuffle_of(n, 3, n);
        memset(seen, 0, n);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t at = gw__shuffle_at(&shuffle, i);
            assert_true(at < n);
            assert_int_equal(seen[at]++, 0);
        }
    }
    gw__shuffle vast = gw__shuffle_of(1, 1, UINT64_MAX);
    assert_true(gw__shuffle_at(&vast, UINT64_MAX - 1) < UINT64_MAX);
    assert_true(gw__shuffle_at(&vast, 0) != gw__shuffle_at(&vast, 1));
}

/* All 24 orders of four items, over many seeds. */
static void test_shuffle_orders(void **state) {
    enum { N = 24000 };
    int orders[256] = {0};
    double chi = 0;
    for (uint64_t seed = 0; seed < N; seed++) {
        gw__shuffle shuffle = gw__shuffle_of(seed, 1, 4);
        int order = 0;
        for (uint64_t i = 0; i < 4; i++) order = order * 4 + (int)gw__shuffle_at(&shuffle, i);
        orders[order]++;
    }
    for (int i = 0; i < 256; i++) chi += orders[i] == 0 ? 0 : pow(orders[i] - N / 24.0, 2) / (N / 24.0);
    int found = 0;
    for (int i = 0; i < 256; i++) found += orders[i] > 0;
    assert_int_equal(found, 24);
    assert_true(chi < 23 + 5 * sqrt(2 * 23));
}

/* Every item comes to every place equally often, and neighbours part. */
static void test_shuffle_places(void **state) {
    enum { N = 13, SEEDS = 26000 };
    int places[N][N] = {{0}}, neighbours = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        gw__shuffle shuffle = gw__shuffle_of(5, seed, N);
        uint64_t last = N;
        for (uint64_t i = 0; i < N; i++) {
            uint64_t at = gw__shuffle_at(&shuffle, i);
            places[i][at]++;
            neighbours += at == last + 1;
            last = at;
        }
    }
    double chi = 0, expected = (double)SEEDS / N;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) chi += pow(places[i][k] - expected, 2) / expected;
    }
    assert_true(chi < 144 + 5 * sqrt(2 * 144));
    double wanted = (double)SEEDS * (N - 1) * (N - 1) / (N * (N - 1.0)); /* in a random order a pair (k, k+1) stands together with chance 1/N */
    assert_true(fabs(neighbours - wanted) < 6 * sqrt(wanted));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox),         cmocka_unit_test(test_pinned),         cmocka_unit_test(test_arguments_matter),
        cmocka_unit_test(test_uniform),        cmocka_unit_test(test_normal),         cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hash_buckets),   cmocka_unit_test(test_shuffle_bijective), cmocka_unit_test(test_shuffle_orders),
        cmocka_unit_test(test_shuffle_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
