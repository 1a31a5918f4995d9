/* The spec: what the user wrote, as typed data with every default resolved. It computes nothing; feat, model and train read it.
 * Strings and arrays live in the spec's arena. docs/spec.md is the reference; the field table in spec/fields.c feeds decoding, canonical
 * JSON, did-you-mean and a test of that page. */
#ifndef GW_SPEC_SPEC_H
#define GW_SPEC_SPEC_H

#include "base/doc.h"
#include "kern/chain.h"
#include "kern/roster.h"

/* ---- data ---- */
typedef struct gw__texts { const char *const *at; size_t n; } gw__texts;

typedef enum gw__split_kind {
    GW__SPLIT_NONE,     /* every row trains */
    GW__SPLIT_FRACTION, /* a pure function of (seed, row number) */
    GW__SPLIT_FILES,    /* a file, list or pattern of its own */
    GW__SPLIT_FROM,     /* rows whose `column` is >= `from` (as numbers if both are, else as text) */
    GW__SPLIT_GROUP,    /* a fraction of the distinct values of `column`: a pure function of (seed, value) */
} gw__split_kind;

typedef struct gw__data_spec {
    gw__texts train, test;       /* paths or patterns; test may be empty */
    struct {
        gw__split_kind kind;
        double fraction;
        gw__texts files;
        const char *column, *from;
    } valid;
    bool header_in_file;         /* header: true */
    gw__texts names;             /* header: a list, or the names read from header_path when the spec was read */
    const char *header_path;     /* NULL unless header named a file */
    char separator;              /* 0: by the file's name */
    gw__texts missing;           /* texts that mean 'no value' */
} gw__data_spec;

/* ---- features ---- */
typedef enum gw__feature_type { GW__FEATURE_AUTO, GW__FEATURE_NUMERIC, GW__FEATURE_CATEGORICAL, GW__FEATURE_HASHED, GW__FEATURE_BAG } gw__feature_type;
typedef enum gw__transform { GW__TRANSFORM_STANDARD, GW__TRANSFORM_MINMAX, GW__TRANSFORM_LOG1P, GW__TRANSFORM_QUANTILE, GW__TRANSFORM_NONE } gw__transform;
typedef enum gw__missing { GW__MISSING_MEAN, GW__MISSING_MEDIAN, GW__MISSING_ZERO, GW__MISSING_VALUE, GW__MISSING_FAIL } gw__missing;
typedef enum gw__pooling { GW__POOLING_SUM, GW__POOLING_MEAN } gw__pooling;

typedef struct gw__feature_spec {
    const char *name;          /* the column */
    gw__feature_type type;
    gw__transform transforms[4]; /* numeric: applied in order (`transform:` one name or a list); default standard */
    size_t n_transforms;
    gw__missing missing;       /* numeric: what stands for no value, fitted on the training part, before the transforms; default mean */
    double missing_value;
    bool indicator;            /* numeric: a second input, 1 where there was no value */
    uint32_t dim;              /* embedding width; default 8 */
    uint32_t min_count;        /* categorical, bag: rarer values share the unseen row; default 2 */
    uint32_t max_rows;         /* categorical, bag: at most so many vocabulary rows, the most frequent; 0: no limit */
    double unseen_rate;        /* categorical, bag: this share of training cells is replaced by the unseen row, so that it learns; default 0 */
    uint64_t buckets;          /* hashed; and bag when > 0 */
    const char *separator;     /* bag; default "|" */
    gw__pooling pooling;       /* bag; default mean */
    const char *share;         /* name of the embedding table that several columns use; NULL: the feature's own */
} gw__feature_spec;

typedef struct gw__features_spec {
    gw__texts ignore;
    gw__feature_spec defaults;    /* features.default, for columns without an entry; name NULL */
    const gw__feature_spec *columns; /* explicit entries, in the spec's order */
    size_t n_columns;
} gw__features_spec;

/* ---- tasks ---- */
typedef struct gw__task_spec {
    const char *name;
    gw_task_type type;
    const char *label;            /* column; default: the name */
    const char *positive;         /* binary: the text that is 1; NULL: cells are 0 or 1 */
    gw__texts classes;            /* multiclass, ordinal: names in order; empty: fitted (numeric order if all are numbers, else byte order) */
    const double *quantiles;      /* quantile: ascending */
    size_t n_quantiles;
    gw__loss loss;
    gw__activation activation;    /* of the head. binary: sigmoid inside bce; with another loss it is applied before the loss */
    double huber_delta;           /* default 1 */
    double focal_gamma, focal_alpha; /* default 2; 0: no alpha */
    double weight;                /* of the task in the sum; default 1 */
    const char *given;            /* a binary task's name or a column: rows where it is not 1 are outside the sample space. NULL: all */
    const char *row_weight;       /* column; NULL: every row 1 */
    double positive_weight;       /* binary, bce: the loss of positives times this; probabilities are corrected; default 1 */
    double negative_rate;         /* binary: this share of the negatives is kept in training (a pure function of seed and row);
                                     probabilities are corrected; default 1 */
    const char *group;            /* column of grouped AUC; NULL: none */
    struct {                      /* the probability is that of other tasks together; such a task has no tower */
        bool on;
        const gw__texts *paths;   /* as written: "click", "not cart" */
        size_t n;
        gw__chain made;           /* over indices of tasks */
    } chain;
    struct { bool on; const char *task; double weight; size_t at; } after; /* an event that comes after that of `task`, whose index is `at` */
    const char *category;         /* home: whose experts it shares; NULL: "all" */
} gw__task_spec;

/* Whether a type of task is in a roster's set of types. */
#define GW__FOR(type) (1u << GW_TASK_##type)

static inline bool gw__task_has_classes(const gw__task_spec *task) { return task->type == GW_TASK_MULTICLASS || task->type == GW_TASK_ORDINAL; }
/* Whether labels below 0 mean nothing. */
static inline bool gw__task_not_negative(const gw__task_spec *task) { return task->type == GW_TASK_COUNT || task->loss == GW__LOSS_ZILN; }

/* Whether its probability is s(logit). */
static inline bool gw__task_is_logit(const gw__task_spec *task) { return task->loss == GW__LOSS_BCE || task->loss == GW__LOSS_FOCAL; }
static inline bool gw__task_has_tower(const gw__task_spec *task) { return !task->chain.on; }

/* ---- model ---- */
/* What each has of experts, levels and gates is a row in resolve.c; how they are wired, one in model/wiring.c. */
#define GW__ARCHITECTURE_ROSTER(X)      \
    X(SINGLE_TASK, "single-task")       \
    X(SHARED_BOTTOM, "shared-bottom")   \
    X(AVERAGED, "averaged")             \
    X(MOE, "moe")                       \
    X(OMOE, "omoe")                     \
    X(MMOE, "mmoe")                     \
    X(CGC, "cgc")                       \
    X(PLE, "ple")                       \
    X(ADATT_SP, "adatt-sp")             \
    X(ADATT, "adatt")                   \
    X(CROSS_STITCH, "cross-stitch")     \
    X(SNR_AVER, "snr-aver")             \
    X(SNR_TRANS, "snr-trans")           \
    X(L2_CONSTRAINED, "l2-constrained") \
    X(LOCAL_EXPERTS, "local-experts")   \
    X(TENSOR_FACTORIZATION, "tensor-factorization") \
    X(HOME, "home")                     \
    X(STEM, "stem")                     \
    X(AITM, "aitm")                     \
    X(CUSTOM, "custom")
#define GW__ARCHITECTURE_NAME(name, word) GW__ARCH_##name,
typedef enum gw__architecture { GW__ARCHITECTURE_ROSTER(GW__ARCHITECTURE_NAME) GW__ARCHITECTURES } gw__architecture;
#undef GW__ARCHITECTURE_NAME

/* What different programs call PLE. The paper's is the first. */
#define GW__PLE_ROSTER(X)                   \
    X(PAPER, "paper")                       \
    X(RAW_GATES, "raw-gates")               /* gates see the dense input on every level */ \
    X(SHARED_ONLY, "shared-only")           /* the shared gate sees the shared experts alone */ \
    X(NO_SHARED_GATE, "no-shared-gate")     /* a shared expert reads the one of its number below */
#define GW__PLE_NAME(name, word) GW__PLE_##name,
typedef enum gw__ple { GW__PLE_ROSTER(GW__PLE_NAME) } gw__ple;
#undef GW__PLE_NAME

typedef struct gw__widths { const uint32_t *at; size_t n; } gw__widths; /* one MLP's hidden widths */

typedef struct gw__mlp_spec {
    const gw__widths *hidden;  /* per level (towers: one) */
    gw__activation activation;
    double dropout;            /* after each activation */
    gw__norm norm;             /* between the linear map and the activation; gates: none */
    bool bias;
} gw__mlp_spec;

#define GW__TOP_K_LIMIT 64

/* How a gate's weights come from its logits: docs/architectures.md. What is left at its default costs nothing. */
typedef struct gw__gating_spec {
    double temperature;        /* the softmax is of logits / temperature */
    double dropout;            /* share of a gate's weights dropped in training, the others renormalised */
    uint32_t top_k;            /* experts that a row keeps, the others are not computed; 0: all */
    bool renormalise;          /* the softmax is over what is kept; else over all, of which the kept values stay */
    bool noise;                /* training: logits + N(0,1) softplus(x W_noise) */
    struct {                   /* weights of the losses that balance experts */
        bool on;
        double importance, load, even, z;
        double bias;           /* no loss: what is added to an expert's bias of selection in a step */
    } balance;
} gw__gating_spec;

typedef enum gw__init { GW__INIT_PYTORCH, GW__INIT_GLOROT, GW__INIT_HE, GW__INIT_NORMAL } gw__init;

/* What experts that predict learn from: Jacobs et al. 1991, eq. 1.1-1.3. */
#define GW__LOCAL_ERROR_ROSTER(X)      \
    X(MIXTURE, "mixture")              /* likelihood of a mixture of Gaussians */ \
    X(COMPETITIVE, "competitive")      /* each expert's own error, weighted by its gate */ \
    X(COOPERATIVE, "cooperative")      /* the error of their weighted mean */
#define GW__LOCAL_ERROR_NAME(name, word) GW__LOCAL_##name,
typedef enum gw__local_error { GW__LOCAL_ERROR_ROSTER(GW__LOCAL_ERROR_NAME) } gw__local_error;
#undef GW__LOCAL_ERROR_NAME

/* Connections that are open or closed: hard-concrete distributions (Louizos et al. 2018). */
typedef struct gw__connections_spec {
    double lambda;      /* of the expected number of open ones, in the objective */
    double beta;        /* temperature */
    double gamma, zeta; /* the sigmoid is stretched to this interval, which holds [0,1] inside, and cut off */
} gw__connections_spec;

/* A wiring in full: of `custom`. Every default is resolved. */
#define GW__WIRED_GATE_ROSTER(X) X(SOFTMAX, "softmax") X(AVERAGE, "average") X(STITCH, "stitch") X(CONNECT, "connect")
#define GW__WIRED_GATE_NAME(name, word) GW__WIRED_##name,
typedef enum gw__wired_gate { GW__WIRED_GATE_ROSTER(GW__WIRED_GATE_NAME) } gw__wired_gate;
#undef GW__WIRED_GATE_NAME

typedef struct gw__group_spec {
    const char *name;
    uint32_t count;
    gw__texts reads;           /* one stream of the level below or "input", or one for each expert */
    bool identity;             /* its experts are what they read */
} gw__group_spec;

typedef struct gw__stream_spec {
    const char *name;
    const char *reads;         /* what the logits are computed from */
    gw__texts sees, residual;  /* groups, or experts as "group.0" */
    uint32_t n_experts;        /* that it sees */
    gw__wired_gate kind;
} gw__stream_spec;

typedef struct gw__level_spec {
    const gw__group_spec *groups;
    size_t n_groups;
    const gw__stream_spec *streams;
    size_t n_streams;
} gw__level_spec;

typedef struct gw__wiring_spec {
    const gw__level_spec *levels; /* NULL: there is none */
    size_t n_levels;
    const char *const *towers;    /* [T] streams of the last level; NULL of a task without a tower */
} gw__wiring_spec;

/* The experts that a name in `sees` stands for: from the first one on, in the order of the groups. False: none. */
bool gw__level_experts(const gw__level_spec *level, const char *name, uint32_t *ret_first, uint32_t *ret_n);

typedef struct gw__model_spec {
    gw__architecture architecture;
    uint32_t levels;
    gw__ple ple;
    gw__local_error error;            /* local-experts */
    gw__wiring_spec wiring;           /* custom */
    gw__connections_spec connections; /* snr-aver, snr-trans */
    double alpha;                     /* l2-constrained: of the squared distance between the tasks' parameters, in the objective */
    struct {
        uint32_t count;           /* shared experts: `count` of moe, omoe, mmoe, averaged; `shared` of cgc, ple, adatt, home, stem; 1 of shared-bottom; else 0 */
        uint32_t always;          /* of `count`, the first so many are in every row's sum, beside the gate's */
        const uint32_t *per_task; /* [T] experts of each task: cgc, ple, adatt, adatt-sp, home, stem; 1 of single-task, cross-stitch, aitm, …; else 0 */
        uint32_t per_category;    /* home: of each category of tasks */
        gw__mlp_spec mlp;
    } experts;
    gw__mlp_spec gates, towers;
    gw__gating_spec gating;
    struct { uint32_t input, output, task; } ranks; /* tensor-factorization: of the tensor of all tasks' weights, at most its sides */
    struct { uint32_t count, rank; } feature_gates; /* home: of each expert; count 0: none */
    bool self_gates;              /* home */
    gw__texts sequence;           /* aitm: tasks, each of which hands on what it knows to the next; empty: all in their order */
    gw__init init;                /* dense layers; `normal` has standard deviation init_std */
    double init_std, embedding_std;
} gw__model_spec;

/* ---- train ---- */
typedef enum gw__schedule_kind { GW__SCHEDULE_CONSTANT, GW__SCHEDULE_STEP, GW__SCHEDULE_EXPONENTIAL, GW__SCHEDULE_COSINE } gw__schedule_kind;

typedef enum gw__table_optimizer { GW__TABLE_OPT_ROWWISE_ADAGRAD } gw__table_optimizer;

typedef struct gw__optimizer_spec {
    gw__optimizer_name name;
    double lr, beta1, beta2, eps; /* eps: 1e-8 (adagrad 1e-10), as PyTorch */
    double momentum;
    bool nesterov;
    double weight_decay;          /* as PyTorch: in the gradient; adamw: decoupled (default 0.01) */
    bool lazy;                    /* embeddings: touched rows only (default true) */
    struct {                      /* of the embedding tables; off: as above */
        bool on;
        gw__table_optimizer name;
        double lr, eps, weight_decay;
    } embeddings;
} gw__optimizer_spec;

/* How the tasks are balanced: docs/balancing.md. */
#define GW__BALANCE_ROSTER(X)      \
    X(FIXED, "fixed")              \
    X(DECAYED, "decayed")          \
    X(UNCERTAINTY, "uncertainty")  \
    X(DWA, "dwa")                  \
    X(GRADNORM, "gradnorm")        \
    X(PCGRAD, "pcgrad")            \
    X(MGDA, "mgda")                \
    X(CAGRAD, "cagrad")            \
    X(IMTL, "imtl")                \
    X(NASH, "nash")                \
    X(FAMO, "famo")                \
    X(RANDOM, "random")
#define GW__BALANCE_NAME(name, word) GW__BALANCE_##name,
typedef enum gw__balance_method { GW__BALANCE_ROSTER(GW__BALANCE_NAME) GW__BALANCES } gw__balance_method;
#undef GW__BALANCE_NAME

typedef enum gw__balance_norm { GW__BALANCE_NORM_NONE, GW__BALANCE_NORM_LENGTH, GW__BALANCE_NORM_LOSS, GW__BALANCE_NORM_BOTH } gw__balance_norm;

typedef struct gw__balance_spec {
    bool on;                      /* false: fixed */
    gw__balance_method method;
    const double *gamma;          /* decayed: [T] factor, every so many steps; NULL elsewhere */
    uint64_t every_steps;         /* 0: every epoch */
    double temperature;           /* dwa */
    double alpha;                 /* gradnorm: power of the relative training rate */
    gw__balance_norm normalise;   /* mgda: what gradients are divided by to find their shares */
    double c;                     /* cagrad: radius around the mean gradient, as a share of its length */
    bool scale_losses;            /* imtl: IMTL-L, too */
    double max_norm;              /* nash: greatest length of the direction; 0: any */
    double lr;                    /* of weights that are learned: uncertainty, gradnorm, imtl, famo */
    double decay;                 /* famo */
} gw__balance_spec;

typedef struct gw__train_spec {
    uint32_t epochs;
    uint64_t batch;               /* 0: the whole training part (`batch: full`) */
    bool shuffle;
    uint64_t seed;
    uint64_t data_seed;           /* of what is drawn in the data: the split, unseen_rate, negative_rate; default: seed */
    gw__optimizer_spec optimizer;
    struct {
        gw__schedule_kind kind;
        double gamma;             /* step, exponential: factor */
        uint32_t every;           /* step: epochs between factors */
        double floor;             /* cosine: the least share of lr */
        double warmup;            /* epochs (may be a fraction) of linear growth from 0 to lr, before the schedule proper */
    } schedule;
    double clip_norm, clip_value; /* 0: off */
    gw__balance_spec balance;
    double l2;                    /* adds l2/2 |w|^2 over dense weights (not biases) to the objective */
    struct { bool on; const char *metric; uint32_t patience; double min_delta; } early_stop; /* metric: mean, loss, TASK.METRIC */
    struct { bool on; uint64_t every_steps; } checkpoint; /* every_steps 0: every epoch */
} gw__train_spec;

typedef struct gw__spec {
    gw__arena arena;
    size_t holders;               /* besides the first, see gw__spec_hold */
    gw__data_spec data;
    gw__features_spec features;
    const gw__task_spec *tasks;
    size_t n_tasks;
    gw__model_spec model;
    gw__train_spec train;
} gw__spec;

/* Read a spec file (.json by the JSON reader, else YAML), with `overrides` ("key.path=value", value YAML) applied, every key checked, every
 * default resolved. Errors are GW_E_CONFIG with file:line:column and the nearest known key. Owned by the caller (gw__spec_free). */
gw_status gw__spec_read(const char *path, const char *const *overrides, size_t n_overrides, gw__spec **ret_spec, gw_error *err);
/* The same of text in memory; `name` ends in .json for JSON. */
gw_status gw__spec_parse(const char *text, size_t n, const char *name, const char *const *overrides, size_t n_overrides,
                         gw__spec **ret_spec, gw_error *err);
/* The spec that training options name: a file or a text, with the overrides applied. */
gw_status gw__options_spec(const gw_train_options *options, gw__spec **ret_spec, gw_error *err);
/* Standard input can be read once: options that name it get its text instead, which is owned by the caller (gw__aligned_free). Others stay as they are. */
gw_status gw__options_keep(gw_train_options *options, char **ret_text, gw_error *err);
/* What is wrong with a spec that shows only with the table: an error of GW_E_CONFIG whose `where` is a key path, such as "tasks.click.label", is
 * given the place of that key in the spec's text, or the --set that wrote it. Others are left as they are. */
void gw__spec_blame(const gw_train_options *options, gw_error *err);
/* The canonical JSON that a model holds, read back: opens no file, whatever it says, and needs no YAML. */
gw_status gw__spec_restore(const char *json, size_t n, const char *name, gw__spec **ret_spec, gw_error *err);
void gw__spec_free(gw__spec *spec); /* NULL is fine */

/* One more owner of a spec, which nobody changes any more: it lives until each has called gw__spec_free. From any thread. */
gw__spec *gw__spec_hold(const gw__spec *spec);

/* The resolved spec as canonical JSON, as a model stores it: every key, in the order of the field table; gw__spec_restore gives the same spec
 * but for data.train, data.valid's files and data.test, which are left out: where data lay is no part of a model. Header names that came
 * from a file are written as a list, and the separator that the training file's name implied, so that a model needs no file. */
gw_status gw__spec_write_json(const gw__spec *spec, gw__text *out, gw_error *err);

/* What of the spec decides which rows are read and what they become, as text: specs of equal text read the same records, and fit the same
 * features, from the same files. */
gw_status gw__spec_write_data(const gw__spec *spec, gw__text *out, gw_error *err);

const char *gw__architecture_name(gw__architecture architecture);
const char *gw__activation_name(gw__activation activation);
const char *gw__norm_name(gw__norm norm);
const char *gw__loss_name(gw__loss loss);
const char *gw__task_type_name(gw_task_type type);
const char *gw__feature_type_name(gw__feature_type type);

#endif
