#include "spec/resolve.h"

/* ---- the architectures: what each has, and how much of it ------------------------------------------------------------------------ */

typedef struct traits {
    const char *levels;                   /* NULL: one per layer of the experts, or as many as the wiring has */
    const char *count, *shared, *own;     /* experts; `count` and `shared` are one number of the struct */
    bool has_count, has_shared, has_own;  /* the keys `count`, `shared` and `per_task` belong to it */
    bool has_gates, has_levels, one_task; /* gates that see inputs; more levels than one; a task alone */
} traits;

static const traits traits_of[GW__ARCHITECTURES] = {
    [GW__ARCH_SINGLE_TASK] = {.levels = "1", .own = "1"},
    [GW__ARCH_SHARED_BOTTOM] = {.levels = "1", .count = "1", .own = "0"},
    [GW__ARCH_AVERAGED] = {.levels = "1", .count = "8", .own = "0", .has_count = true},
    [GW__ARCH_MOE] = {.levels = "1", .count = "8", .own = "0", .has_count = true, .has_gates = true, .one_task = true},
    [GW__ARCH_OMOE] = {.levels = "1", .count = "8", .own = "0", .has_count = true, .has_gates = true},
    [GW__ARCH_MMOE] = {.levels = "1", .count = "8", .own = "0", .has_count = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_CGC] = {.levels = "1", .shared = "2", .own = "2", .has_shared = true, .has_own = true, .has_gates = true},
    [GW__ARCH_PLE] = {.levels = "2", .shared = "2", .own = "2", .has_shared = true, .has_own = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_ADATT_SP] = {.levels = "2", .own = "2", .has_own = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_ADATT] = {.levels = "2", .shared = "2", .own = "2", .has_shared = true, .has_own = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_CROSS_STITCH] = {.own = "1", .has_levels = true},
    [GW__ARCH_SNR_AVER] = {.levels = "2", .count = "8", .own = "0", .has_count = true, .has_levels = true},
    [GW__ARCH_SNR_TRANS] = {.levels = "2", .count = "8", .own = "0", .has_count = true, .has_levels = true},
    [GW__ARCH_L2_CONSTRAINED] = {.levels = "1", .own = "1"},
    [GW__ARCH_TENSOR_FACTORIZATION] = {.levels = "1", .own = "1"},
    [GW__ARCH_HOME] = {.levels = "2", .shared = "2", .own = "2", .has_shared = true, .has_own = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_STEM] = {.levels = "1", .shared = "2", .own = "2", .has_shared = true, .has_own = true, .has_gates = true, .has_levels = true},
    [GW__ARCH_AITM] = {.levels = "1", .own = "1"},
    [GW__ARCH_LOCAL_EXPERTS] = {.levels = "1", .count = "8", .own = "0", .has_count = true, .has_gates = true, .one_task = true},
    [GW__ARCH_CUSTOM] = {.own = "0", .has_gates = true, .has_levels = true},
};

/* ---- defaults that depend on keys above ---- */

static const gw__task_spec *task_of(const gw__frame *frame) { return frame->base; }

const char *gw__preset_task_type(const gw__frame *frame) { return gw__frame_get(frame, "positive") != NULL ? "binary" : NULL; }

const char *gw__preset_label(const gw__frame *frame) { return task_of(frame)->name; }

const char *gw__preset_loss(const gw__frame *frame) {
    static const gw__loss first[] = {
#define X(name, word, loss, chief) [GW_TASK_##name] = GW__LOSS_##loss,
        GW__TASK_ROSTER(X)
#undef X
    };
    return gw__loss_name(first[task_of(frame)->type]);
}

const char *gw__preset_head(const gw__frame *frame) { return task_of(frame)->type == GW_TASK_BINARY ? "sigmoid" : "none"; }

static const traits *traits_in(const gw__spec *spec) { return &traits_of[spec->model.architecture]; }
static const traits *traits_at(const gw__frame *frame) { return traits_in(frame->reading->spec); }

/* As many as a list that is read later has items: `experts.hidden`, of widths or lists of them, or `wiring.levels`. */
static const char *levels_of_list(const gw__frame *frame, const char *outer, const char *inner) {
    static const char *const numbers[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};
    _Static_assert(GW__COUNT(numbers) == GW__SPEC_LEVELS_LIMIT, "one text per number of levels");
    const gw__doc *map = gw__frame_get(frame, outer), *list = map != NULL && map->kind == GW__DOC_MAP ? gw__doc_get(map, inner) : NULL;
    if (list == NULL || list->kind != GW__DOC_LIST) return "2"; /* widths of the default */
    size_t n = list->n < 1 ? 1 : list->n;
    return numbers[(n < GW__SPEC_LEVELS_LIMIT ? n : GW__SPEC_LEVELS_LIMIT) - 1];
}

const char *gw__preset_levels(const gw__frame *frame) {
    if (traits_at(frame)->levels) return traits_at(frame)->levels;
    const bool custom = frame->reading->spec->model.architecture == GW__ARCH_CUSTOM;
    return levels_of_list(frame, custom ? "wiring" : "experts", custom ? "levels" : "hidden");
}

const char *gw__preset_expert_count(const gw__frame *frame) { return traits_at(frame)->count; }
const char *gw__preset_expert_shared(const gw__frame *frame) { return traits_at(frame)->shared; }
const char *gw__preset_per_task(const gw__frame *frame) { return traits_at(frame)->own; }

const char *gw__preset_expert_activation(const gw__frame *frame) { return frame->reading->spec->model.architecture == GW__ARCH_HOME ? "swish" : "relu"; }
const char *gw__preset_expert_norm(const gw__frame *frame) { return frame->reading->spec->model.architecture == GW__ARCH_HOME ? "batch" : "none"; }

const char *gw__preset_tower_hidden(const gw__frame *frame) { return frame->reading->spec->model.architecture == GW__ARCH_AITM ? "[]" : "[16]"; }

/* A single weight, renormalised, is 1 whatever the logits are: the gate would learn nothing. A stored spec has the key where it counts; models from before
 * it depended on `top_k` have not, and mean true. */
const char *gw__preset_renormalise(const gw__frame *frame) {
    return frame->reading->files && frame->reading->spec->model.gating.top_k == 1 ? "false" : "true";
}

static gw__optimizer_name optimizer_of(const gw__spec *spec) { return spec->train.optimizer.name; }

const char *gw__preset_lr(const gw__frame *frame) {
    gw__optimizer_name name = optimizer_of(frame->reading->spec);
    return name == GW__OPT_ADAM || name == GW__OPT_ADAMW ? "0.001" : "0.01";
}

const char *gw__preset_eps(const gw__frame *frame) {
    return optimizer_of(frame->reading->spec) == GW__OPT_ADAGRAD ? "1e-10" : "1e-8";
}

const char *gw__preset_decay(const gw__frame *frame) {
    return optimizer_of(frame->reading->spec) == GW__OPT_ADAMW ? "0.01" : "0";
}

const char *gw__preset_gamma(const gw__frame *frame) {
    return frame->reading->spec->train.schedule.kind == GW__SCHEDULE_EXPONENTIAL ? "0.95" : "0.1";
}

static gw__balance_method balance_of(const gw__spec *spec) { return spec->train.balance.method; }

const char *gw__preset_balance_lr(const gw__frame *frame) {
    gw__balance_method method = balance_of(frame->reading->spec);
    return method == GW__BALANCE_UNCERTAINTY || method == GW__BALANCE_IMTL ? "0.01" : "0.025";
}

/* ---- which keys belong to what ---- */

static bool feature_has(const gw__spec *spec, const void *base, unsigned types) {
    const gw__feature_spec *feature = base;
    return feature == &spec->features.defaults || (types >> feature->type & 1) != 0;
}

#define OF(type) (1u << GW__FEATURE_##type)

bool gw__applies_numeric(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(AUTO) | OF(NUMERIC)); }
bool gw__applies_embedded(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(AUTO) | OF(CATEGORICAL) | OF(HASHED) | OF(BAG)); }
bool gw__applies_vocabulary(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(AUTO) | OF(CATEGORICAL) | OF(BAG)); }
bool gw__applies_buckets(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(HASHED) | OF(BAG)); }
bool gw__applies_bag(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(BAG)); }
bool gw__applies_share(const gw__spec *spec, const void *base) { return feature_has(spec, base, OF(CATEGORICAL) | OF(HASHED) | OF(BAG)); }

bool gw__applies_binary(const gw__spec *spec, const void *base) { return ((const gw__task_spec *)base)->type == GW_TASK_BINARY; }
bool gw__applies_classes(const gw__spec *spec, const void *base) { return gw__task_has_classes(base); }
bool gw__applies_quantile(const gw__spec *spec, const void *base) { return ((const gw__task_spec *)base)->type == GW_TASK_QUANTILE; }
bool gw__applies_focal(const gw__spec *spec, const void *base) { return ((const gw__task_spec *)base)->loss == GW__LOSS_FOCAL; }
bool gw__applies_huber(const gw__spec *spec, const void *base) { return ((const gw__task_spec *)base)->loss == GW__LOSS_HUBER; }
bool gw__applies_bce(const gw__spec *spec, const void *base) { return ((const gw__task_spec *)base)->loss == GW__LOSS_BCE; }

bool gw__architecture_has_levels(gw__architecture architecture) { return traits_of[architecture].has_levels; }
bool gw__architecture_has_one_task(gw__architecture architecture) { return traits_of[architecture].one_task; }

bool gw__applies_expert_count(const gw__spec *spec, const void *base) { return traits_in(spec)->has_count; }
bool gw__applies_expert_shared(const gw__spec *spec, const void *base) { return traits_in(spec)->has_shared; }
bool gw__applies_expert_per_task(const gw__spec *spec, const void *base) { return traits_in(spec)->has_own; }
bool gw__applies_wiring(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_CUSTOM; }
bool gw__applies_towers(const gw__spec *spec, const void *base) { return spec->model.architecture != GW__ARCH_LOCAL_EXPERTS; }
bool gw__applies_local(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_LOCAL_EXPERTS; }
bool gw__applies_alpha(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_L2_CONSTRAINED; }

bool gw__applies_connections(const gw__spec *spec, const void *base) {
    return spec->model.architecture == GW__ARCH_SNR_AVER || spec->model.architecture == GW__ARCH_SNR_TRANS || spec->model.architecture == GW__ARCH_CUSTOM;
}

bool gw__applies_ple(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_PLE; }
bool gw__applies_gates(const gw__spec *spec, const void *base) { return traits_in(spec)->has_gates; }

bool gw__applies_always(const gw__spec *spec, const void *base) {
    const gw__architecture architecture = spec->model.architecture;
    return architecture == GW__ARCH_MOE || architecture == GW__ARCH_OMOE || architecture == GW__ARCH_MMOE;
}

bool gw__applies_top_k(const gw__spec *spec, const void *base) { return spec->model.gating.top_k > 0; }
bool gw__applies_noise(const gw__spec *spec, const void *base) { return spec->model.gating.noise; }

bool gw__applies_home(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_HOME; }
bool gw__applies_sequence(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_AITM; }
bool gw__applies_ranks(const gw__spec *spec, const void *base) { return spec->model.architecture == GW__ARCH_TENSOR_FACTORIZATION; }
bool gw__applies_init_std(const gw__spec *spec, const void *base) { return spec->model.init == GW__INIT_NORMAL; }

bool gw__applies_adam(const gw__spec *spec, const void *base) {
    return optimizer_of(spec) == GW__OPT_ADAM || optimizer_of(spec) == GW__OPT_ADAMW;
}

bool gw__applies_eps(const gw__spec *spec, const void *base) { return optimizer_of(spec) != GW__OPT_SGD; }
bool gw__applies_momentum(const gw__spec *spec, const void *base) { return optimizer_of(spec) == GW__OPT_SGD; }

bool gw__applies_gamma(const gw__spec *spec, const void *base) {
    return spec->train.schedule.kind == GW__SCHEDULE_STEP || spec->train.schedule.kind == GW__SCHEDULE_EXPONENTIAL;
}

bool gw__applies_every(const gw__spec *spec, const void *base) { return spec->train.schedule.kind == GW__SCHEDULE_STEP; }
bool gw__applies_floor(const gw__spec *spec, const void *base) { return spec->train.schedule.kind == GW__SCHEDULE_COSINE; }

bool gw__applies_balance_decayed(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_DECAYED; }
bool gw__applies_balance_dwa(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_DWA; }
bool gw__applies_balance_gradnorm(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_GRADNORM; }
bool gw__applies_balance_mgda(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_MGDA; }
bool gw__applies_balance_cagrad(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_CAGRAD; }
bool gw__applies_balance_imtl(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_IMTL; }
bool gw__applies_balance_nash(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_NASH; }
bool gw__applies_balance_famo(const gw__spec *spec, const void *base) { return balance_of(spec) == GW__BALANCE_FAMO; }

bool gw__applies_balance_lr(const gw__spec *spec, const void *base) {
    gw__balance_method method = balance_of(spec);
    return method == GW__BALANCE_UNCERTAINTY || method == GW__BALANCE_GRADNORM || method == GW__BALANCE_IMTL || method == GW__BALANCE_FAMO;
}
