/* What is written is what is read, and what is not written has its default. */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "specs.h"

static void test_least(void **state) {
    gw__spec *s = spec_of(LEAST);
    assert_int_equal(s->data.train.n, 1);
    assert_string_equal(s->data.train.at[0], "a.csv");
    assert_int_equal(s->data.test.n, 0);
    assert_int_equal(s->data.valid.kind, GW__SPLIT_NONE);
    assert_true(s->data.header_in_file);
    assert_int_equal(s->data.missing.n, 0);
    assert_int_equal(s->data.separator, 0);
    const gw__feature_spec *d = &s->features.defaults;
    assert_int_equal(d->type, GW__FEATURE_AUTO);
    assert_int_equal(d->n_transforms, 1);
    assert_int_equal(d->transforms[0], GW__TRANSFORM_STANDARD);
    assert_int_equal(d->missing, GW__MISSING_MEAN);
    assert_int_equal(d->dim, 8);
    assert_int_equal(d->min_count, 2);
    assert_int_equal(d->buckets, 0);
    assert_string_equal(d->separator, "|");
    assert_int_equal(d->pooling, GW__POOLING_MEAN);
    assert_null(d->share);
    assert_int_equal(s->features.n_columns, 0);
    assert_int_equal(s->model.architecture, GW__ARCH_MMOE);
    assert_int_equal(s->train.epochs, 10);
    assert_int_equal(s->train.batch, 512);
    assert_true(s->train.shuffle);
    assert_int_equal(s->train.seed, 1);
    assert_int_equal(s->train.optimizer.name, GW__OPT_ADAM);
    assert_true(s->train.optimizer.lr == 0.001 && s->train.optimizer.beta1 == 0.9 && s->train.optimizer.beta2 == 0.999);
    assert_true(s->train.optimizer.eps == 1e-8 && s->train.optimizer.weight_decay == 0 && s->train.optimizer.lazy);
    assert_int_equal(s->train.schedule.kind, GW__SCHEDULE_CONSTANT);
    assert_false(s->train.early_stop.on);
    assert_false(s->train.checkpoint.on);
    gw__spec_free(s);
}

static void test_least_task(void **state) {
    gw__spec *s = spec_of(LEAST);
    assert_int_equal(s->n_tasks, 1);
    const gw__task_spec *t = &s->tasks[0];
    assert_string_equal(t->name, "y");
    assert_string_equal(t->label, "y");
    assert_null(t->positive);
    assert_null(t->given);
    assert_null(t->row_weight);
    assert_null(t->group);
    assert_int_equal(t->type, GW_TASK_BINARY);
    assert_int_equal(t->loss, GW__LOSS_BCE);
    assert_int_equal(t->activation, GW__ACT_SIGMOID);
    assert_true(t->weight == 1 && t->positive_weight == 1 && t->negative_rate == 1 && t->huber_delta == 1);
    gw__spec_free(s);
}

static void test_every_key(void **state) {
    gw__spec *s = spec_of(every_key);
    assert_int_equal(s->data.train.n, 2);
    assert_string_equal(s->data.train.at[1], "logs/day-*.tsv.gz");
    assert_int_equal(s->data.valid.kind, GW__SPLIT_FROM);
    assert_string_equal(s->data.valid.column, "date");
    assert_string_equal(s->data.valid.from, "20220501");
    assert_string_equal(s->data.test.at[0], "t.csv");
    assert_false(s->data.header_in_file);
    assert_int_equal(s->data.names.n, 11);
    assert_string_equal(s->data.names.at[2], "user_id");
    assert_int_equal(s->data.missing.n, 4);
    assert_string_equal(s->data.missing.at[2], "null");
    assert_string_equal(s->data.missing.at[3], "");
    assert_int_equal(s->data.separator, '\t');
    assert_int_equal(s->features.ignore.n, 2);
    assert_int_equal(s->features.n_columns, 7);
    gw__spec_free(s);
}

static void test_every_column(void **state) {
    gw__spec *s = spec_of(every_key);
    const gw__feature_spec *c = s->features.columns;
    assert_string_equal(c[0].name, "age");
    assert_int_equal(c[0].n_transforms, 2);
    assert_int_equal(c[0].transforms[0], GW__TRANSFORM_LOG1P);
    assert_int_equal(c[0].transforms[1], GW__TRANSFORM_STANDARD);
    assert_int_equal(c[0].missing, GW__MISSING_VALUE);
    assert_true(c[0].missing_value == -1.5 && c[0].indicator);
    assert_int_equal(c[1].type, GW__FEATURE_NUMERIC);
    assert_int_equal(c[1].missing, GW__MISSING_MEAN);
    assert_int_equal(c[2].type, GW__FEATURE_CATEGORICAL);
    assert_true(c[2].dim == 8 && c[2].min_count == 5 && c[2].max_rows == 1000 && c[2].unseen_rate == 0.01);
    assert_int_equal(c[3].type, GW__FEATURE_HASHED);
    assert_true(c[3].buckets == 1000000 && c[3].dim == 16);
    assert_int_equal(c[4].type, GW__FEATURE_BAG);
    assert_string_equal(c[4].separator, ";");
    assert_int_equal(c[4].pooling, GW__POOLING_SUM);
    assert_string_equal(c[5].share, "occupation");
    assert_true(c[5].dim == 4 && c[5].min_count == 3); /* of features.default */
    gw__spec_free(s);
}

static void test_every_task(void **state) {
    gw__spec *s = spec_of(every_key);
    const gw__task_spec *t = s->tasks;
    assert_int_equal(s->n_tasks, 5);
    assert_string_equal(t[0].positive, "50000+.");
    assert_true(t[0].positive_weight == 2 && t[0].negative_rate == 0.5);
    assert_string_equal(t[0].group, "user_id");
    assert_string_equal(t[0].row_weight, "w");
    assert_string_equal(t[1].name, "hours worked");
    assert_int_equal(t[1].loss, GW__LOSS_HUBER);
    assert_true(t[1].huber_delta == 2.5 && t[1].weight == 0.25);
    assert_string_equal(t[1].given, "income");
    assert_int_equal(t[2].type, GW_TASK_MULTICLASS);
    assert_int_equal(t[2].loss, GW__LOSS_CROSS_ENTROPY);
    assert_int_equal(t[2].activation, GW__ACT_NONE);
    assert_string_equal(t[2].classes.at[0], "no");
    assert_string_equal(t[2].classes.at[2], "007");
    assert_int_equal(t[3].activation, GW__ACT_SIGMOID);
    assert_int_equal(t[3].loss, GW__LOSS_MSE);
    assert_int_equal(t[4].loss, GW__LOSS_MSE);
    assert_int_equal(t[4].activation, GW__ACT_SIGMOID);
    gw__spec_free(s);
}

/* Whether a path is among a chain's, by the tasks that happen and those that do not. */
static bool has_path(const gw__chain *chain, const gw__path *paths, size_t n, uint32_t yes, uint32_t no) {
    for (size_t i = 0; i < n; i++) {
        uint32_t found[2] = {0, 0};
        for (size_t k = 0; k < chain->n_sources; k++) {
            found[0] |= (paths[i].yes >> k & 1) << chain->sources[k];
            found[1] |= (paths[i].no >> k & 1) << chain->sources[k];
        }
        if (found[0] == yes && found[1] == no) return true;
    }
    return false;
}

/* A chain of a chain is taken apart, and what is left over is found: the tree of Wen et al. 2020, whose tasks are the bits 0 to 3 here. */
static void test_chains(void **state) {
    gw__spec *s = spec_of("data: {train: a.csv}\ntasks:\n  click: binary\n  carted: binary\n  after cart: binary\n  not so: {type: binary, loss: focal}\n"
                          "  cart: {type: binary, chain: [click, carted]}\n  buy: {type: binary, chain: [[cart, after cart], [click, not carted, not so]]}\n"
                          "  leave: {type: binary, chain: [not buy], after: {task: cart, weight: 2}}\n");
    const gw__chain *buy = &s->tasks[5].chain.made, *leave = &s->tasks[6].chain.made, *cart = &s->tasks[4].chain.made;
    assert_true(!s->tasks[3].chain.on && cart->n_yes == 1 && cart->n_no == 2 && has_path(cart, cart->yes, 1, 3, 0));
    assert_true(buy->n_sources == 4 && buy->n_yes == 2 && buy->n_no == 3);
    assert_true(has_path(buy, buy->yes, 2, 1 | 2 | 4, 0) && has_path(buy, buy->yes, 2, 1 | 8, 2));
    assert_true(has_path(buy, buy->no, 3, 0, 1) && has_path(buy, buy->no, 3, 1 | 2, 4) && has_path(buy, buy->no, 3, 1, 2 | 8));
    assert_true(leave->n_yes == 3 && leave->n_no == 2 && has_path(leave, leave->yes, 3, 0, 1) && has_path(leave, leave->no, 2, 1 | 2 | 4, 0));
    assert_true(s->tasks[6].after.on && s->tasks[6].after.at == 4 && s->tasks[6].after.weight == 2);
    gw__spec_free(s);
}

static void test_every_part_of_the_model(void **state) {
    gw__spec *s = spec_of(every_key);
    const gw__model_spec *m = &s->model;
    assert_true(m->architecture == GW__ARCH_PLE && m->levels == 3 && m->experts.count == 1);
    static const uint32_t per_task[] = {0, 1, 2, 3, 1};
    assert_memory_equal(m->experts.per_task, per_task, sizeof per_task);
    assert_int_equal(m->experts.mlp.hidden[0].n, 2);
    assert_int_equal(m->experts.mlp.hidden[1].at[0], 32);
    assert_int_equal(m->experts.mlp.hidden[2].at[2], 8);
    assert_true(m->experts.mlp.activation == GW__ACT_SWISH && m->experts.mlp.dropout == 0.1 && m->experts.mlp.norm == GW__NORM_LAYER);
    assert_false(m->experts.mlp.bias);
    for (int l = 0; l < 3; l++) assert_true(m->gates.hidden[l].n == 1 && m->gates.hidden[l].at[0] == 8);
    assert_true(m->gates.activation == GW__ACT_TANH && m->gates.dropout == 0.2 && !m->gates.bias && m->gates.norm == GW__NORM_NONE);
    assert_true(m->towers.hidden[0].n == 2 && m->towers.hidden[0].at[1] == 8);
    assert_true(m->towers.activation == GW__ACT_GELU && m->towers.dropout == 0.3 && m->towers.norm == GW__NORM_BATCH && !m->towers.bias);
    assert_true(m->init == GW__INIT_NORMAL && m->init_std == 0.02 && m->embedding_std == 0.1);
    gw__spec_free(s);
}

static void test_every_part_of_training(void **state) {
    gw__spec *s = spec_of(every_key);
    const gw__train_spec *t = &s->train;
    assert_true(t->epochs == 20 && t->batch == 0 && !t->shuffle && t->seed == UINT64_MAX && t->data_seed == 3 && t->l2 == 1e-6);
    assert_true(t->optimizer.name == GW__OPT_SGD && t->optimizer.lr == 0.001 && t->optimizer.momentum == 0.9 && t->optimizer.nesterov);
    assert_true(t->optimizer.weight_decay == 1e-5 && !t->optimizer.lazy);
    assert_true(t->schedule.kind == GW__SCHEDULE_STEP && t->schedule.gamma == 0.5 && t->schedule.every == 3 && t->schedule.warmup == 0.5);
    assert_true(t->clip_norm == 1 && t->clip_value == 0.5);
    assert_true(t->early_stop.on && t->early_stop.patience == 4 && t->early_stop.min_delta == 0.001);
    assert_string_equal(t->early_stop.metric, "income.gauc");
    assert_true(t->checkpoint.on && t->checkpoint.every_steps == 1000);
    gw__spec_free(s);
}

/* One list per level, and towers have one level. */
static void test_tower_levels(void **state) {
    gw__spec *s = spec_of(LEAST "model: {towers: {hidden: [[16, 8]]}}\n");
    assert_true(s->model.towers.hidden[0].n == 2 && s->model.towers.hidden[0].at[0] == 16 && s->model.towers.hidden[0].at[1] == 8);
    gw__spec_free(s);
    s = spec_of(LEAST "model: {towers: {hidden: [[]]}}\n");
    assert_int_equal(s->model.towers.hidden[0].n, 0);
    gw__spec_free(s);
}

/* architecture, levels, shared experts, experts of each task */
static const struct { const char *name; uint32_t levels, shared, own; } architectures[GW__ARCHITECTURES] = {
    {"single-task", 1, 0, 1}, {"shared-bottom", 1, 1, 0}, {"averaged", 1, 8, 0}, {"moe", 1, 8, 0},
    {"omoe", 1, 8, 0},        {"mmoe", 1, 8, 0},          {"cgc", 1, 2, 2},      {"ple", 2, 2, 2},
    {"adatt-sp", 2, 0, 2},    {"adatt", 2, 2, 2},         {"cross-stitch", 2, 0, 1},
    {"snr-aver", 2, 8, 0},    {"snr-trans", 2, 8, 0},     {"l2-constrained", 1, 0, 1},
    {"local-experts", 1, 8, 0},
    {"tensor-factorization", 1, 0, 1}, {"home", 2, 2, 2}, {"stem", 1, 2, 2}, {"aitm", 1, 0, 1}, {"custom", 1, 0, 0},
};

static void test_architecture_alone(void **state) {
    for (size_t a = 0; a < GW__ARCHITECTURES; a++) {
        char yaml[256];
        bool one = a == GW__ARCH_MOE || a == GW__ARCH_LOCAL_EXPERTS;
        snprintf(yaml, sizeof yaml, "data: {train: a.csv}\ntasks: {y: binary%s}\nmodel: {architecture: %s%s}\n", one ? "" : ", z: regression",
                 architectures[a].name, a == GW__ARCH_CUSTOM ? ", wiring: {levels: [{experts: {x: 2}, gates: {all: x}}]}" : "");
        gw__spec *s = spec_of(yaml);
        assert_int_equal(s->model.architecture, a);
        assert_string_equal(gw__architecture_name(s->model.architecture), architectures[a].name);
        assert_int_equal(s->model.levels, architectures[a].levels);
        assert_int_equal(s->model.experts.count, architectures[a].shared);
        for (size_t t = 0; t < s->n_tasks; t++) assert_int_equal(s->model.experts.per_task[t], architectures[a].own);
        for (size_t l = 0; l < s->model.levels; l++) {
            const size_t layers = a == GW__ARCH_CROSS_STITCH ? 1 : 2;
            assert_true(s->model.experts.mlp.hidden[l].n == layers && s->model.experts.mlp.hidden[l].at[0] == (layers == 1 && l ? 32 : 64));
            assert_int_equal(s->model.gates.hidden[l].n, 0);
        }
        assert_int_equal(s->model.towers.hidden[0].n, a != GW__ARCH_AITM);
        if (a != GW__ARCH_AITM) assert_int_equal(s->model.towers.hidden[0].at[0], 16);
        assert_true(s->model.gates.bias && s->model.towers.bias && s->model.experts.mlp.bias);
        assert_int_equal(s->model.experts.mlp.activation, a == GW__ARCH_HOME ? GW__ACT_SWISH : GW__ACT_RELU);
        assert_int_equal(s->model.experts.mlp.norm, a == GW__ARCH_HOME ? GW__NORM_BATCH : GW__NORM_NONE);
        gw__spec_free(s);
    }
}

/* One spec serves several architectures: what one of them does not use says nothing. */
static void test_keys_of_other_architectures(void **state) {
    static const struct { const char *name, *experts; bool gates; } cases[] = {
        {"single-task", "", false}, {"shared-bottom", "", false}, {"averaged", ", count: 3", false}, {"moe", ", count: 3", true},
        {"omoe", ", count: 3", true}, {"mmoe", ", count: 3", true}, {"cgc", ", shared: 1, per_task: 4", true}, {"ple", ", shared: 1, per_task: 4", true},
        {"adatt-sp", ", per_task: 4", true}, {"adatt", ", shared: 1, per_task: 4", true}, {"cross-stitch", "", false},
        {"snr-aver", ", count: 3", false}, {"snr-trans", ", count: 3", false}, {"l2-constrained", "", false},
        {"local-experts", ", count: 3", true}, {"tensor-factorization", "", false}, {"home", ", shared: 1, per_task: 4", true},
        {"stem", ", shared: 1, per_task: 4", true}, {"aitm", "", false},
    };
    assert_int_equal(GW__COUNT(cases), GW__ARCHITECTURES - 1); /* `custom` is nothing without its wiring */
    for (size_t i = 0; i < GW__COUNT(cases); i++) {
        char set[64], alone[256];
        snprintf(set, sizeof set, "model.architecture=%s", cases[i].name);
        snprintf(alone, sizeof alone, LEAST "model: {architecture: %s, experts: {hidden: [4]%s}%s%s}\n", cases[i].name, cases[i].experts,
                 cases[i].gates ? ", gates: {hidden: [5]}" : "", strcmp(cases[i].name, "local-experts") == 0 ? "" : ", towers: {hidden: [6]}");
        gw__spec *own = spec_of(alone), *all = spec_with(LEAST "model: {experts: {hidden: [4], count: 3, shared: 1, per_task: 4}, "
                                                               "gates: {hidden: [5]}, towers: {hidden: [6]}}\n", set);
        char *a = canonical_of(all), *b = canonical_of(own);
        assert_string_equal(a, b);
        free(a);
        free(b);
        gw__spec_free(all);
        gw__spec_free(own);
    }
}

/* Wide layers whose weights are factors are small. */
static void test_size_of_factors(void **state) {
    gw__spec *s = spec_of(LEAST "model: {architecture: tensor-factorization, experts: {hidden: [65536, 65536]}}\n");
    assert_int_equal(s->model.ranks.input, 16);
    gw__spec_free(s);
}

static void test_forms_of_valid(void **state) {
    static const struct { const char *form; gw__split_kind kind; } forms[] = {
        {"null", GW__SPLIT_NONE},           {"{fraction: 0.25}", GW__SPLIT_FRACTION},
        {"v.csv", GW__SPLIT_FILES},         {"[v.csv, w.csv]", GW__SPLIT_FILES},
        {"{column: d, from: x}", GW__SPLIT_FROM}, {"{column: u, fraction: 0.25}", GW__SPLIT_GROUP},
    };
    for (size_t i = 0; i < GW__COUNT(forms); i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, "data: {train: a.csv, valid: %s}\ntasks: {y: binary}\n", forms[i].form);
        gw__spec *s = spec_of(yaml);
        assert_int_equal(s->data.valid.kind, forms[i].kind);
        if (strstr(forms[i].form, "fraction") != NULL) assert_true(s->data.valid.fraction == 0.25);
        gw__spec_free(s);
    }
}

static void test_separators(void **state) {
    static const struct { const char *form; char separator; } forms[] = {
        {"tab", '\t'}, {"\"\\t\"", '\t'}, {"'\\t'", '\t'}, {";", ';'}, {"\"|\"", '|'}, {"','", ','}, {"~", 0}};
    for (size_t i = 0; i < GW__COUNT(forms); i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, "data: {train: a.csv}\ntasks: {y: binary}\n");
        char set[64];
        snprintf(set, sizeof set, "data.separator=%s", forms[i].form);
        gw__spec *s = spec_with(yaml, set);
        assert_int_equal(s->data.separator, forms[i].separator);
        gw__spec_free(s);
    }
}

/* Text keeps its source, whatever YAML 1.1 would make of it. */
static void test_source_text(void **state) {
    static const char *const texts[] = {"50000+.", "007", "no", "yes", "1_000", "0x1F", "1:30", "2022-05-01", "on", "1e3", ".5", "true", "None"};
    for (size_t i = 0; i < GW__COUNT(texts); i++) {
        char set[64];
        for (int quoted = 0; quoted < 2; quoted++) {
            snprintf(set, sizeof set, quoted ? "tasks.y.positive='%s'" : "tasks.y.positive=%s", texts[i]);
            gw__spec *s = spec_with(LEAST, set);
            assert_string_equal(s->tasks[0].positive, texts[i]);
            gw__spec_free(s);
        }
    }
    gw__spec *s = spec_with(LEAST, "tasks.y.positive='null'");
    assert_string_equal(s->tasks[0].positive, "null");
    gw__spec_free(s);
    s = spec_with(LEAST, "tasks.y.positive=null");
    assert_null(s->tasks[0].positive);
    gw__spec_free(s);
}

static void test_shorthands(void **state) {
    gw__spec *s = spec_of("data: {train: a.csv, valid: v.csv}\ntasks: {y: {positive: 1}, r: regression}\nfeatures: {default: categorical, columns: {n: numeric, k: }}\n"
                          "model: cgc\ntrain: {optimizer: adamw, schedule: cosine, clip: 2, early_stop: y.auc, checkpoint: 50}\n");
    assert_int_equal(s->tasks[0].type, GW_TASK_BINARY); /* by `positive` */
    assert_int_equal(s->tasks[1].type, GW_TASK_REGRESSION);
    assert_int_equal(s->features.columns[0].type, GW__FEATURE_NUMERIC);
    assert_int_equal(s->features.columns[1].type, GW__FEATURE_CATEGORICAL);
    assert_int_equal(s->model.architecture, GW__ARCH_CGC);
    assert_true(s->train.optimizer.name == GW__OPT_ADAMW && s->train.optimizer.weight_decay == 0.01);
    assert_int_equal(s->train.schedule.kind, GW__SCHEDULE_COSINE);
    assert_true(s->train.clip_norm == 2);
    assert_string_equal(s->train.early_stop.metric, "y.auc");
    assert_int_equal(s->train.early_stop.patience, 3);
    assert_int_equal(s->train.checkpoint.every_steps, 50);
    gw__spec_free(s);
    s = spec_with(LEAST, "train.checkpoint=epoch");
    assert_true(s->train.checkpoint.on && s->train.checkpoint.every_steps == 0);
    gw__spec_free(s);
}

static void test_optimizer_defaults(void **state) {
    static const struct { const char *name; double lr, eps, decay; } rows[] = {
        {"adam", 0.001, 1e-8, 0}, {"adamw", 0.001, 1e-8, 0.01}, {"adagrad", 0.01, 1e-10, 0}, {"sgd", 0.01, 1e-8, 0}};
    for (size_t i = 0; i < GW__COUNT(rows); i++) {
        char set[64];
        snprintf(set, sizeof set, "train.optimizer=%s", rows[i].name);
        gw__spec *s = spec_with(LEAST, set);
        const gw__optimizer_spec *o = &s->train.optimizer;
        assert_true(o->lr == rows[i].lr && o->eps == rows[i].eps && o->weight_decay == rows[i].decay);
        gw__spec_free(s);
    }
}

static void test_optimizer_of_embeddings(void **state) {
    gw__spec *s = spec_of(LEAST);
    assert_false(s->train.optimizer.embeddings.on);
    gw__spec_free(s);
    s = spec_with(LEAST, "train.optimizer.embeddings=rowwise-adagrad");
    const gw__optimizer_spec *o = &s->train.optimizer;
    assert_true(o->embeddings.on && o->embeddings.name == GW__TABLE_OPT_ROWWISE_ADAGRAD && o->name == GW__OPT_ADAM && o->lr == 0.001);
    assert_true(o->embeddings.lr == 0.01 && o->embeddings.eps == 1e-10 && o->embeddings.weight_decay == 0);
    gw__spec_free(s);
}

static void test_balance(void **state) {
    gw__spec *s = spec_of(LEAST), *fixed = spec_with(LEAST, "train.balance={method: fixed}");
    char *a = canonical_of(s), *b = canonical_of(fixed);
    assert_true(!s->train.balance.on && s->train.balance.method == GW__BALANCE_FIXED && !fixed->train.balance.on);
    assert_string_equal(a, b); /* what is as it was leaves no trace in a model */
    assert_null(strstr(a, "balance"));
    free(a), free(b);
    gw__spec_free(s), gw__spec_free(fixed);
    s = spec_with(LEAST, "train.balance=cagrad");
    assert_true(s->train.balance.on && s->train.balance.method == GW__BALANCE_CAGRAD && s->train.balance.c == 0.5);
    gw__spec_free(s);
    static const struct { const char *method; double lr; } rates[] = {{"uncertainty", 0.01}, {"imtl", 0.01}, {"gradnorm", 0.025}, {"famo", 0.025}};
    for (size_t i = 0; i < GW__COUNT(rates); i++) {
        char set[64];
        snprintf(set, sizeof set, "train.balance=%s", rates[i].method);
        s = spec_with(LEAST, set);
        assert_true(s->train.balance.lr == rates[i].lr);
        gw__spec_free(s);
    }
    s = spec_of("data: {train: a}\ntasks: {y: binary, z: binary}\ntrain: {balance: {method: decayed, gamma: {z: 0.5, y: 1}, every: 10}}\n");
    assert_true(s->train.balance.gamma[0] == 1 && s->train.balance.gamma[1] == 0.5 && s->train.balance.every_steps == 10);
    gw__spec_free(s);
}

static void write_file(const char *path, const char *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

#define WITH_NAMES "data: {train: a.csv, header: names.txt}\ntasks: {y: {type: binary}}\n"

static void test_header_from_a_file(void **state) {
    static const char names[] = "\xEF\xBB\xBF" "age\r\n\n  Größe \n#x\n\t\nlast";
    write_file("names.txt", names, sizeof names - 1);
    gw__spec *s = spec_of(WITH_NAMES);
    assert_false(s->data.header_in_file);
    assert_string_equal(s->data.header_path, "names.txt");
    assert_int_equal(s->data.names.n, 4);
    assert_string_equal(s->data.names.at[0], "age");
    assert_string_equal(s->data.names.at[1], "Größe");
    assert_string_equal(s->data.names.at[2], "#x");
    assert_string_equal(s->data.names.at[3], "last");
    char *json = canonical_of(s);
    assert_non_null(strstr(json, "\"header\":[\"age\",\"Größe\",\"#x\",\"last\"]"));
    assert_null(strstr(json, "names.txt"));
    free(json);
    gw__spec_free(s);
}

static void test_broken_header_files(void **state) {
    write_file("names.txt", "a\nb\n\na\n", 7);
    refused(WITH_NAMES, NULL, "names.txt", 4, 0, "column name 'a' stands there twice");
    write_file("names.txt", " \n\n", 3);
    refused(WITH_NAMES, NULL, "names.txt", 0, 0, "expected column names, one a line, but the file has none");
    write_file("names.txt", "a\0b", 3);
    refused(WITH_NAMES, NULL, "names.txt", 0, 0, "expected column names in UTF-8, one a line");
    write_file("names.txt", "a\xFF", 2);
    refused(WITH_NAMES, NULL, "names.txt", 0, 0, "expected column names in UTF-8, one a line");
    assert_int_equal(unlink("names.txt"), 0);
    gw__spec *spec = NULL;
    gw_error err = {0};
    assert_int_equal(gw__spec_parse(WITH_NAMES, strlen(WITH_NAMES), "s.yaml", NULL, 0, &spec, &err), GW_E_IO);
    assert_null(spec);
}

static void test_files(void **state) {
    write_file("s.yaml", LEAST, strlen(LEAST));
    gw__spec *s = NULL;
    gw_error err = {0};
    assert_int_equal(gw__spec_read("s.yaml", NULL, 0, &s, &err), GW_OK);
    gw__spec_free(s);
    static const char json[] = "{\"data\":{\"train\":[\"a.csv\"]},\"tasks\":{\"y\":{\"type\":\"binary\"}}}";
    write_file("s.json", json, sizeof json - 1);
    s = NULL;
    assert_int_equal(gw__spec_read("s.json", NULL, 0, &s, &err), GW_OK);
    assert_string_equal(s->tasks[0].label, "y");
    gw__spec_free(s);
    write_file("s.json", json, sizeof json - 2);
    s = NULL;
    assert_int_equal(gw__spec_read("s.json", NULL, 0, &s, &err), GW_E_CONFIG);
    assert_int_equal(err.code, GW_E_CONFIG);
    assert_string_equal(err.where, "s.json");
    assert_int_equal(err.line, 1);
    assert_null(s);
    assert_int_equal(gw__spec_read("no such file.yaml", NULL, 0, &s, &err), GW_E_IO);
    assert_int_equal(unlink("s.json") | unlink("s.yaml"), 0);
}

int main(void) {
    char directory[] = "/tmp/gw-spec-XXXXXX";
    if (mkdtemp(directory) == NULL || chdir(directory) != 0) return 99;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_least), cmocka_unit_test(test_least_task), cmocka_unit_test(test_every_key), cmocka_unit_test(test_every_column),
        cmocka_unit_test(test_every_task), cmocka_unit_test(test_every_part_of_the_model), cmocka_unit_test(test_every_part_of_training),
        cmocka_unit_test(test_tower_levels),
        cmocka_unit_test(test_architecture_alone), cmocka_unit_test(test_keys_of_other_architectures), cmocka_unit_test(test_size_of_factors),
        cmocka_unit_test(test_forms_of_valid),
        cmocka_unit_test(test_separators),
        cmocka_unit_test(test_source_text), cmocka_unit_test(test_shorthands), cmocka_unit_test(test_optimizer_defaults), cmocka_unit_test(test_optimizer_of_embeddings),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_header_from_a_file), cmocka_unit_test(test_broken_header_files), cmocka_unit_test(test_files),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(directory) != 0 ? 98 : failed;
}
