#include "spec/fields.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metric/metric.h"
#include "spec/resolve.h"

/* ---- words, in the order of their enums ---- */

#define WORD(name, word, ...) word,
#define WORDS(name, ...)                                     \
    static const char *const name##_list[] = {__VA_ARGS__};  \
    static const gw__words name = {name##_list, GW__COUNT(name##_list)}

WORDS(activations, GW__ACTIVATION_ROSTER(WORD));
WORDS(norms, GW__NORM_ROSTER(WORD));
WORDS(losses, GW__LOSS_ROSTER(WORD));
#define TASK_WORD(name, word, loss, chief) [GW_TASK_##name] = word,
WORDS(task_types, GW__TASK_ROSTER(TASK_WORD));
WORDS(optimizers, GW__OPTIMIZER_ROSTER(WORD));
WORDS(table_optimizers, [GW__TABLE_OPT_ROWWISE_ADAGRAD] = "rowwise-adagrad");
WORDS(feature_types, [GW__FEATURE_AUTO] = "auto", [GW__FEATURE_NUMERIC] = "numeric", [GW__FEATURE_CATEGORICAL] = "categorical",
      [GW__FEATURE_HASHED] = "hashed", [GW__FEATURE_BAG] = "bag");
WORDS(transforms, [GW__TRANSFORM_STANDARD] = "standard", [GW__TRANSFORM_MINMAX] = "minmax", [GW__TRANSFORM_LOG1P] = "log1p",
      [GW__TRANSFORM_QUANTILE] = "quantile", [GW__TRANSFORM_NONE] = "none");
WORDS(missings, [GW__MISSING_MEAN] = "mean", [GW__MISSING_MEDIAN] = "median", [GW__MISSING_ZERO] = "zero",
      [GW__MISSING_VALUE] = "", [GW__MISSING_FAIL] = "fail");
WORDS(poolings, [GW__POOLING_SUM] = "sum", [GW__POOLING_MEAN] = "mean");
WORDS(inits, [GW__INIT_PYTORCH] = "pytorch", [GW__INIT_GLOROT] = "glorot", [GW__INIT_HE] = "he", [GW__INIT_NORMAL] = "normal");
WORDS(schedules, [GW__SCHEDULE_CONSTANT] = "constant", [GW__SCHEDULE_STEP] = "step", [GW__SCHEDULE_EXPONENTIAL] = "exponential",
      [GW__SCHEDULE_COSINE] = "cosine");
WORDS(balances, GW__BALANCE_ROSTER(WORD));
WORDS(balance_norms, [GW__BALANCE_NORM_NONE] = "none", [GW__BALANCE_NORM_LENGTH] = "norm", [GW__BALANCE_NORM_LOSS] = "loss",
      [GW__BALANCE_NORM_BOTH] = "both");

WORDS(ples, GW__PLE_ROSTER(WORD));
WORDS(local_errors, GW__LOCAL_ERROR_ROSTER(WORD));

static const char *const architecture_list[GW__ARCHITECTURES] = {GW__ARCHITECTURE_ROSTER(WORD)};
const gw__words gw__architecture_words = {architecture_list, GW__ARCHITECTURES};

#define METRIC_WORD(name, word, type, better, range) word,
static const char *const metric_list[] = {GW__METRIC_ROSTER(METRIC_WORD)};
const gw__words gw__metric_words = {metric_list, GW__COUNT(metric_list)};

/* ---- ranges ---- */

#define NOT_NEGATIVE .range = {0, INFINITY, false, true}
#define POSITIVE .range = {0, INFINITY, true, true}
#define RATE .range = {0, 1, false, true}          /* [0, 1) */
#define PART .range = {0, 1, true, true}           /* (0, 1) */
#define KEPT .range = {0, 1, true, false}          /* (0, 1] */
#define BOUNDS(from, to) .lo = (from), .hi = (to)
#define SECTION(name, ...) static const gw__field name##_fields[] = {__VA_ARGS__};
#define AT(member) .offset = offsetof(gw__spec, member)

/* ---- data ---- */

SECTION(valid,
    {"fraction", GW__FIELD_NUMBER, AT(data.valid.fraction), PART,
     .doc = "Share of the rows, or with `column` of its distinct values: a pure function of the seed and the row or value."},
    {"column", GW__FIELD_TEXT, AT(data.valid.column), .doc = "Column that decides: by `from`, or by group with `fraction`."},
    {"from", GW__FIELD_TEXT, AT(data.valid.from),
     .doc = "Rows whose `column` is at least this validate; compared as numbers if both are, else as text."})
static const gw__section valid_section = {valid_fields, GW__COUNT(valid_fields), gw__check_valid};

SECTION(data,
    {"train", GW__FIELD_TEXTS, AT(data.train), .required = true, .unstored = true,
     .doc = "Table to learn from: a file, a list, or a pattern such as `logs/day-*.csv.gz`; .csv or .tsv, plain, .gz, .xz or .zst."},
    {"valid", GW__FIELD_VALID, AT(data.valid), .section = &valid_section,
     .doc = "Rows kept from training to measure on: a file, list or pattern, or keys as below. Without it every row trains."},
    {"test", GW__FIELD_TEXTS, AT(data.test), .preset = "[]", .unstored = true, .doc = "Table to evaluate once, at the end: a file, a list or a pattern."},
    {"header", GW__FIELD_HEADER, .preset = "true",
     .doc = "Column names: `true` (the first line of every file), a list, or a file with one name a line."},
    {"missing", GW__FIELD_TEXTS, AT(data.missing), .preset = "[]", .blank_ok = true,
     .doc = "Cell texts that mean 'no value', besides the empty cell; labels included."},
    {"separator", GW__FIELD_SEPARATOR, AT(data.separator),
     .doc = "One character between cells, or `tab`. Without it the file's name decides: tab for .tsv, else comma."})
static const gw__section data_section = {data_fields, GW__COUNT(data_fields), NULL};

/* ---- features ---- */

#define FEATURE(member) .offset = offsetof(gw__feature_spec, member)
#define ROWS_LIMIT 2147483646u /* embedding rows are int32 and one more row is the unseen one */

SECTION(feature,
    {"type", GW__FIELD_CHOICE, FEATURE(type), "auto", .words = &feature_types,
     .doc = "`auto` looks: numeric if every training value is a number, else categorical; integers beyond 2^24 are categorical."},
    {"transform", GW__FIELD_TRANSFORMS, .preset = "standard", .words = &transforms,
     .applies = gw__applies_numeric, .owner = "type 'numeric'",
     .doc = "What is done to the number, fitted on the training part: one name or a list of up to 4, applied in order."},
    {"missing", GW__FIELD_MISSING, .preset = "mean", .words = &missings, .applies = gw__applies_numeric, .owner = "type 'numeric'",
     .doc = "What stands for no value, before the transforms: fitted on the training part, a number of your own, or `fail`."},
    {"indicator", GW__FIELD_BOOL, FEATURE(indicator), "false", .applies = gw__applies_numeric, .owner = "type 'numeric'",
     .doc = "A second input that is 1 where there was no value."},
    {"dim", GW__FIELD_COUNT32, FEATURE(dim), "8", BOUNDS(1, 65536), .applies = gw__applies_embedded,
     .owner = "type 'categorical', 'hashed' or 'bag'", .doc = "Width of the embedding."},
    {"min_count", GW__FIELD_COUNT32, FEATURE(min_count), "2", BOUNDS(1, ROWS_LIMIT), .applies = gw__applies_vocabulary,
     .owner = "type 'categorical' or 'bag'", .doc = "Values seen less often in training share the unseen row."},
    {"max_rows", GW__FIELD_COUNT32, FEATURE(max_rows), "0", BOUNDS(0, ROWS_LIMIT), .applies = gw__applies_vocabulary,
     .owner = "type 'categorical' or 'bag'", .doc = "At most so many values get a row, the most frequent; 0 is no limit."},
    {"unseen_rate", GW__FIELD_NUMBER, FEATURE(unseen_rate), "0", RATE, .applies = gw__applies_vocabulary,
     .owner = "type 'categorical' or 'bag'", .doc = "Share of the training cells that is replaced by the unseen row, so that it learns."},
    {"buckets", GW__FIELD_COUNT64, FEATURE(buckets), "0", BOUNDS(0, ROWS_LIMIT), .applies = gw__applies_buckets,
     .owner = "type 'hashed' or 'bag'",
     .doc = "Embedding rows that values are hashed to. `hashed` needs it; a bag with 0 has a vocabulary."},
    {"separator", GW__FIELD_TEXT, FEATURE(separator), "|", .applies = gw__applies_bag, .owner = "type 'bag'",
     .doc = "Text between the values of a bag."},
    {"pooling", GW__FIELD_CHOICE, FEATURE(pooling), "mean", .words = &poolings, .applies = gw__applies_bag, .owner = "type 'bag'",
     .doc = "How a bag's embeddings become one."},
    {"share", GW__FIELD_TEXT, FEATURE(share), .applies = gw__applies_share, .owner = "type 'categorical', 'hashed' or 'bag'",
     .doc = "Name of an embedding table that several columns use; without it the column has its own."})
static const gw__section feature_section = {feature_fields, GW__COUNT(feature_fields), gw__check_feature};

SECTION(features,
    {"ignore", GW__FIELD_TEXTS, AT(features.ignore), .preset = "[]", .doc = "Columns that are not inputs. Label columns never are."},
    {"default", GW__FIELD_SECTION, AT(features.defaults), .section = &feature_section, .shorthand = "type",
     .doc = "Settings of every column, with the keys of `columns`; a column's own entry goes before."},
    {"columns", GW__FIELD_COLUMNS, .section = &feature_section, .shorthand = "type",
     .doc = "Settings per column: a map from column name to keys, or to a type alone (`age: numeric`)."})
static const gw__section features_section = {features_fields, GW__COUNT(features_fields), NULL};

/* ---- tasks ---- */

#define TASK(member) .offset = offsetof(gw__task_spec, member)

SECTION(after,
    {"task", GW__FIELD_TEXT, TASK(after.task), .doc = "The binary task that comes before."},
    {"weight", GW__FIELD_NUMBER, TASK(after.weight), "0.6", NOT_NEGATIVE,
     .doc = "Of the batch's mean of max(p of this task - p of the one before, 0) in the sum of the losses."})
static const gw__section after_section = {after_fields, GW__COUNT(after_fields), NULL};

SECTION(task,
    {"type", GW__FIELD_CHOICE, TASK(type), "binary with `positive`", gw__preset_task_type, .words = &task_types, .required = true,
     .doc = "What is predicted: a probability, a number, one of several classes, a count, a rank, or quantiles. Needed unless `positive` is given."},
    {"label", GW__FIELD_TEXT, TASK(label), "the task's name", gw__preset_label,
     .doc = "Column with the truth; an empty or missing cell is not labelled and counts for the other tasks only."},
    {"positive", GW__FIELD_TEXT, TASK(positive), .applies = gw__applies_binary, .owner = "type 'binary'",
     .doc = "The cell's text that is 1, every other is 0; without it cells are 0 or 1. Not rewritten: `50000+.` and `007` need no quotes."},
    {"classes", GW__FIELD_TEXTS, TASK(classes), "[]", .applies = gw__applies_classes, .owner = "type 'multiclass' or 'ordinal'",
     .doc = "Names of the classes in the order of the outputs; empty: found in the training part, in numeric, else byte order. Those of an "
            "ordinal task go from low to high; texts must be given."},
    {"quantiles", GW__FIELD_QUANTILES, .preset = "0.5", .applies = gw__applies_quantile, .owner = "type 'quantile'",
     .doc = "Which quantiles are predicted, ascending; several give a column each."},
    {"loss", GW__FIELD_CHOICE, TASK(loss), "bce, mse, cross-entropy, poisson, proportional-odds or pinball by type", gw__preset_loss, .words = &losses, .of_training = true,
     .doc = "binary: bce, focal (from logits), mse, mae, huber; regression: mse, mae, huber, ziln; multiclass: cross-entropy; count: poisson; "
            "ordinal: proportional-odds; quantile: pinball."},
    {"activation", GW__FIELD_CHOICE, TASK(activation), "sigmoid if binary, else none", gw__preset_head, .words = &activations, .of_training = true,
     .doc = "Of the head, before mse, mae, huber and pinball; the other losses have theirs inside."},
    {"huber_delta", GW__FIELD_NUMBER, TASK(huber_delta), "1", POSITIVE, .applies = gw__applies_huber, .owner = "loss 'huber'", .of_training = true,
     .doc = "Where the loss turns from square to straight."},
    {"focal_gamma", GW__FIELD_NUMBER, TASK(focal_gamma), "2", NOT_NEGATIVE, .applies = gw__applies_focal, .owner = "loss 'focal'", .of_training = true,
     .doc = "How much less a row counts that is right already: its loss times (1 - p)^gamma, p the probability of what is true."},
    {"focal_alpha", GW__FIELD_NUMBER, TASK(focal_alpha), "0", RATE, .applies = gw__applies_focal, .owner = "loss 'focal'", .of_training = true,
     .doc = "Factor on the loss of positives, 1 - alpha on that of negatives; 0: neither."},
    {"weight", GW__FIELD_NUMBER, TASK(weight), "1", NOT_NEGATIVE, .of_training = true, .doc = "Of the task in the sum of the losses."},
    {"given", GW__FIELD_TEXT, TASK(given),
     .doc = "A binary task, or a column: only rows where it is 1 are in this task's sample space, in training and in metrics."},
    {"row_weight", GW__FIELD_TEXT, TASK(row_weight), .doc = "Column with the weight of each row in this task's loss."},
    {"positive_weight", GW__FIELD_NUMBER, TASK(positive_weight), "1", POSITIVE, .applies = gw__applies_bce, .owner = "loss 'bce'", .of_training = true,
     .doc = "Factor on the loss of positives; probabilities are corrected for it."},
    {"negative_sampling", GW__FIELD_NUMBER, TASK(negative_rate), "1", KEPT, .applies = gw__applies_bce, .owner = "loss 'bce'",
     .doc = "Share of the negatives that is kept in training, by seed and row; probabilities are corrected for it."},
    {"group", GW__FIELD_TEXT, TASK(group), .applies = gw__applies_binary, .owner = "type 'binary'",
     .doc = "Column of the grouped AUC (`gauc`), such as the user's id."},
    {"chain", GW__FIELD_CHAIN, TASK(chain.on), .applies = gw__applies_binary, .owner = "type 'binary'", .of_training = true, .quiet = true,
     .doc = "Binary tasks, `TASK` or `not TASK`, whose probabilities' product this one's is, in place of a tower of its own; or several such lists that "
            "exclude each other, and their sum."},
    {"after", GW__FIELD_SWITCH, TASK(after.on), .section = &after_section, .shorthand = "task", .applies = gw__applies_binary, .owner = "type 'binary'",
     .of_training = true, .quiet = true, .doc = "What happens only after another task has: that this one is held for likelier is punished in training."},
    {"category", GW__FIELD_TEXT, TASK(category), .of_training = true, .quiet = true,
     .doc = "Tasks of one category share experts in architecture 'home'; those without one are of category `all`."})
static const gw__section task_section = {task_fields, GW__COUNT(task_fields), gw__check_task};

/* ---- model ---- */

SECTION(experts,
    {"count", GW__FIELD_COUNT32, AT(model.experts.count), "8", gw__preset_expert_count, BOUNDS(1, GW__SPEC_EXPERTS_LIMIT),
     .applies = gw__applies_expert_count, .idle_ok = true, .owner = "architecture 'averaged', 'moe', 'omoe', 'mmoe', 'snr-aver', 'snr-trans' or 'local-experts'",
     .doc = "Experts that all tasks share, per level."},
    {"always", GW__FIELD_COUNT32, AT(model.experts.always), "0", BOUNDS(0, GW__SPEC_EXPERTS_LIMIT), .quiet = true,
     .applies = gw__applies_always, .owner = "architecture 'moe', 'omoe' or 'mmoe'",
     .doc = "Of `count`, the first so many have weight 1 in every row, beside what the gates weigh; they are no gate's."},
    {"shared", GW__FIELD_COUNT32, AT(model.experts.count), "2", gw__preset_expert_shared, BOUNDS(0, GW__SPEC_EXPERTS_LIMIT),
     .applies = gw__applies_expert_shared, .idle_ok = true, .owner = "architecture 'cgc', 'ple', 'adatt', 'home' or 'stem'",
     .doc = "Experts that all tasks share, per level."},
    {"per_category", GW__FIELD_COUNT32, AT(model.experts.per_category), "2", BOUNDS(1, GW__SPEC_EXPERTS_LIMIT), .applies = gw__applies_home, .idle_ok = true,
     .owner = "architecture 'home'", .doc = "Experts that the tasks of a category share, per level."},
    {"per_task", GW__FIELD_PER_TASK, AT(model.experts.per_task), "2", gw__preset_per_task, BOUNDS(0, GW__SPEC_EXPERTS_LIMIT),
     .applies = gw__applies_expert_per_task, .idle_ok = true, .owner = "architecture 'cgc', 'ple', 'adatt', 'adatt-sp', 'home' or 'stem'",
     .doc = "Experts of each task's own, per level (`home`: of the last): one number, or a map from task to number."},
    {"hidden", GW__FIELD_LEVEL_WIDTHS, AT(model.experts.mlp.hidden), "[64, 32]", BOUNDS(1, GW__SPEC_LAYERS_LIMIT),
     .doc = "Widths of an expert's layers; a list of lists gives one per level. `cross-stitch` has one level per layer."},
    {"activation", GW__FIELD_CHOICE, AT(model.experts.mlp.activation), "relu (home: swish)", gw__preset_expert_activation, .words = &activations,
     .doc = "After every layer, the last included."},
    {"dropout", GW__FIELD_NUMBER, AT(model.experts.mlp.dropout), "0", RATE, .doc = "Share of units dropped in training, after each activation."},
    {"norm", GW__FIELD_CHOICE, AT(model.experts.mlp.norm), "none (home: batch)", gw__preset_expert_norm, .words = &norms,
     .doc = "Normalisation between the linear map and the activation."},
    {"bias", GW__FIELD_BOOL, AT(model.experts.mlp.bias), "true", .doc = "Whether the linear maps add a bias."})
static const gw__section experts_section = {experts_fields, GW__COUNT(experts_fields), NULL};

SECTION(gate_balance,
    {"importance", GW__FIELD_NUMBER, AT(model.gating.balance.importance), "0", NOT_NEGATIVE,
     .doc = "Weight of the squared coefficient of variation of the experts' importance, the sums of their weights over a batch."},
    {"load", GW__FIELD_NUMBER, AT(model.gating.balance.load), "0", NOT_NEGATIVE, .applies = gw__applies_noise, .owner = "gates with 'noise'",
     .doc = "The same of their load, the expected numbers of rows under another draw of the noise."},
    {"even", GW__FIELD_NUMBER, AT(model.gating.balance.even), "0", NOT_NEGATIVE,
     .applies = gw__applies_top_k, .owner = "gates with 'top_k'",
     .doc = "Weight of the Switch loss: experts x the sum over them of share of rows x mean probability."},
    {"z", GW__FIELD_NUMBER, AT(model.gating.balance.z), "0", NOT_NEGATIVE, .doc = "Weight of the z-loss of gates (the paper's routers), the mean of log(sum of exp(logits))^2."},
    {"bias", GW__FIELD_NUMBER, AT(model.gating.balance.bias), "0", NOT_NEGATIVE, .applies = gw__applies_top_k, .owner = "gates with 'top_k'", .quiet = true,
     .doc = "Balance without a loss: each step moves the bias by which an expert is selected by so much, up if it had fewer rows than the mean, else down."})
static const gw__section gate_balance_section = {gate_balance_fields, GW__COUNT(gate_balance_fields), NULL};

SECTION(gates,
    {"hidden", GW__FIELD_LEVEL_WIDTHS, AT(model.gates.hidden), "[]", BOUNDS(0, GW__SPEC_LAYERS_LIMIT),
     .doc = "Widths of a gate's hidden layers, none for a linear gate; a list of lists gives one per level."},
    {"activation", GW__FIELD_CHOICE, AT(model.gates.activation), "relu", .words = &activations,
     .doc = "Between layers only: logits go bare into the softmax."},
    {"dropout", GW__FIELD_NUMBER, AT(model.gates.dropout), "0", RATE, .doc = "Share of hidden units dropped in training."},
    {"bias", GW__FIELD_BOOL, AT(model.gates.bias), "true", .doc = "Whether the linear maps add a bias."},
    {"temperature", GW__FIELD_NUMBER, AT(model.gating.temperature), "1", POSITIVE, .quiet = true,
     .doc = "What logits are divided by before the softmax; above 1 the weights are more even."},
    {"weight_dropout", GW__FIELD_NUMBER, AT(model.gating.dropout), "0", RATE, .quiet = true,
     .doc = "Share of a gate's weights dropped in training, row by row, the others renormalised; against gates that polarise."},
    {"top_k", GW__FIELD_COUNT32, AT(model.gating.top_k), "0", BOUNDS(0, GW__TOP_K_LIMIT), .quiet = true,
     .doc = "Experts that a row keeps, those of the largest logits; the others are not computed. 0, or as many as a gate sees, is all."},
    {"renormalise", GW__FIELD_BOOL, AT(model.gating.renormalise), "true (`top_k: 1`: false)", gw__preset_renormalise, .applies = gw__applies_top_k,
     .owner = "gates with 'top_k'", .doc = "The kept weights sum to 1; `false`: they are those of the softmax over all experts, as in DeepSeekMoE and Switch."},
    {"noise", GW__FIELD_BOOL, AT(model.gating.noise), "false", .quiet = true, .applies = gw__applies_top_k, .owner = "gates with 'top_k'",
     .doc = "In training logits get normal noise, whose size a linear map of the gate's input learns."},
    {"balance", GW__FIELD_SWITCH, AT(model.gating.balance.on), .section = &gate_balance_section, .quiet = true,
     .doc = "Losses that keep experts busy, added to the tasks' with these weights."})
static const gw__section gates_section = {gates_fields, GW__COUNT(gates_fields), NULL};

SECTION(ranks,
    {"input", GW__FIELD_COUNT32, AT(model.ranks.input), "16", BOUNDS(1, 65536), .doc = "Of a layer's inputs; at most as many as there are."},
    {"output", GW__FIELD_COUNT32, AT(model.ranks.output), "16", BOUNDS(1, 65536), .doc = "Of a layer's outputs; at most as many as there are."},
    {"task", GW__FIELD_COUNT32, AT(model.ranks.task), "2", BOUNDS(1, 65536), .doc = "Of the tasks, at most their number: the smaller, the more they share."})
static const gw__section ranks_section = {ranks_fields, GW__COUNT(ranks_fields), NULL};

SECTION(feature_gates,
    {"count", GW__FIELD_COUNT32, AT(model.feature_gates.count), "2", BOUNDS(0, 64), .doc = "Of each expert, mixed by a softmax; 0 is none."},
    {"rank", GW__FIELD_COUNT32, AT(model.feature_gates.rank), "8", BOUNDS(1, 65536), .doc = "Width between the two matrices of each."})
static const gw__section feature_gates_section = {feature_gates_fields, GW__COUNT(feature_gates_fields), NULL};

SECTION(towers,
    {"hidden", GW__FIELD_WIDTHS, AT(model.towers.hidden), "[16] (aitm: [])", gw__preset_tower_hidden, BOUNDS(0, GW__SPEC_LAYERS_LIMIT),
     .doc = "Widths of a tower's hidden layers; none for a head alone."},
    {"activation", GW__FIELD_CHOICE, AT(model.towers.activation), "relu", .words = &activations,
     .doc = "Between layers only: the head has its task's `activation`."},
    {"dropout", GW__FIELD_NUMBER, AT(model.towers.dropout), "0", RATE, .doc = "Share of hidden units dropped in training."},
    {"norm", GW__FIELD_CHOICE, AT(model.towers.norm), "none", .words = &norms,
     .doc = "Normalisation between the linear map and the activation of hidden layers."},
    {"bias", GW__FIELD_BOOL, AT(model.towers.bias), "true", .doc = "Whether the linear maps add a bias."})
static const gw__section towers_section = {towers_fields, GW__COUNT(towers_fields), NULL};

SECTION(init,
    {"name", GW__FIELD_CHOICE, AT(model.init), "pytorch", .words = &inits,
     .doc = "`pytorch`: weights and biases uniform in ±1/sqrt(fan in); `glorot`, `he`, `normal`: biases 0."},
    {"std", GW__FIELD_NUMBER, AT(model.init_std), "0.01", NOT_NEGATIVE, .applies = gw__applies_init_std, .owner = "name 'normal'",
     .doc = "Standard deviation of `normal`."})
static const gw__section init_section = {init_fields, GW__COUNT(init_fields), NULL};

SECTION(connections,
    {"lambda", GW__FIELD_NUMBER, AT(model.connections.lambda), "0.001", NOT_NEGATIVE, .doc = "Weight of the expected number of open connections in the objective."},
    {"beta", GW__FIELD_NUMBER, AT(model.connections.beta), "0.6666666666666666", POSITIVE, .doc = "Temperature: the smaller, the more they are open or closed."},
    {"gamma", GW__FIELD_NUMBER, AT(model.connections.gamma), "-0.1", .range = {-10, 0, false, true}, .doc = "Lower end to which the sigmoid is stretched."},
    {"zeta", GW__FIELD_NUMBER, AT(model.connections.zeta), "1.1", .range = {1, 10, true, false}, .doc = "Upper end."})
static const gw__section connections_section = {connections_fields, GW__COUNT(connections_fields), NULL};

SECTION(model,
    {"architecture", GW__FIELD_CHOICE, AT(model.architecture), "mmoe", .words = &gw__architecture_words,
     .doc = "The wiring; each is complete with this key alone."},
    {"levels", GW__FIELD_COUNT32, AT(model.levels), "1 (ple, adatt, adatt-sp, snr-aver, snr-trans, home: 2; cross-stitch: one per layer; custom: those of `wiring`)",
     gw__preset_levels,
     BOUNDS(1, GW__SPEC_LEVELS_LIMIT), .doc = "Levels of experts and gates; some architectures have only 1."},
    {"ple", GW__FIELD_CHOICE, AT(model.ple), "paper", .words = &ples, .applies = gw__applies_ple, .idle_ok = true, .owner = "architecture 'ple'", .quiet = true,
     .doc = "Which of the networks that are called PLE. See [architectures.md](architectures.md)."},
    {"wiring", GW__FIELD_WIRING, .applies = gw__applies_wiring, .owner = "architecture 'custom'",
     .doc = "A wiring of your own: groups of experts, gates and streams, level by level. See [architectures.md](architectures.md)."},
    {"error", GW__FIELD_CHOICE, AT(model.error), "mixture", .words = &local_errors, .applies = gw__applies_local, .idle_ok = true,
     .owner = "architecture 'local-experts'", .doc = "The error function of experts that predict. See [architectures.md](architectures.md)."},
    {"alpha", GW__FIELD_NUMBER, AT(model.alpha), "0.001", NOT_NEGATIVE, .applies = gw__applies_alpha, .idle_ok = true, .owner = "architecture 'l2-constrained'",
     .doc = "Weight of the squared distances between the tasks' parameters in the objective."},
    {"connections", GW__FIELD_SECTION, .section = &connections_section, .shorthand = "lambda", .applies = gw__applies_connections, .idle_ok = true,
     .owner = "architecture 'snr-aver', 'snr-trans' or 'custom'", .doc = "Connections between the experts of one level and the next, which are open or closed."},
    {"experts", GW__FIELD_SECTION, .section = &experts_section, .doc = "The experts."},
    {"gates", GW__FIELD_SECTION, .section = &gates_section, .applies = gw__applies_gates, .idle_ok = true,
     .owner = "architecture 'moe', 'omoe', 'mmoe', 'cgc', 'ple', 'adatt', 'adatt-sp', 'local-experts', 'home', 'stem' or 'custom'",
     .doc = "The gates, of the architectures that have them."},
    {"ranks", GW__FIELD_SECTION, .section = &ranks_section, .applies = gw__applies_ranks, .idle_ok = true,
     .owner = "architecture 'tensor-factorization'", .doc = "Ranks of the tensor that a layer's weights of all tasks are."},
    {"feature_gates", GW__FIELD_SECTION, .section = &feature_gates_section, .applies = gw__applies_home, .idle_ok = true,
     .owner = "architecture 'home'", .doc = "Each expert's own view of its input."},
    {"self_gates", GW__FIELD_BOOL, AT(model.self_gates), "true", .applies = gw__applies_home, .idle_ok = true, .owner = "architecture 'home'",
     .doc = "Whether a category's and a task's own experts are added once more, each weighed by a gate of its own."},
    {"sequence", GW__FIELD_TEXTS, AT(model.sequence), .preset = "[]", .applies = gw__applies_sequence, .idle_ok = true, .owner = "architecture 'aitm'",
     .doc = "Tasks, each of which hands on what it knows to the next; empty: all of them, in the spec's order."},
    {"towers", GW__FIELD_SECTION, .section = &towers_section, .applies = gw__applies_towers, .idle_ok = true,
     .owner = "architectures that have towers, all but 'local-experts'", .doc = "The towers, one per task; the last layer is the head."},
    {"init", GW__FIELD_SECTION, .section = &init_section, .shorthand = "name", .doc = "Initial values of dense layers."},
    {"embedding_std", GW__FIELD_NUMBER, AT(model.embedding_std), "0.05", NOT_NEGATIVE, .doc = "Standard deviation of embeddings at the start."})
static const gw__section model_section = {model_fields, GW__COUNT(model_fields), gw__check_model};

/* ---- train ---- */

SECTION(table_optimizer,
    {"name", GW__FIELD_CHOICE, AT(train.optimizer.embeddings.name), "rowwise-adagrad", .words = &table_optimizers,
     .doc = "Row-wise Adagrad keeps one number per row, the sum of the means of its squared gradients: 1/dim of Adagrad's memory."},
    {"lr", GW__FIELD_NUMBER, AT(train.optimizer.embeddings.lr), "0.01", NOT_NEGATIVE, .doc = "Learning rate of the tables; the schedule is the same."},
    {"eps", GW__FIELD_NUMBER, AT(train.optimizer.embeddings.eps), "1e-10", NOT_NEGATIVE, .doc = "Added to the divisor."},
    {"weight_decay", GW__FIELD_NUMBER, AT(train.optimizer.embeddings.weight_decay), "0", NOT_NEGATIVE, .doc = "In the gradient of the rows that are updated."})
static const gw__section table_optimizer_section = {table_optimizer_fields, GW__COUNT(table_optimizer_fields), NULL};

SECTION(optimizer,
    {"name", GW__FIELD_CHOICE, AT(train.optimizer.name), "adam", .words = &optimizers, .doc = "Formulas and defaults are PyTorch's."},
    {"lr", GW__FIELD_NUMBER, AT(train.optimizer.lr), "0.001 (sgd, adagrad: 0.01)", gw__preset_lr, NOT_NEGATIVE, .doc = "Learning rate."},
    {"betas", GW__FIELD_BETAS, AT(train.optimizer.beta1), "[0.9, 0.999]", RATE, .applies = gw__applies_adam,
     .owner = "name 'adam' or 'adamw'", .doc = "Decay of the two running means."},
    {"eps", GW__FIELD_NUMBER, AT(train.optimizer.eps), "1e-8 (adagrad: 1e-10)", gw__preset_eps, NOT_NEGATIVE, .applies = gw__applies_eps,
     .owner = "name 'adam', 'adamw' or 'adagrad'", .doc = "Added to the divisor."},
    {"momentum", GW__FIELD_NUMBER, AT(train.optimizer.momentum), "0", RATE, .applies = gw__applies_momentum, .owner = "name 'sgd'",
     .doc = "Momentum."},
    {"nesterov", GW__FIELD_BOOL, AT(train.optimizer.nesterov), "false", .applies = gw__applies_momentum, .owner = "name 'sgd'",
     .doc = "Nesterov's form of momentum."},
    {"weight_decay", GW__FIELD_NUMBER, AT(train.optimizer.weight_decay), "0 (adamw: 0.01)", gw__preset_decay, NOT_NEGATIVE,
     .doc = "In the gradient; of adamw apart from it. Embeddings decay where they are touched."},
    {"lazy", GW__FIELD_BOOL, AT(train.optimizer.lazy), "true",
     .doc = "Embedding rows that a batch does not touch are left alone, as in SparseAdam; `false` updates every row in every step."},
    {"embeddings", GW__FIELD_SWITCH, AT(train.optimizer.embeddings.on), .section = &table_optimizer_section, .shorthand = "name", .quiet = true,
     .doc = "Another optimizer for the embedding tables; without it they have the one above."})
static const gw__section optimizer_section = {optimizer_fields, GW__COUNT(optimizer_fields), gw__check_optimizer};

SECTION(schedule,
    {"name", GW__FIELD_CHOICE, AT(train.schedule.kind), "constant", .words = &schedules, .doc = "How the learning rate goes over the epochs."},
    {"gamma", GW__FIELD_NUMBER, AT(train.schedule.gamma), "0.1 (exponential: 0.95)", gw__preset_gamma, POSITIVE,
     .applies = gw__applies_gamma, .owner = "name 'step' or 'exponential'", .doc = "Factor: per `every` epochs of step, per epoch of exponential."},
    {"every", GW__FIELD_COUNT32, AT(train.schedule.every), "5", BOUNDS(1, 1000000), .applies = gw__applies_every, .owner = "name 'step'",
     .doc = "Epochs between factors."},
    {"floor", GW__FIELD_NUMBER, AT(train.schedule.floor), "0", .range = {0, 1, false, false}, .applies = gw__applies_floor,
     .owner = "name 'cosine'", .doc = "The least share of the learning rate."},
    {"warmup", GW__FIELD_NUMBER, AT(train.schedule.warmup), "0", .range = {0, 1000000, false, false},
     .doc = "Epochs of linear growth from 0 before the schedule proper; may be a fraction."})
static const gw__section schedule_section = {schedule_fields, GW__COUNT(schedule_fields), NULL};

SECTION(clip,
    {"norm", GW__FIELD_NUMBER, AT(train.clip_norm), "0", NOT_NEGATIVE, .doc = "Scale the gradient to at most this length; 0 is off."},
    {"value", GW__FIELD_NUMBER, AT(train.clip_value), "0", NOT_NEGATIVE, .doc = "Cut every element of the gradient to this size; 0 is off."})
static const gw__section clip_section = {clip_fields, GW__COUNT(clip_fields), NULL};

SECTION(early_stop,
    {"metric", GW__FIELD_TEXT, AT(train.early_stop.metric), "mean",
     .doc = "What is watched on `data.valid`: `mean` (of the tasks' auc, r2, d2 or accuracy), `loss`, or TASK.METRIC such as `income.auc`."},
    {"patience", GW__FIELD_COUNT32, AT(train.early_stop.patience), "3", BOUNDS(1, 1000000), .doc = "Epochs without a better value before it stops."},
    {"min_delta", GW__FIELD_NUMBER, AT(train.early_stop.min_delta), "0", NOT_NEGATIVE, .doc = "By how much a value must be better."})
static const gw__section early_stop_section = {early_stop_fields, GW__COUNT(early_stop_fields), NULL};

SECTION(checkpoint,
    {"every", GW__FIELD_EVERY, AT(train.checkpoint.every_steps), "epoch", .doc = "`epoch`, or a number of steps."})
static const gw__section checkpoint_section = {checkpoint_fields, GW__COUNT(checkpoint_fields), NULL};

SECTION(balance,
    {"method", GW__FIELD_CHOICE, AT(train.balance.method), "fixed", .words = &balances,
     .doc = "How the tasks' losses or gradients become one step; `fixed` is the sum by the tasks' `weight`. See [balancing.md](balancing.md)."},
    {"gamma", GW__FIELD_TASK_NUMBERS, AT(train.balance.gamma), KEPT, .applies = gw__applies_balance_decayed, .owner = "method 'decayed'",
     .doc = "Factor on the tasks' weights, again and again; `decayed` needs it."},
    {"every", GW__FIELD_EVERY, AT(train.balance.every_steps), "epoch", .applies = gw__applies_balance_decayed, .owner = "method 'decayed'",
     .doc = "When the factor comes in: each `epoch`, or after so many steps."},
    {"temperature", GW__FIELD_NUMBER, AT(train.balance.temperature), "2", POSITIVE, .applies = gw__applies_balance_dwa, .owner = "method 'dwa'",
     .doc = "Of the softmax over the rates of descent; the larger, the more even."},
    {"alpha", GW__FIELD_NUMBER, AT(train.balance.alpha), "1.5", NOT_NEGATIVE, .applies = gw__applies_balance_gradnorm, .owner = "method 'gradnorm'",
     .doc = "How much a task that is behind is pulled: the power of its relative training rate."},
    {"normalise", GW__FIELD_CHOICE, AT(train.balance.normalise), "none", .words = &balance_norms, .applies = gw__applies_balance_mgda,
     .owner = "method 'mgda'", .doc = "What gradients are divided by while their shares are looked for: their length, their loss, or both."},
    {"c", GW__FIELD_NUMBER, AT(train.balance.c), "0.5", NOT_NEGATIVE, .applies = gw__applies_balance_cagrad, .owner = "method 'cagrad'",
     .doc = "How far from the mean gradient the step may be, as a share of its length."},
    {"scale_losses", GW__FIELD_BOOL, AT(train.balance.scale_losses), "true", .applies = gw__applies_balance_imtl, .owner = "method 'imtl'",
     .doc = "Whether losses are brought to one scale as well (IMTL-L); `false` is IMTL-G alone."},
    {"max_norm", GW__FIELD_NUMBER, AT(train.balance.max_norm), "1", NOT_NEGATIVE, .applies = gw__applies_balance_nash, .owner = "method 'nash'",
     .doc = "Greatest length of the shared parameters' gradient; 0 is any."},
    {"lr", GW__FIELD_NUMBER, AT(train.balance.lr), "0.025 (uncertainty, imtl: 0.01)", gw__preset_balance_lr, NOT_NEGATIVE,
     .applies = gw__applies_balance_lr, .owner = "method 'uncertainty', 'gradnorm', 'imtl' or 'famo'",
     .doc = "Learning rate of the tasks' weights, by Adam."},
    {"decay", GW__FIELD_NUMBER, AT(train.balance.decay), "0.001", NOT_NEGATIVE, .applies = gw__applies_balance_famo, .owner = "method 'famo'",
     .doc = "Draws the weights back to even ones."})
static const gw__section balance_section = {balance_fields, GW__COUNT(balance_fields), gw__check_balance};

SECTION(train,
    {"epochs", GW__FIELD_COUNT32, AT(train.epochs), "10", BOUNDS(1, 1000000), .doc = "Passes over the training part, at most."},
    {"batch", GW__FIELD_BATCH, AT(train.batch), "512", .doc = "Rows per step, or `full` for the whole training part; a last short batch is used."},
    {"shuffle", GW__FIELD_BOOL, AT(train.shuffle), "true", .doc = "A new order each epoch, by the seed; `false` takes the rows in file order."},
    {"seed", GW__FIELD_COUNT64, AT(train.seed), "1", BOUNDS(0, UINT64_MAX), .doc = "Of everything random: splits, initial values, order, drop-out."},
    {"data_seed", GW__FIELD_COUNT64, AT(train.data_seed), BOUNDS(0, UINT64_MAX),
     .doc = "Of what is drawn in the data: the split, `unseen_rate`, `negative_sampling`. Without it `train.seed`; with it many seeds learn from the same rows."},
    {"optimizer", GW__FIELD_SECTION, .section = &optimizer_section, .shorthand = "name", .doc = "How parameters move."},
    {"schedule", GW__FIELD_SECTION, .section = &schedule_section, .shorthand = "name", .doc = "The learning rate over time."},
    {"clip", GW__FIELD_SECTION, .section = &clip_section, .shorthand = "norm", .doc = "Limits of the gradient, `l2` included: first of its elements, then of its length."},
    {"l2", GW__FIELD_NUMBER, AT(train.l2), "0", NOT_NEGATIVE, .doc = "Adds l2/2 times the squared dense weights (not biases) to the objective."},
    {"balance", GW__FIELD_SWITCH, AT(train.balance.on), .section = &balance_section, .shorthand = "method", .quiet = true,
     .doc = "How tasks are balanced against each other; without it by their `weight` alone."},
    {"early_stop", GW__FIELD_SWITCH, AT(train.early_stop.on), .section = &early_stop_section, .shorthand = "metric",
     .doc = "Stop when validation gets no better, and keep the best model; needs `data.valid`."},
    {"checkpoint", GW__FIELD_SWITCH, AT(train.checkpoint.on), .section = &checkpoint_section, .shorthand = "every",
     .doc = "Write MODEL.ckpt while training, for `--resume`."})
static const gw__section train_section = {train_fields, GW__COUNT(train_fields), gw__check_train};

SECTION(spec,
    {"data", GW__FIELD_SECTION, .section = &data_section, .doc = "Where the rows are and how to read them."},
    {"features", GW__FIELD_SECTION, .section = &features_section, .doc = "How columns become inputs."},
    {"tasks", GW__FIELD_TASKS, .required = true, .section = &task_section, .shorthand = "type",
     .doc = "What is predicted: a map from task name to keys, or to a type alone (`click: binary`)."},
    {"model", GW__FIELD_SECTION, .section = &model_section, .shorthand = "architecture", .of_training = true, .doc = "The network."},
    {"train", GW__FIELD_SECTION, .section = &train_section, .of_training = true, .doc = "How it learns."})
const gw__section gw__spec_section = {spec_fields, GW__COUNT(spec_fields), gw__check_root};

/* ---- names ---- */

const char *gw__architecture_name(gw__architecture architecture) { return gw__architecture_words.at[architecture]; }
const char *gw__norm_name(gw__norm norm) { return norms.at[norm]; }
const char *gw__activation_name(gw__activation activation) { return activations.at[activation]; }
const char *gw__loss_name(gw__loss loss) { return losses.at[loss]; }
const char *gw__task_type_name(gw_task_type type) { return task_types.at[type]; }
const char *gw__feature_type_name(gw__feature_type type) { return feature_types.at[type]; }

/* ---- what a key takes, in words ---- */

static void expect_words(const gw__words *words, gw__text *out) {
    gw__text_puts(out, "one of ");
    for (size_t i = 0; i < words->n; i++) {
        if (words->at[i][0] != '\0') gw__text_addf(out, "%s%s", i == 0 ? "" : ", ", words->at[i]);
    }
}

static void expect_range(const gw__range *range, gw__text *out) {
    const char *least = range->above ? "above" : "of at least";
    if (range->most == INFINITY) gw__text_addf(out, "a number %s %g", least, range->least);
    else gw__text_addf(out, "a number in %c%g, %g%c", range->above ? '(' : '[', range->least, range->most, range->below ? ')' : ']');
}

static void expect_count(const gw__field *field, gw__text *out) {
    gw__text_addf(out, "a whole number from %llu to %llu", (unsigned long long)field->lo, (unsigned long long)field->hi);
}

static const char *const forms[GW__FIELD_KINDS] = {
    [GW__FIELD_BOOL] = "true or false",
    [GW__FIELD_TEXT] = "a text",
    [GW__FIELD_TEXTS] = "a text or a list of texts",
    [GW__FIELD_VALID] = "a file, a list of files, or a map of keys",
    [GW__FIELD_HEADER] = "true, a list of names, or a file with the names",
    [GW__FIELD_SEPARATOR] = "one character or tab",
    [GW__FIELD_COLUMNS] = "a map from column names to settings",
    [GW__FIELD_TASKS] = "a map from task names to settings",
    [GW__FIELD_WIDTHS] = "a list of widths from 1 to 65536",
    [GW__FIELD_LEVEL_WIDTHS] = "a list of widths from 1 to 65536, or one such list per level",
    [GW__FIELD_WIRING] = "a map of 'levels' and 'towers'",
    [GW__FIELD_BETAS] = "a list of two numbers in [0, 1)",
    [GW__FIELD_CHAIN] = "a list of tasks, or a list of such lists",
    [GW__FIELD_QUANTILES] = "a number in (0, 1) or an ascending list of them",
    [GW__FIELD_BATCH] = "a whole number of at least 1, or full",
    [GW__FIELD_EVERY] = "epoch or a whole number of at least 1",
};

void gw__field_expect(const gw__field *field, gw__text *out) {
    switch (field->kind) {
    case GW__FIELD_SECTION:
    case GW__FIELD_SWITCH:
        gw__text_puts(out, "a map of keys");
        if (field->shorthand != NULL) gw__text_addf(out, " or its '%s' alone", field->shorthand);
        break;
    case GW__FIELD_COUNT32:
    case GW__FIELD_COUNT64: expect_count(field, out); break;
    case GW__FIELD_NUMBER: expect_range(&field->range, out); break;
    case GW__FIELD_CHOICE: expect_words(field->words, out); break;
    case GW__FIELD_TRANSFORMS:
        expect_words(field->words, out);
        gw__text_puts(out, ", or a list of up to 4 of them");
        break;
    case GW__FIELD_MISSING:
        expect_words(field->words, out);
        gw__text_puts(out, ", or a number");
        break;
    case GW__FIELD_PER_TASK:
        expect_count(field, out);
        gw__text_puts(out, ", or a map from tasks to such numbers");
        break;
    case GW__FIELD_TASK_NUMBERS:
        expect_range(&field->range, out);
        gw__text_puts(out, ", or a map from tasks to such numbers");
        break;
    default: gw__text_puts(out, forms[field->kind]); break;
    }
}

/* ---- the walk ---- */

static void walk(const gw__section *section, const char *prefix, gw__field_visitor visit, void *context) {
    for (size_t i = 0; i < section->n; i++) {
        const gw__field *field = &section->fields[i];
        char path[256];
        snprintf(path, sizeof path, "%s%s", prefix, field->key);
        visit(context, path, field);
        /* the default's keys are those of a column, which follow */
        if (field->section == NULL || strcmp(path, "features.default") == 0) continue;
        bool named = field->kind == GW__FIELD_TASKS || field->kind == GW__FIELD_COLUMNS;
        snprintf(path, sizeof path, "%s%s%s", prefix, field->key, named ? ".*." : ".");
        walk(field->section, path, visit, context);
    }
}

void gw__fields_walk(gw__field_visitor visit, void *context) { walk(&gw__spec_section, "", visit, context); }
