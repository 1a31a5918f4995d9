/* Defaults that depend on other keys, and which keys belong to what. Named in the rows of the field table. */
#ifndef GW_SPEC_RESOLVE_H
#define GW_SPEC_RESOLVE_H

#include "spec/reading.h"

const char *gw__preset_task_type(const gw__frame *frame);
const char *gw__preset_label(const gw__frame *frame);
const char *gw__preset_loss(const gw__frame *frame);
const char *gw__preset_head(const gw__frame *frame);
const char *gw__preset_levels(const gw__frame *frame);
const char *gw__preset_expert_count(const gw__frame *frame);
const char *gw__preset_expert_shared(const gw__frame *frame);
const char *gw__preset_per_task(const gw__frame *frame);
const char *gw__preset_expert_activation(const gw__frame *frame);
const char *gw__preset_tower_hidden(const gw__frame *frame);
const char *gw__preset_expert_norm(const gw__frame *frame);
const char *gw__preset_renormalise(const gw__frame *frame);
const char *gw__preset_lr(const gw__frame *frame);
const char *gw__preset_eps(const gw__frame *frame);
const char *gw__preset_decay(const gw__frame *frame);
const char *gw__preset_gamma(const gw__frame *frame);
const char *gw__preset_balance_lr(const gw__frame *frame);

/* base: the gw__feature_spec; features.default takes the keys of every type */
bool gw__applies_numeric(const gw__spec *spec, const void *base);
bool gw__applies_embedded(const gw__spec *spec, const void *base);
bool gw__applies_vocabulary(const gw__spec *spec, const void *base);
bool gw__applies_buckets(const gw__spec *spec, const void *base);
bool gw__applies_bag(const gw__spec *spec, const void *base);
bool gw__applies_share(const gw__spec *spec, const void *base);
/* base: the gw__task_spec */
bool gw__applies_binary(const gw__spec *spec, const void *base);
bool gw__applies_classes(const gw__spec *spec, const void *base);
bool gw__applies_quantile(const gw__spec *spec, const void *base);
bool gw__applies_focal(const gw__spec *spec, const void *base);
bool gw__applies_huber(const gw__spec *spec, const void *base);
bool gw__applies_bce(const gw__spec *spec, const void *base);
/* base: not used */
bool gw__applies_expert_count(const gw__spec *spec, const void *base);
bool gw__applies_expert_shared(const gw__spec *spec, const void *base);
bool gw__applies_expert_per_task(const gw__spec *spec, const void *base);
bool gw__applies_wiring(const gw__spec *spec, const void *base);
bool gw__applies_towers(const gw__spec *spec, const void *base);
bool gw__applies_local(const gw__spec *spec, const void *base);
bool gw__applies_alpha(const gw__spec *spec, const void *base);
bool gw__applies_connections(const gw__spec *spec, const void *base);
bool gw__applies_ple(const gw__spec *spec, const void *base);
bool gw__applies_always(const gw__spec *spec, const void *base);
bool gw__applies_top_k(const gw__spec *spec, const void *base);
bool gw__applies_noise(const gw__spec *spec, const void *base);
bool gw__applies_gates(const gw__spec *spec, const void *base);
bool gw__applies_home(const gw__spec *spec, const void *base);
bool gw__applies_sequence(const gw__spec *spec, const void *base);
bool gw__applies_ranks(const gw__spec *spec, const void *base);
bool gw__applies_init_std(const gw__spec *spec, const void *base);
bool gw__applies_adam(const gw__spec *spec, const void *base);
bool gw__applies_eps(const gw__spec *spec, const void *base);
bool gw__applies_momentum(const gw__spec *spec, const void *base);
bool gw__applies_gamma(const gw__spec *spec, const void *base);
bool gw__applies_every(const gw__spec *spec, const void *base);
bool gw__applies_floor(const gw__spec *spec, const void *base);
bool gw__applies_balance_decayed(const gw__spec *spec, const void *base);
bool gw__applies_balance_dwa(const gw__spec *spec, const void *base);
bool gw__applies_balance_gradnorm(const gw__spec *spec, const void *base);
bool gw__applies_balance_mgda(const gw__spec *spec, const void *base);
bool gw__applies_balance_cagrad(const gw__spec *spec, const void *base);
bool gw__applies_balance_imtl(const gw__spec *spec, const void *base);
bool gw__applies_balance_nash(const gw__spec *spec, const void *base);
bool gw__applies_balance_famo(const gw__spec *spec, const void *base);
bool gw__applies_balance_lr(const gw__spec *spec, const void *base);

bool gw__architecture_has_levels(gw__architecture architecture); /* may have more than one */
bool gw__architecture_has_one_task(gw__architecture architecture);

#endif
