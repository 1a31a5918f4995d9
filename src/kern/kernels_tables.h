/* The tables of one instruction set each, and the form in which each file of kernels fills its own. */
#ifndef GW_KERN_KERNELS_TABLES_H
#define GW_KERN_KERNELS_TABLES_H

#include "kern/kernels.h"

/* Every kernel by its name; missing ones are errors of the compiler. */
#define GW__KERNEL_TABLE(words)                                                                                                         \
    {                                                                                                                                   \
        .isa = words, .peak = peak, .product = product, .product_narrow = product_narrow, .product_dw = product_dw,                     \
        .column_sums = column_sums, .transpose = transpose, .activate = activate, .activate_back = activate_back, .dropout = dropout,   \
        .softmax = softmax, .softmax_back = softmax_back, .largest = largest, .mix = mix, .mix_back = mix_back,                         \
        .layer_norm = layer_norm, .layer_norm_back = layer_norm_back, .sum_parts = sum_parts, .add_scaled = add_scaled, .clamp = clamp, \
        .square_sum = square_sum, .sum_rows = sum_rows, .update_rowwise = update_rowwise, .update = {                                   \
            [GW__OPT_SGD] = update_sgd, [GW__OPT_ADAM] = update_adam, [GW__OPT_ADAMW] = update_adam, [GW__OPT_ADAGRAD] = update_adagrad \
        }                                                                                                                               \
    }

/* Those that the build has made (meson.build) are GW__HAVE_BASE and so on. */
extern const gw__kernels gw__kernels_base, gw__kernels_neon, gw__kernels_avx2, gw__kernels_avx512;

#endif
