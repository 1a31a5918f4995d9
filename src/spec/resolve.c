#include "spec/resolve.h"

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

static gw__architecture architecture_of(const gw__frame *frame) { return frame->reading->spec->model.architecture; }

const char *gw__preset_levels(const gw__frame *frame) { return architecture_of(frame) == GW__ARCH_PLE ? "2" : "1"; }

/* `count` and `shared` are one number of the struct: the row that does not apply has no default. */
const char *gw__preset_expert_count(const gw__frame *frame) {
    if (architecture_of(frame) == GW__ARCH_SHARED_BOTTOM) return "1";
    return gw__applies_expert_count(frame->reading->spec, NULL) ? "8" : NULL;
}

const char *gw__preset_expert_shared(const gw__frame *frame) {
    return gw__architecture_has_groups(architecture_of(frame)) ? "2" : NULL;
}

const char *gw__preset_per_task(const gw__frame *frame) {
    if (architecture_of(frame) == GW__ARCH_SINGLE_TASK) return "1";
    return gw__architecture_has_groups(architecture_of(frame)) ? "2" : "0";
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

bool gw__architecture_has_groups(gw__architecture architecture) {
    return architecture == GW__ARCH_CGC || architecture == GW__ARCH_PLE;
}

bool gw__applies_expert_groups(const gw__spec *spec, const void *base) { return gw__architecture_has_groups(spec->model.architecture); }

bool gw__applies_expert_count(const gw__spec *spec, const void *base) {
    gw__architecture architecture = spec->model.architecture;
    return architecture != GW__ARCH_SINGLE_TASK && architecture != GW__ARCH_SHARED_BOTTOM && !gw__architecture_has_groups(architecture);
}

bool gw__applies_gates(const gw__spec *spec, const void *base) {
    gw__architecture architecture = spec->model.architecture;
    return architecture == GW__ARCH_MOE || architecture == GW__ARCH_OMOE || architecture == GW__ARCH_MMOE ||
           gw__architecture_has_groups(architecture);
}

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
