/* How alike the experts of a level are in their parameters: what can be known of them without a row. Experts that are equal from the start, read the same
 * and are mixed by the same gates learn much the same; experts that have grown alike are capacity paid for twice. */
#ifndef GW_MODEL_LIKENESS_H
#define GW_MODEL_LIKENESS_H

#include "model/net.h"

/* Two experts of a level, a < b, whose trained parameters are the same, bit by bit, and which read the same and are seen by one gate. */
typedef struct gw__twins { uint32_t level, a, b; } gw__twins;

/* The first experts that are so, level by level, each with the first one that it equals: *ret_twins [*ret_n], to be freed. */
gw_status gw__net_twins(const gw__net *net, const float *flat, gw__twins **ret_twins, size_t *ret_n, gw_error *err);

/* Names and numbers of a net's experts. */
uint32_t    gw__net_level_count(const gw__net *net);
uint32_t    gw__net_expert_count(const gw__net *net, uint32_t level);
const char *gw__net_expert_name(const gw__net *net, uint32_t level, uint32_t expert); /* "shared.0" */

/* Whether the experts of a level are compared with each other: there are several, and not so many that nobody would read it. */
#define GW__COMPARED_EXPERTS 64
bool gw__net_is_compared(const gw__net *net, uint32_t level);

/* "similarity":[{"level":0,"measure":"cosine","experts":["shared.0",…],"values":[[1,0.2],…]},…] of levels that are compared: cosines of their trained
 * weights and biases; null where there is none (no parameters of its own, other shapes, all 0).
 * "gate_biases":[{"level":0,"stream":"income","values":[…]},…]: what a gate adds to its logits for every row. Members of an open object. */
gw_status gw__net_write_likeness(const gw__net *net, const float *flat, gw__json_writer *json, gw_error *err);

#endif
