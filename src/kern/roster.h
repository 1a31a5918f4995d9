/* The closed lists that kernels, the spec and the documentation share. One row each; code, names and tests come from here. */
#ifndef GW_KERN_ROSTER_H
#define GW_KERN_ROSTER_H

#define GW__ACTIVATION_ROSTER(X) \
    X(NONE, "none")              \
    X(RELU, "relu")              \
    X(LEAKY_RELU, "leaky_relu")  /* slope 0.01 below 0, as PyTorch */ \
    X(GELU, "gelu")              /* exact: x Phi(x), by erf */ \
    X(SWISH, "swish")            /* x sigmoid(x) */ \
    X(TANH, "tanh")              \
    X(SIGMOID, "sigmoid")

#define GW__NORM_ROSTER(X) X(NONE, "none") X(BATCH, "batch") X(LAYER, "layer")

/* Types of tasks in the order of gw_task_type: name, word, the loss by default, the metric that says most of those where more is better. */
#define GW__TASK_ROSTER(X)                                              \
    X(BINARY, "binary", BCE, AUC)                                       \
    X(REGRESSION, "regression", MSE, R2)                                \
    X(MULTICLASS, "multiclass", CROSS_ENTROPY, CLASS_ACCURACY)          \
    X(COUNT, "count", POISSON, COUNT_D2)                                \
    X(ORDINAL, "ordinal", PROPORTIONAL_ODDS, ORDINAL_ACCURACY)          \
    X(QUANTILE, "quantile", PINBALL, QUANTILE_D2)

/* Losses: name, word, the types of tasks that may have it, and what it has inside in place of the head's activation (NULL: nothing). */
#define GW__LOSS_ROSTER(X)                                                                        \
    X(MSE, "mse", GW__FOR(BINARY) | GW__FOR(REGRESSION), NULL)                                    \
    X(MAE, "mae", GW__FOR(BINARY) | GW__FOR(REGRESSION), NULL)                                    \
    X(HUBER, "huber", GW__FOR(BINARY) | GW__FOR(REGRESSION), NULL)           /* delta 1, as PyTorch */ \
    X(BCE, "bce", GW__FOR(BINARY), "sigmoid")                                                     \
    X(CROSS_ENTROPY, "cross-entropy", GW__FOR(MULTICLASS), "softmax")                             \
    X(FOCAL, "focal", GW__FOR(BINARY), "sigmoid")                                                 \
    X(ZILN, "ziln", GW__FOR(REGRESSION), "three outputs")                    /* zero-inflated log-normal */ \
    X(POISSON, "poisson", GW__FOR(COUNT), "exponential")                                          \
    X(PROPORTIONAL_ODDS, "proportional-odds", GW__FOR(ORDINAL), "thresholds")                     \
    X(PINBALL, "pinball", GW__FOR(QUANTILE), NULL)

#define GW__OPTIMIZER_ROSTER(X) X(SGD, "sgd") X(ADAM, "adam") X(ADAMW, "adamw") X(ADAGRAD, "adagrad")

#define X(name, word) GW__ACT_##name,
typedef enum gw__activation { GW__ACTIVATION_ROSTER(X) GW__ACTIVATIONS } gw__activation;
#undef X
#define X(name, word) GW__NORM_##name,
typedef enum gw__norm { GW__NORM_ROSTER(X) GW__NORMS } gw__norm;
#undef X
#define X(name, word, types, inside) GW__LOSS_##name,
typedef enum gw__loss { GW__LOSS_ROSTER(X) GW__LOSSES } gw__loss;
#undef X
#define X(name, word) GW__OPT_##name,
typedef enum gw__optimizer_name { GW__OPTIMIZER_ROSTER(X) GW__OPTIMIZERS } gw__optimizer_name;
#undef X

#endif
