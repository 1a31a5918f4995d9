/* Randomness as a pure function: of a seed, what it is for, and a counter. Nothing has hidden state, so a run can stop and
 * resume anywhere and threads cannot disturb it. Philox 4x32-10 (Salmon et al. 2011). */
#ifndef GW_BASE_RANDOM_H
#define GW_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* What a random number is for. Values are part of every model's reproducibility: append, never renumber. */
typedef enum gw__purpose {
    GW__RANDOM_INIT = 1,     /* a: hash of the tensor's name, b: element */
    GW__RANDOM_SHUFFLE = 2,  /* a: epoch */
    GW__RANDOM_DROPOUT = 3,  /* a: step, b: operator and row */
    GW__RANDOM_VALID = 4,    /* b: row number or hash of the group */
    GW__RANDOM_SAMPLE = 5,   /* a: task, b: row number (negative down-sampling) */
    GW__RANDOM_UNSEEN = 6,   /* a: feature, b: row number */
    GW__RANDOM_SYNTH = 7,
    GW__RANDOM_BALANCE = 8,  /* a: step, b: task */
    GW__RANDOM_CONNECT = 9,  /* a: step, b: gate and expert */
    GW__RANDOM_GATE = 10,    /* a: step, b: gate */
    GW__RANDOM_NOISE = 11,   /* a: step, b: gate, row and expert */
    GW__RANDOM_BOOTSTRAP = 12, /* a: draw, b: value */
} gw__purpose;

void     gw__philox(const uint32_t key[2], const uint32_t counter[4], uint32_t ret[4]);
uint64_t gw__random_bits(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b);
double   gw__random_uniform(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b); /* in [0,1), 53 bits */
double   gw__random_normal(uint64_t seed, gw__purpose purpose, uint64_t a, uint64_t b);  /* mean 0, variance 1, by inversion with own log */

/* A 64-bit hash of bytes: stable for ever (buckets of hashed features and names of tensors depend on it). */
uint64_t gw__hash(const void *bytes, size_t n);

/* A permutation of 0..n-1 that needs no table: where position `i` of the shuffled order comes from. A Feistel network over the
 * smallest even power of two >= n, walked until it lands inside. n >= 1. */
typedef struct gw__shuffle {
    uint64_t n;
    uint32_t half_bits;
    uint32_t keys[8];
} gw__shuffle;

gw__shuffle gw__shuffle_of(uint64_t seed, uint64_t epoch, uint64_t n);
uint64_t    gw__shuffle_at(const gw__shuffle *shuffle, uint64_t i);

#endif
