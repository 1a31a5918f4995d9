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

#define GW__LOSS_ROSTER(X)                        \
    X(MSE, "mse")                                 \
    X(MAE, "mae")                                 \
    X(HUBER, "huber")                             /* delta 1, as PyTorch */ \
    X(BCE, "bce")                                 /* from logits */ \
    X(CROSS_ENTROPY, "cross-entropy")             /* from logits */

#define GW__OPTIMIZER_ROSTER(X) X(SGD, "sgd") X(ADAM, "adam") X(ADAMW, "adamw") X(ADAGRAD, "adagrad")

#define X(name, word) GW__ACT_##name,
typedef enum gw__activation { GW__ACTIVATION_ROSTER(X) GW__ACTIVATIONS } gw__activation;
#undef X
#define X(name, word) GW__NORM_##name,
typedef enum gw__norm { GW__NORM_ROSTER(X) GW__NORMS } gw__norm;
#undef X
#define X(name, word) GW__LOSS_##name,
typedef enum gw__loss { GW__LOSS_ROSTER(X) GW__LOSSES } gw__loss;
#undef X
#define X(name, word) GW__OPT_##name,
typedef enum gw__optimizer_name { GW__OPTIMIZER_ROSTER(X) GW__OPTIMIZERS } gw__optimizer_name;
#undef X

#endif
