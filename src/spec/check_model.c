/* Checks of the network that need more than one key: which architecture takes what, and how large it is. */
#include <string.h>

#include "spec/resolve.h"

/* The written node of `key` for the place of a message; NULL (the map around it) if it was not written. */
#define NODE(frame, key) gw__frame_get(frame, key)

static size_t tower_count(const gw__spec *spec) {
    size_t n = 0;
    for (size_t t = 0; t < spec->n_tasks; t++) n += gw__task_has_tower(&spec->tasks[t]);
    return n;
}

/* Experts that predict are told apart by squared errors, and there is no logit before they are mixed. */
static gw_status check_local_experts(const gw__frame *frame) {
    const gw__task_spec *task = &frame->reading->spec->tasks[0];
    if (task->loss == GW__LOSS_MSE || task->loss == GW__LOSS_BCE || task->loss == GW__LOSS_CROSS_ENTROPY) return GW_OK;
    return gw__fail_value(frame, NODE(frame, "architecture"), "architecture 'local-experts' learns from squared errors but task '%s' has loss '%s'; "
                          "hint: mse, bce or cross-entropy", task->name, gw__loss_name(task->loss));
}

static gw_status check_architecture(const gw__frame *frame) {
    const gw__spec *spec = frame->reading->spec;
    gw__architecture architecture = spec->model.architecture;
    if (gw__architecture_has_one_task(architecture) && tower_count(spec) > 1) {
        return gw__fail_value(frame, NODE(frame, "architecture"), "architecture '%s' is for one task but there are %zu; hint: 'omoe' has one gate for all tasks",
                              gw__architecture_name(architecture), tower_count(spec));
    }
    if (architecture == GW__ARCH_HOME && spec->model.levels < 2) {
        return gw__fail_value(frame, NODE(frame, "levels"), "architecture 'home' has at least 2 levels but found 1; hint: 'cgc' has one");
    }
    if (architecture == GW__ARCH_HOME && spec->model.experts.count == 0) {
        return gw__fail_value(frame, gw__inner_node(frame, "experts", "shared"), "architecture 'home' needs shared experts; hint: 'shared' above 0");
    }
    if (spec->model.gating.top_k > 0 && (architecture == GW__ARCH_HOME || architecture == GW__ARCH_STEM)) {
        return gw__fail_value(frame, gw__inner_node(frame, "gates", "top_k"), "architecture '%s' computes all of its experts: 'top_k' does not fit",
                              gw__architecture_name(architecture));
    }
    if (spec->model.levels > 1 && !gw__architecture_has_levels(architecture)) {
        return gw__fail_value(frame, NODE(frame, "levels"), "architecture '%s' has one level but found %u; hint: %s", gw__architecture_name(architecture),
                              spec->model.levels, architecture == GW__ARCH_CGC ? "'ple' is cgc with more levels" : "'mmoe' and 'ple' may have more");
    }
    if (architecture == GW__ARCH_CUSTOM && spec->model.wiring.levels == NULL) {
        return gw__fail_value(frame, NODE(frame, "architecture"), "architecture 'custom' needs a 'wiring'");
    }
    return architecture == GW__ARCH_LOCAL_EXPERTS ? check_local_experts(frame) : GW_OK;
}

#define GATES_LIMIT 1048576 /* columns of all gates of a level together */

static const char *category_of(const gw__task_spec *task) { return task->category != NULL ? task->category : "all"; }

static uint64_t category_count(const gw__spec *spec) {
    uint64_t n = 0;
    for (size_t t = 0; t < spec->n_tasks; t++) {
        size_t first = 0;
        while (strcmp(category_of(&spec->tasks[first]), category_of(&spec->tasks[t])) != 0) first++;
        n += first == t;
    }
    return n;
}

static gw_status check_groups_of_experts(const gw__frame *frame) {
    const gw__spec *spec = frame->reading->spec;
    uint64_t total = spec->model.experts.count;
    if (spec->model.wiring.levels != NULL) return GW_OK; /* checked as it was read */
    if (spec->model.architecture == GW__ARCH_HOME) total += spec->model.experts.per_category * category_count(spec);
    for (size_t t = 0; t < spec->n_tasks; t++) {
        uint32_t own = spec->model.experts.per_task[t];
        total += own;
        if (spec->model.experts.count == 0 && own == 0 && gw__task_has_tower(&spec->tasks[t])) {
            return gw__fail_value(frame, gw__inner_node(frame, "experts", "per_task"), "task '%s' has no expert; hint: %s'per_task' above 0",
                                  spec->tasks[t].name, gw__applies_expert_shared(spec, NULL) ? "'shared' or " : "");
        }
    }
    if (spec->model.architecture == GW__ARCH_STEM && total * spec->n_tasks > GATES_LIMIT) {
        return gw__fail_value(frame, NODE(frame, "experts"), "%llu experts a level, each seen by %zu gates, are too many", (unsigned long long)total, spec->n_tasks);
    }
    if (total > 65536) return gw__fail_value(frame, NODE(frame, "experts"), "%llu experts a level are more than 65536", (unsigned long long)total);
    return GW_OK;
}

/* Sparse gates need levels like those of the named architectures: softmaxes, and experts whose inputs are all of one width. */
static bool may_be_sparse(const gw__level_spec *level) {
    size_t n = 0, from_input = 0;
    for (size_t i = 0; i < level->n_streams; i++)
        if (level->streams[i].kind != GW__WIRED_SOFTMAX && level->streams[i].n_experts > 1) return false;
    for (size_t g = 0; g < level->n_groups; g++) {
        if (level->groups[g].identity) return false;
        for (size_t i = 0; i < level->groups[g].reads.n; i++, n++) from_input += strcmp(level->groups[g].reads.at[i], "input") == 0;
    }
    return from_input == 0 || from_input == n;
}

static gw_status check_sparse_wiring(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    for (size_t l = 0; model->gating.top_k > 0 && l < model->wiring.n_levels; l++) {
        if (may_be_sparse(&model->wiring.levels[l])) continue;
        return gw__fail_value(frame, NODE(frame, "wiring"), "key 'wiring': with 'top_k' the gates of level %zu must be of kind 'softmax', and its experts read 'input' "
                              "all or not at all, and none is an 'identity'", l);
    }
    return GW_OK;
}

/* A level's experts are of one width, which those that are what they read have from below. */
static gw_status check_identities(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    uint32_t below = 0;
    for (size_t l = 0; l < model->wiring.n_levels; l++) {
        const gw__level_spec *level = &model->wiring.levels[l];
        const gw__widths *hidden = &model->experts.mlp.hidden[l];
        const uint32_t width = hidden->at[hidden->n - 1];
        size_t n = 0;
        for (size_t g = 0; g < level->n_groups; g++) n += level->groups[g].identity;
        if (n > 0 && n < level->n_groups && width != below) {
            return gw__fail_value(frame, gw__inner_node(frame, "experts", "hidden"), "key 'hidden': experts of level %zu are %u wide but what its 'identity' passes on is %u wide",
                                  l, width, below);
        }
        if (n < level->n_groups) below = width;
    }
    return GW_OK;
}

/* Batch normalisation is of whole batches: an expert that sees some rows of it has no such thing. */
static gw_status check_sparse(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    if (model->gating.top_k == 0 || model->experts.mlp.norm != GW__NORM_BATCH || !gw__applies_gates(frame->reading->spec, NULL)) return GW_OK;
    return gw__fail_value(frame, gw__inner_node(frame, "experts", "norm"),
                          "key 'norm': experts of gates with 'top_k' see a part of the batch but found 'batch'; hint: 'layer'");
}

/* The one weight that is kept, renormalised, is 1 in every row, so that no task's loss reaches the gate: only what evens out experts moves it, or its
 * choice. Models from before this was refused are read as they are. */
static gw_status check_single(const gw__frame *frame) {
    const gw__gating_spec *gating = &frame->reading->spec->model.gating;
    const bool evened = gating->balance.even > 0 || gating->balance.load > 0 || gating->balance.bias > 0;
    if (gating->top_k != 1 || !gating->renormalise || evened || !frame->reading->files) return GW_OK;
    return gw__fail_value(frame, gw__inner_node(frame, "gates", "renormalise"),
                          "key 'renormalise': with 'top_k: 1' the kept weight would always be 1, and the gate never learn; hint: leave it out, for 'false'");
}

/* Experts that predict learn from the gate's probabilities as they are. */
static gw_status check_local(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    const gw__gating_spec *gating = &model->gating;
    const char *unfit = gating->top_k > 0         ? "top_k"
                        : gating->temperature != 1 ? "temperature"
                        : gating->dropout > 0      ? "weight_dropout"
                        : gating->balance.on       ? "balance"
                                                   : NULL;
    if (model->architecture != GW__ARCH_LOCAL_EXPERTS || unfit == NULL) return GW_OK;
    return gw__fail_value(frame, gw__inner_node(frame, "gates", unfit),
                          "architecture 'local-experts' learns from the softmax of its gate as it is: '%s' does not fit; hint: 'moe' takes it", unfit);
}

/* A gate weighs two experts at least. */
static gw_status check_always(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    if (model->experts.always == 0 || model->experts.always + 2 <= model->experts.count) return GW_OK;
    return gw__fail_value(frame, gw__inner_node(frame, "experts", "always"), "key 'always': gates need 2 experts of %u to weigh but found '%u'", model->experts.count,
                          model->experts.always);
}

#define PARAMETERS_LIMIT ((uint64_t)1 << 31)

/* Parameters of an MLP without its first layer's inputs, when those are not known (0); cut off above the limit, so no sum can overflow. */
static uint64_t mlp_size(const gw__widths *hidden, uint64_t in, uint64_t out) {
    uint64_t size = 0;
    for (size_t i = 0; i < hidden->n; i++) {
        size += (in + 1) * hidden->at[i]; /* at most 64 layers of 2^33 */
        in = hidden->at[i];
    }
    size += (in + 1) * out;
    return size < PARAMETERS_LIMIT ? size : PARAMETERS_LIMIT;
}

static uint64_t experts_of(const gw__level_spec *level) {
    uint64_t n = 0;
    for (size_t g = 0; g < level->n_groups; g++) n += level->groups[g].identity ? 0 : level->groups[g].count;
    return n;
}

/* snr-trans: a square map of every expert for every stream. */
static uint64_t maps_size(const gw__model_spec *model, size_t n_tasks, uint32_t level, uint64_t width) {
    if (model->architecture != GW__ARCH_SNR_TRANS) return 0;
    const uint64_t streams = level + 1 < model->levels ? model->experts.count : n_tasks;
    const uint64_t size = streams * model->experts.count * width * width; /* at most 2^52 */
    return size < PARAMETERS_LIMIT ? size : PARAMETERS_LIMIT;
}

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* The factors of a level's experts (model/factored.c), and what each task has of its own. */
static uint64_t factors_size(const gw__model_spec *model, const gw__widths *hidden, uint64_t in, uint64_t n_tasks) {
    const uint64_t r3 = least(model->ranks.task, n_tasks);
    uint64_t size = 0;
    for (size_t i = 0; i < hidden->n; i++) {
        const uint64_t out = hidden->at[i], r1 = in ? least(model->ranks.input, in) : 1, r2 = least(model->ranks.output, out);
        size += in * r1 + r1 * r2 * r3 + r2 * out + n_tasks * (r3 + out); /* at most 64 layers of 2^49 */
        in = out;
    }
    return least(size, PARAMETERS_LIMIT);
}

/* A least size, known before the data is: whoever exceeds it has mistyped a width. */
static gw_status check_size(const gw__frame *frame) {
    const gw__model_spec *model = &frame->reading->spec->model;
    size_t n_tasks = frame->reading->spec->n_tasks;
    uint64_t experts = model->experts.count, total = 0, in = 0;
    for (size_t t = 0; t < n_tasks; t++) experts += model->experts.per_task[t];
    for (uint32_t l = 0; l < model->levels; l++) {
        const gw__widths *hidden = &model->experts.mlp.hidden[l];
        if (model->wiring.levels != NULL) experts = experts_of(&model->wiring.levels[l]);
        if (model->architecture == GW__ARCH_TENSOR_FACTORIZATION) total += factors_size(model, hidden, in, n_tasks);
        else total += experts * mlp_size(hidden, in, 0);
        if (hidden->n > 0) in = hidden->at[hidden->n - 1];
        total += maps_size(model, n_tasks, l, in);
        total += n_tasks * mlp_size(&model->gates.hidden[l], 0, 1);
    }
    total += n_tasks * mlp_size(model->towers.hidden, in, 1);
    if (total > PARAMETERS_LIMIT) {
        return gw__fail_value(frame, NULL, "the model has more than %llu parameters; hint: look at the widths", (unsigned long long)PARAMETERS_LIMIT);
    }
    return GW_OK;
}

static gw_status check_sequence(const gw__frame *frame) {
    const gw__spec *spec = frame->reading->spec;
    const gw__texts *sequence = &spec->model.sequence;
    for (size_t i = 0; i < sequence->n; i++) {
        const gw__task_spec *task = gw__task_named(spec, sequence->at[i]);
        if (task == NULL || !gw__task_has_tower(task)) {
            return gw__fail_value(frame, NODE(frame, "sequence"), "key 'sequence': no task with a tower is named '%s'", sequence->at[i]);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(sequence->at[k], sequence->at[i]) == 0) {
                return gw__fail_value(frame, NODE(frame, "sequence"), "key 'sequence': '%s' stands there twice", sequence->at[i]);
            }
        }
    }
    return GW_OK;
}

gw_status gw__check_model(const gw__frame *frame) {
    gw_status status = check_architecture(frame);
    if (status == GW_OK) status = check_sequence(frame);
    if (status == GW_OK) status = check_groups_of_experts(frame);
    if (status == GW_OK) status = check_sparse(frame);
    if (status == GW_OK) status = check_single(frame);
    if (status == GW_OK) status = check_sparse_wiring(frame);
    if (status == GW_OK) status = check_identities(frame);
    if (status == GW_OK) status = check_always(frame);
    if (status == GW_OK) status = check_local(frame);
    return status == GW_OK ? check_size(frame) : status;
}
