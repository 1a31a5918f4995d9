/* Every refusal: its place, and its words. The rest of the spec is put below each row, so that lines count from it. */
#include "testing.h"

#include "specs.h"

typedef struct wrong {
    const char *line;
    int64_t at, column;
    const char *message;
} wrong;

static const wrong in_keys[] = {
    {"modle: {}", 1, 1, "unknown key 'modle'; hint: did you mean 'model'?"},
    {"epochs: 3", 1, 1, "unknown key 'epochs'; hint: did you mean 'train.epochs'?"},
    {"train: {lr: 0.1}", 1, 9, "unknown key 'lr'; hint: did you mean 'train.optimizer.lr'?"},
    {"zzzzzz: 3", 1, 1, "unknown key 'zzzzzz'; hint: the keys here are 'data', 'features', 'tasks', 'model', 'train'"},
    {"42: 3", 1, 1, "unknown key '42'; hint: the keys here are 'data', 'features', 'tasks', 'model', 'train'"},
    {"<<: {a: 1}", 1, 1, "unknown key '<<'; hint: the keys here are 'data', 'features', 'tasks', 'model', 'train'"},
};

static const wrong in_data[] = {
    {"data: {train: a.csv, zzzzzz: 1}", 1, 22,
     "unknown key 'zzzzzz'; hint: the keys here are 'train', 'valid', 'test', 'header', 'missing', 'separator'"},
    {"data: [a]", 1, 7, "key 'data': expected a map of keys but found a list"},
    {"data: a.csv", 1, 7, "key 'data': expected a map of keys but found 'a.csv'"},
    {"data: {}", 1, 7, "key 'data.train' is missing"},
    {"data: {train: }", 1, 7, "key 'data.train' is missing"},
    {"data: {train: ''}", 1, 15, "key 'train': expected a text that is not empty but found the text ''"},
    {"data: {train: {a: b}}", 1, 15, "key 'train': expected a text or a list of texts but found a map"},
    {"data: {train: [a, [b]]}", 1, 19, "key 'train': expected a text but found a list"},
    {"data: {train: [a, '']}", 1, 19, "key 'train': expected a text that is not empty but found the text ''"},
    {"data: {train: a, valid: {}}", 1, 25, "key 'valid' needs a 'fraction', or a 'column' with 'from' or 'fraction'"},
    {"data: {train: a, valid: {fraction: 1}}", 1, 36, "key 'fraction': expected a number in (0, 1) but found '1'"},
    {"data: {train: a, valid: {fraction: 0}}", 1, 36, "key 'fraction': expected a number in (0, 1) but found '0'"},
    {"data: {train: a, valid: {fraction: 0.1, from: 3, column: d}}", 1, 36, "keys 'from' and 'fraction' exclude each other"},
    {"data: {train: a, valid: {from: 3}}", 1, 32, "key 'from' needs a 'column' to compare"},
    {"data: {train: a, valid: {column: d}}", 1, 25, "key 'valid' needs a 'fraction', or a 'column' with 'from' or 'fraction'"},
    {"data: {train: a, valid: []}", 1, 25, "key 'valid': expected at least one file but found an empty list"},
    {"data: {train: a, valid: {fractoin: 0.1}}", 1, 26, "unknown key 'fractoin'; hint: did you mean 'fraction'?"},
    {"data: {train: a, header: false}", 1, 26, "key 'header': expected true, a list of names, or a file with the names but found 'false'"},
    {"data: {train: a, header: []}", 1, 26, "key 'header': expected at least one column name but found an empty list"},
    {"data: {train: a, header: {a: b}}", 1, 26, "key 'header': expected true, a list of names, or a file with the names but found a map"},
    {"data: {train: a, header: [a, b, a]}", 1, 33, "key 'header': column name 'a' stands there twice"},
    {"data: {train: a, header: \"-\"}", 1, 26, "key 'header': expected true, a list of names, or a file with the names but found the text '-'"},
    {"data: {train: a, separator: ab}", 1, 29, "key 'separator': expected one character or tab but found 'ab'"},
    {"data: {train: a, separator: '\"'}", 1, 29, "key 'separator': expected one character or tab but found the text '\"'"},
    {"data: {train: a, separator: é}", 1, 29, "key 'separator': expected one character or tab but found 'é'"},
    {"data: {train: a, separator: [1]}", 1, 29, "key 'separator': expected one character or tab but found a list"},
    {"data: {train: a, missing: {a: 1}}", 1, 27, "key 'missing': expected a text or a list of texts but found a map"},
    {"data: {train: a, header: ['']}", 1, 27, "key 'header': expected a text that is not empty but found the text ''"},
};

static const wrong in_features[] = {
    {"features: {ignore: {a: 1}}", 1, 20, "key 'ignore': expected a text or a list of texts but found a map"},
    {"features: {columns: [a]}", 1, 21, "key 'columns': expected a map from column names to settings but found a list"},
    {"features: {columns: {a: [b]}}", 1, 25, "'a': expected a map of keys or a type but found a list"},
    {"features: {columns: {a: numerical}}", 1, 25,
     "key 'type': expected one of auto, numeric, categorical, hashed, bag but found 'numerical'; hint: did you mean 'numeric'?"},
    {"features: {columns: {a: {type: wordy}}}", 1, 32, "key 'type': expected one of auto, numeric, categorical, hashed, bag but found 'wordy'"},
    {"features: {columns: {a: {type: numeric, dim: 8}}}", 1, 41,
     "key 'dim' is only for type 'categorical', 'hashed' or 'bag'; hint: what belongs here: 'transform', 'missing', 'indicator'"},
    {"features: {columns: {a: {type: categorical, transform: none}}}", 1, 45,
     "key 'transform' is only for type 'numeric'; hint: what belongs here: 'dim', 'min_count', 'max_rows', 'unseen_rate', 'share'"},
    {"features: {columns: {a: {type: categorical, buckets: 3}}}", 1, 45,
     "key 'buckets' is only for type 'hashed' or 'bag'; hint: what belongs here: 'dim', 'min_count', 'max_rows', 'unseen_rate', 'share'"},
    {"features: {columns: {a: {type: numeric, share: t}}}", 1, 41,
     "key 'share' is only for type 'categorical', 'hashed' or 'bag'; hint: what belongs here: 'transform', 'missing', 'indicator'"},
    {"features: {columns: {a: {separator: t}}}", 1, 26,
     "key 'separator' is only for type 'bag'; hint: what belongs here: 'transform', 'missing', 'indicator', 'dim', 'min_count', 'max_rows', 'unseen_rate'"},
    {"features: {columns: {a: {transform: log}}}", 1, 37,
     "key 'transform': expected one of standard, minmax, log1p, quantile, none, or a list of up to 4 of them but found 'log'; hint: did you mean 'log1p'?"},
    {"features: {columns: {a: {transform: []}}}", 1, 37,
     "key 'transform': expected one of standard, minmax, log1p, quantile, none, or a list of up to 4 of them but found an empty list"},
    {"features: {columns: {a: {transform: [none, none, none, none, none]}}}", 1, 37,
     "key 'transform': expected one of standard, minmax, log1p, quantile, none, or a list of up to 4 of them but found a list"},
    {"features: {columns: {a: {transform: {a: 1}}}}", 1, 37,
     "key 'transform': expected one of standard, minmax, log1p, quantile, none, or a list of up to 4 of them but found a map"},
    {"features: {columns: {a: {missing: avg}}}", 1, 35, "key 'missing': expected one of mean, median, zero, fail, or a number but found 'avg'"},
    {"features: {columns: {a: {missing: ''}}}", 1, 35, "key 'missing': expected one of mean, median, zero, fail, or a number but found the text ''"},
    {"features: {columns: {a: {indicator: 1}}}", 1, 37, "key 'indicator': expected true or false but found '1'"},
    {"features: {columns: {a: {indicator: yes}}}", 1, 37, "key 'indicator': expected true or false but found 'yes'"},
    {"features: {columns: {a: {indicator: \"true\"}}}", 1, 37, "key 'indicator': expected true or false but found the text 'true'"},
    {"features: {columns: {a: {dim: 0}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found '0'"},
    {"features: {columns: {a: {dim: 65537}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found '65537'"},
    {"features: {columns: {a: {dim: 8.5}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found '8.5'"},
    {"features: {columns: {a: {dim: -1}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found '-1'"},
    {"features: {columns: {a: {dim: \"8\"}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found the text '8'"},
    {"features: {columns: {a: {dim: 0x8}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found '0x8'"},
    {"features: {columns: {a: {dim: [8]}}}", 1, 31, "key 'dim': expected a whole number from 1 to 65536 but found a list"},
    {"features: {columns: {a: {min_count: 0}}}", 1, 37, "key 'min_count': expected a whole number from 1 to 2147483646 but found '0'"},
    {"features: {columns: {a: {unseen_rate: 1}}}", 1, 39, "key 'unseen_rate': expected a number in [0, 1) but found '1'"},
    {"features: {columns: {a: hashed}}", 1, 25, "type 'hashed' needs 'buckets' above 0; hint: about twice the number of distinct values"},
    {"features: {columns: {a: {type: hashed, buckets: 0}}}", 1, 49,
     "type 'hashed' needs 'buckets' above 0; hint: about twice the number of distinct values"},
    {"features: {columns: {a: {type: hashed, buckets: 99999999999}}}", 1, 49,
     "key 'buckets': expected a whole number from 0 to 2147483646 but found '99999999999'"},
    {"features: {default: hashed}", 1, 21, "type 'hashed' needs 'buckets' above 0; hint: about twice the number of distinct values"},
    {"features: {columns: {\"\": {}}}", 1, 22, "expected the name of a column"},
    {"features: {ignore: [a], columns: {a: numeric}}", 1, 35, "column 'a' has settings but is in 'ignore', too"},
    {"features: {columns: {y: numeric}}", 1, 22, "column 'y' is the label of task 'y' and cannot be an input"},
    {"features: {columns: {a: {type: categorical, share: s}, b: {type: categorical, share: s, dim: 3}}}", 1, 56,
     "columns 'a' and 'b' share the table 's' but differ in 'dim'"},
    {"features: {columns: {a: {type: categorical, share: s}, b: {type: hashed, share: s, buckets: 3}}}", 1, 56,
     "columns 'a' and 'b' share the table 's' but differ in 'buckets'"},
    {"features: {columns: {a: {type: hashed, buckets: 4, share: s}, b: {type: hashed, share: s, buckets: 3}}}", 1, 63,
     "columns 'a' and 'b' share the table 's' but differ in 'buckets'"},
    {"features: {columns: {a: {type: bag, share: s}, b: {type: categorical, share: s, min_count: 3}}}", 1, 48,
     "columns 'a' and 'b' share the table 's' but differ in 'min_count'"},
    {"features: {columns: {a: {type: bag, share: s}, b: {type: categorical, share: s, max_rows: 3}}}", 1, 48,
     "columns 'a' and 'b' share the table 's' but differ in 'max_rows'"},
    {"features: {columns: {a: {type: bag, share: b}, b: {type: categorical}}}", 1, 48,
     "column 'b' has a table of its own name, which others share; hint: give it 'share: b' too"},
    {"features: {columns: {a: {pooling: max, type: bag}}}", 1, 35,
     "key 'pooling': expected one of sum, mean but found 'max'; hint: did you mean 'mean'?"},
    {"features: {columns: {a: {type: hashed}}}", 1, 25, "type 'hashed' needs 'buckets' above 0; hint: about twice the number of distinct values"},
};

static const wrong in_tasks[] = {
    {"tasks: {}", 1, 8, "key 'tasks': expected at least one task"},
    {"tasks: [a]", 1, 8, "key 'tasks': expected a map from task names to settings but found a list"},
    {"tasks: ", 1, 1, "key 'tasks' is missing"},
    {"tasks: {a: }", 1, 12, "task 'a' needs a type; hint: it is one of binary, regression, multiclass, count, ordinal, quantile"},
    {"tasks: {a: {}}", 1, 12, "key 'tasks.a.type' is missing; hint: it is one of binary, regression, multiclass, count, ordinal, quantile"},
    {"tasks: {a: {label: b}}", 1, 12, "key 'tasks.a.type' is missing; hint: it is one of binary, regression, multiclass, count, ordinal, quantile"},
    {"tasks: {a: {type: binry}}", 1, 19,
     "key 'type': expected one of binary, regression, multiclass, count, ordinal, quantile but found 'binry'; hint: did you mean 'binary'?"},
    {"tasks: {a: survival}", 1, 12, "key 'type': expected one of binary, regression, multiclass, count, ordinal, quantile but found 'survival'"},
    {"tasks: {a: [b]}", 1, 12, "'a': expected a map of keys or a type but found a list"},
    {"tasks: {shared: binary}", 1, 9, "task name 'shared' is taken by the model's own parts"},
    {"tasks: {all: binary}", 1, 9, "task name 'all' is taken by the model's own parts"},
    {"tasks: {expert0: binary}", 1, 9, "task name 'expert0' is taken by the model's own parts"},
    {"tasks: {expert12: binary}", 1, 9, "task name 'expert12' is taken by the model's own parts"},
    {"tasks: {a.b: binary}", 1, 9, "task name 'a.b' contains '.'; hint: '_' is allowed"},
    {"tasks: {\"a\\tb\": binary}", 1, 9, "a task's name contains the control character 9"},
    {"tasks: {\"\": binary}", 1, 9, "expected the name of a task but found nothing"},
    {"tasks: {y: {type: binary, positve: 1}}", 1, 27, "unknown key 'positve'; hint: did you mean 'positive'?"},
    {"tasks: {y: {type: regression, positive: 1}}", 1, 31, "key 'positive' is only for type 'binary'"},
    {"tasks: {y: {type: binary, classes: [a, b]}}", 1, 27,
     "key 'classes' is only for type 'multiclass' or 'ordinal'; hint: what belongs here: 'positive', 'group', 'chain', 'after'"},
    {"tasks: {y: {type: multiclass, classes: [a]}}", 1, 40, "key 'classes': expected at least 2 classes but found 1"},
    {"tasks: {y: {type: multiclass, classes: [a, b, a]}}", 1, 47, "key 'classes': 'a' stands there twice"},
    {"tasks: {y: {type: regression, loss: bce}}", 1, 37, "loss 'bce' does not fit type 'regression'; hint: mse, mae, huber, ziln"},
    {"tasks: {y: {type: binary, loss: cross-entropy}}", 1, 33, "loss 'cross-entropy' does not fit type 'binary'; hint: mse, mae, huber, bce, focal"},
    {"tasks: {y: {type: multiclass, loss: mse}}", 1, 37, "loss 'mse' does not fit type 'multiclass'; hint: cross-entropy"},
    {"tasks: {y: {type: binary, loss: focall}}", 1, 33,
     "key 'loss': expected one of mse, mae, huber, bce, cross-entropy, focal, ziln, poisson, proportional-odds, pinball but found 'focall'; hint: did "
     "you mean 'focal'?"},
    {"tasks: {y: {type: regression, loss: focal}}", 1, 37, "loss 'focal' does not fit type 'regression'; hint: mse, mae, huber, ziln"},
    {"tasks: {y: {type: binary, focal_gamma: 2}}", 1, 27,
     "key 'focal_gamma' is only for loss 'focal'; hint: what belongs here: 'positive_weight', 'negative_sampling'"},
    {"tasks: {y: {type: binary, loss: focal, focal_alpha: 1}}", 1, 53, "key 'focal_alpha': expected a number in [0, 1) but found '1'"},
    {"tasks: {y: {type: binary, loss: focal, positive_weight: 2}}", 1, 40,
     "key 'positive_weight' is only for loss 'bce'; hint: what belongs here: 'focal_gamma', 'focal_alpha'"},
    {"tasks: {y: {type: binary, loss: focal, activation: none}}", 1, 52,
     "key 'activation': loss 'focal' has its sigmoid inside but found 'none'; hint: with another head take loss 'mse'"},
    {"tasks: {y: {type: count, activation: relu}}", 1, 38,
     "key 'activation': loss 'poisson' has its exponential inside but found 'relu'; hint: leave it out"},
    {"tasks: {y: {type: count, loss: mse}}", 1, 32, "loss 'mse' does not fit type 'count'; hint: poisson"},
    {"tasks: {y: {type: ordinal, classes: [a]}}", 1, 37, "key 'classes': expected at least 2 classes but found 1"},
    {"tasks: {y: {type: quantile, quantiles: []}}", 1, 40, "key 'quantiles': expected a number in (0, 1) or an ascending list of them but found an empty list"},
    {"tasks: {y: {type: quantile, quantiles: [0.5, 0.1]}}", 1, 46,
     "key 'quantiles': expected a number in (0, 1) or an ascending list of them but found '0.1'"},
    {"tasks: {y: {type: quantile, quantiles: [0.5, 0.5]}}", 1, 46,
     "key 'quantiles': expected a number in (0, 1) or an ascending list of them but found '0.5'"},
    {"tasks: {y: {type: quantile, quantiles: 1}}", 1, 40, "key 'quantiles': expected a number in (0, 1) or an ascending list of them but found '1'"},
    {"tasks: {y: {type: regression, quantiles: 0.5}}", 1, 31, "key 'quantiles' is only for type 'quantile'"},
    {"tasks: {y: {type: binary, activation: none}}", 1, 39,
     "key 'activation': loss 'bce' has its sigmoid inside but found 'none'; hint: with another head take loss 'mse'"},
    {"tasks: {y: {type: multiclass, activation: relu}}", 1, 43,
     "key 'activation': loss 'cross-entropy' has its softmax inside but found 'relu'; hint: leave it out"},
    {"tasks: {y: {type: binary, activation: relu6}}", 1, 39,
     "key 'activation': expected one of none, relu, leaky_relu, gelu, swish, tanh, sigmoid but found 'relu6'; hint: did you mean 'relu'?"},
    {"tasks: {y: {type: binary, huber_delta: 1}}", 1, 27,
     "key 'huber_delta' is only for loss 'huber'; hint: what belongs here: 'positive_weight', 'negative_sampling'"},
    {"tasks: {y: {type: regression, loss: huber, huber_delta: 0}}", 1, 57, "key 'huber_delta': expected a number above 0 but found '0'"},
    {"tasks: {y: {type: binary, weight: -1}}", 1, 35, "key 'weight': expected a number of at least 0 but found '-1'"},
    {"tasks: {y: {type: binary, weight: 1e999}}", 1, 35, "key 'weight': expected a number of at least 0 but found '1e999'"},
    {"tasks: {y: {type: binary, weight: .inf}}", 1, 35, "key 'weight': expected a number of at least 0 but found '.inf'"},
    {"tasks: {y: {type: binary, weight: nan}}", 1, 35, "key 'weight': expected a number of at least 0 but found 'nan'"},
    {"tasks: {y: {type: regression, positive_weight: 1}}", 1, 31, "key 'positive_weight' is only for loss 'bce'"},
    {"tasks: {y: {type: binary, loss: mse, negative_sampling: 1}}", 1, 38, "key 'negative_sampling' is only for loss 'bce'"},
    {"tasks: {y: {type: binary, negative_sampling: 0}}", 1, 46, "key 'negative_sampling': expected a number in (0, 1] but found '0'"},
    {"tasks: {y: {type: binary, negative_sampling: 1.5}}", 1, 46, "key 'negative_sampling': expected a number in (0, 1] but found '1.5'"},
    {"tasks: {y: {type: binary, positive_weight: 0}}", 1, 44, "key 'positive_weight': expected a number above 0 but found '0'"},
    {"tasks: {y: {type: regression, group: u}}", 1, 31, "key 'group' is only for type 'binary'"},
    {"tasks: {y: {type: binary, label: ''}}", 1, 34, "key 'label': expected a text that is not empty but found the text ''"},
    {"tasks: {y: {type: binary, label: [a]}}", 1, 34, "key 'label': expected a text but found a list"},
    {"tasks: {a: binary, y: {type: regression, chain: [a]}}", 1, 42, "key 'chain' is only for type 'binary'"},
    {"tasks: {a: binary, y: {type: binary, chain: a}}", 1, 45, "key 'chain': expected a list of tasks, or a list of such lists but found 'a'"},
    {"tasks: {a: binary, y: {type: binary, chain: [[a], a]}}", 1, 51, "key 'chain': expected a list of tasks, or a list of such lists but found 'a'"},
    {"tasks: {click: binary, y: {type: binary, chain: [clik]}}", 1, 49, "key 'chain': no task is named 'clik'; hint: did you mean 'click'?"},
    {"tasks: {a: count, y: {type: binary, chain: [a]}}", 1, 44,
     "key 'chain': expected binary tasks with loss bce or focal but task 'a' is of type 'count' with loss 'poisson'"},
    {"tasks: {a: binary, y: {type: binary, loss: focal, chain: [a]}}", 1, 58, "task 'y': a chain has the loss 'bce' but found 'focal'; hint: leave 'loss' out"},
    {"tasks: {y: {type: binary, chain: [y]}}", 1, 34, "the chain of task 'y' leads back to itself, or over more than 32 chains"},
    {"tasks: {a: binary, x: {type: binary, chain: [a, y]}, y: {type: binary, chain: [a, x]}}", 1, 45,
     "the chain of task 'x' leads back to itself, or over more than 32 chains"},
    {"tasks: {a: binary, b: binary, y: {type: binary, chain: [[a], [b]]}}", 1, 56,
     "key 'chain': two paths may both happen; hint: one of them must have 'not TASK' where the other has TASK"},
    {"tasks: {a: binary, y: {type: binary, chain: [a, not a]}}", 1, 45, "the chain of task 'y' never happens"},
    {"tasks: {a: binary, y: {type: binary, chain: [[a], [not a]]}}", 1, 45, "the chain of task 'y' always happens"},
    {"tasks: {click: binary, y: {type: binary, after: clik}}", 1, 49, "key 'after': no task is named 'clik'; hint: did you mean 'click'?"},
    {"tasks: {a: binary, y: {type: binary, after: {weight: 1}}}", 1, 45, "task 'y': key 'after' needs a 'task'"},
    {"tasks: {a: binary, y: {type: binary, after: {task: a, weight: -1}}}", 1, 63, "key 'weight': expected a number of at least 0 but found '-1'"},
    {"tasks: {a: binary, b: binary, y: {type: binary, chain: [a, b], loss: mse, after: a}}", 1, 56,
     "task 'y': a chain has the loss 'bce' but found 'mse'; hint: leave 'loss' out"},
    {"tasks: {a: regression, y: {type: binary, after: a}}", 1, 49, "key 'after': expected binary tasks with loss bce or focal on both sides of 'y'"},
    {"tasks: {a: {type: binary, after: y}, y: {type: binary, after: a}}", 1, 34, "task 'a' comes after itself"},
    {"tasks: {y: {type: binary, category: shared}}", 1, 37, "key 'category': 'shared' is taken by a task or the model's own parts"},
    {"tasks: {y: {type: binary, category: z}, z: binary}", 1, 37, "key 'category': 'z' is taken by a task or the model's own parts"},
    {"tasks: {y: {type: binary, category: a.b}}", 1, 37, "key 'category': expected a name without '.' and control characters; hint: '_' is allowed"},
    {"tasks: {y: {type: binary, given: y}}", 1, 34, "task 'y' is given itself"},
    {"tasks: {y: {type: binary, given: z}, z: regression}", 1, 34,
     "key 'given': expected a binary task or a column but task 'z' is of type 'regression'"},
    {"tasks: {y: {type: binary, given: z}, z: {type: binary, given: y}}", 1, 34, "task 'y' is given itself, by way of 'z'"},
};

#define LATER "adatt-sp, adatt, cross-stitch, snr-aver, snr-trans, l2-constrained, local-experts, tensor-factorization, home, stem, aitm, custom"

static const wrong in_model[] = {
    {"model: {expert: 1}", 1, 9, "unknown key 'expert'; hint: did you mean 'experts'?"},
    {"model: gmmoe", 1, 8,
     "key 'architecture': expected one of single-task, shared-bottom, averaged, moe, omoe, mmoe, cgc, ple, " LATER " but found 'gmmoe'; hint: did you mean 'mmoe'?"},
    {"model: {architecture: transformer}", 1, 23,
     "key 'architecture': expected one of single-task, shared-bottom, averaged, moe, omoe, mmoe, cgc, ple, " LATER " but found 'transformer'"},
    {"model: {architecture: moe}", 1, 23, "architecture 'moe' is for one task but there are 2; hint: 'omoe' has one gate for all tasks"},
    {"model: {architecture: cgc, levels: 2}", 1, 36, "architecture 'cgc' has one level but found 2; hint: 'ple' is cgc with more levels"},
    {"model: {architecture: omoe, levels: 2}", 1, 37, "architecture 'omoe' has one level but found 2; hint: 'mmoe' and 'ple' may have more"},
    {"model: {architecture: snr-aver, connections: {gamma: 0}}", 1, 54, "key 'gamma': expected a number in [-10, 0) but found '0'"},
    {"model: {architecture: snr-aver, connections: {zeta: 1}}", 1, 53, "key 'zeta': expected a number in (1, 10] but found '1'"},
    {"model: local-experts", 1, 8, "architecture 'local-experts' is for one task but there are 2; hint: 'omoe' has one gate for all tasks"},
    {"model: {architecture: tensor-factorization, experts: {hidden: [65536, 65536]}, ranks: {input: 65536, output: 65536}}", 1, 8,
     "the model has more than 2147483648 parameters; hint: look at the widths"},
    {"model: {architecture: snr-trans, experts: {count: 1000, hidden: [100]}}", 1, 8, "the model has more than 2147483648 parameters; hint: look at the widths"},
    {"model: {architecture: l2-constrained, alpha: -1}", 1, 46, "key 'alpha': expected a number of at least 0 but found '-1'"},
    {"model: {architecture: cross-stitch, levels: 3, experts: {hidden: [8, 4]}}", 1, 45,
     "key 'levels': 'cross-stitch' has one level per layer: expected '2', the widths of its experts, but found '3'; hint: leave 'levels' out, or give 'experts.hidden' 3 widths"},
    {"model: {architecture: cross-stitch, levels: 3}", 1, 45,
     "key 'levels': 'cross-stitch' has one level per layer: expected '2', the widths of its experts, but found '3'; hint: leave 'levels' out, or give 'experts.hidden' 3 widths"},
    {"model: {architecture: cross-stitch, experts: {hidden: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}}", 1, 55,
     "key 'hidden': 'cross-stitch' has one level per layer, at most 16, but found 17"},
    {"model: {architecture: adatt-sp, experts: {per_task: {y: 1, z: 0}}}", 1, 53, "task 'z' has no expert; hint: 'per_task' above 0"},
    {"tasks: {y: regression}\nmodel: {architecture: local-experts, gates: {top_k: 2}}", 2, 53,
     "architecture 'local-experts' learns from the softmax of its gate as it is: 'top_k' does not fit; hint: 'moe' takes it"},
    {"tasks: {y: regression}\nmodel: {architecture: local-experts, gates: {balance: {z: 1}}}", 2, 55,
     "architecture 'local-experts' learns from the softmax of its gate as it is: 'balance' does not fit; hint: 'moe' takes it"},
    {"model: {architecture: tensor-factorization, levels: 2}", 1, 53,
     "architecture 'tensor-factorization' has one level but found 2; hint: 'mmoe' and 'ple' may have more"},
    {"model: {architecture: tensor-factorization, ranks: {task: 0}}", 1, 59, "key 'task': expected a whole number from 1 to 65536 but found '0'"},
    {"model: {architecture: stem, experts: {shared: 0, per_task: 0}}", 1, 60, "task 'y' has no expert; hint: 'shared' or 'per_task' above 0"},
    {"model: {architecture: aitm, sequence: [y, x]}", 1, 39, "key 'sequence': no task with a tower is named 'x'"},
    {"model: {architecture: aitm, sequence: [y, z, y]}", 1, 39, "key 'sequence': 'y' stands there twice"},
    {"model: {architecture: stem, gates: {top_k: 2}}", 1, 44, "architecture 'stem' computes all of its experts: 'top_k' does not fit"},
    {"model: {architecture: home, levels: 1}", 1, 37, "architecture 'home' has at least 2 levels but found 1; hint: 'cgc' has one"},
    {"model: {architecture: home, experts: {shared: 0}}", 1, 47, "architecture 'home' needs shared experts; hint: 'shared' above 0"},
    {"model: {architecture: home, feature_gates: {count: 65}}", 1, 52, "key 'count': expected a whole number from 0 to 64 but found '65'"},
    {"model: {levels: 0}", 1, 17, "key 'levels': expected a whole number from 1 to 16 but found '0'"},
    {"model: {levels: 17}", 1, 17, "key 'levels': expected a whole number from 1 to 16 but found '17'"},
    {"model: {experts: {count: 0}}", 1, 26, "key 'count': expected a whole number from 1 to 1024 but found '0'"},
    {"model: {experts: {hidden: []}}", 1, 27, "key 'hidden': expected from 1 to 64 widths but found 0"},
    {"model: {experts: {hidden: 64}}", 1, 27, "key 'hidden': expected a list of widths from 1 to 65536, or one such list per level but found '64'"},
    {"model: {experts: {hidden: [0]}}", 1, 28, "key 'hidden': expected a width from 1 to 65536 but found '0'"},
    {"model: {experts: {hidden: [65537]}}", 1, 28, "key 'hidden': expected a width from 1 to 65536 but found '65537'"},
    {"model: {experts: {hidden: [a]}}", 1, 28, "key 'hidden': expected a width from 1 to 65536 but found 'a'"},
    {"model: {experts: {hidden: [[64], [32]]}}", 1, 27, "key 'hidden': expected 1 list, one per level, but found 2"},
    {"model: {levels: 2, experts: {hidden: [[64], 32]}}", 1, 45, "key 'hidden': expected a list of widths, as for the first level but found '32'"},
    {"model: {levels: 2, experts: {hidden: [64, [32]]}}", 1, 43, "key 'hidden': expected a width from 1 to 65536 but found a list"},
    {"model: {levels: 2, experts: {hidden: [[64], []]}}", 1, 45, "key 'hidden': expected from 1 to 64 widths but found 0"},
    {"model: {towers: {hidden: [[16], [8]]}}", 1, 26, "key 'hidden': towers have one level: expected one list of widths but found 2"},
    {"model: {towers: {hidden: [16, [8]]}}", 1, 31, "key 'hidden': expected a width from 1 to 65536 but found a list"},
    {"model: {towers: {hidden: [[[16]]]}}", 1, 28, "key 'hidden': expected a width from 1 to 65536 but found a list"},
    {"model: {gates: {norm: batch}}", 1, 17, "unknown key 'norm'; hint: did you mean 'model.experts.norm'?"},
    {"model: {experts: {dropout: 1}}", 1, 28, "key 'dropout': expected a number in [0, 1) but found '1'"},
    {"model: {experts: {norm: group}}", 1, 25, "key 'norm': expected one of none, batch, layer but found 'group'"},
    {"model: {experts: {activation: relu7}}", 1, 31,
     "key 'activation': expected one of none, relu, leaky_relu, gelu, swish, tanh, sigmoid but found 'relu7'; hint: did you mean 'relu'?"},
    {"model: {architecture: cgc, experts: {shared: 0, per_task: 0}}", 1, 59, "task 'y' has no expert; hint: 'shared' or 'per_task' above 0"},
    {"model: {architecture: cgc, experts: {shared: 0, per_task: {y: 1, z: 0}}}", 1, 59,
     "task 'z' has no expert; hint: 'shared' or 'per_task' above 0"},
    {"model: {architecture: cgc, experts: {per_task: {y: 1}}}", 1, 48, "key 'per_task': expected a number for every task but 'z' has none"},
    {"model: {architecture: cgc, experts: {per_task: {y: 1, zz: 1}}}", 1, 55, "no task is named 'zz'; hint: did you mean 'z'?"},
    {"model: {architecture: cgc, experts: {per_task: {y: 1, z: x}}}", 1, 58,
     "key 'per_task': expected a whole number from 0 to 1024, or a map from tasks to such numbers but found 'x'"},
    {"model: {architecture: cgc, experts: {per_task: [1, 2]}}", 1, 48,
     "key 'per_task': expected a whole number from 0 to 1024, or a map from tasks to such numbers but found a list"},
    {"model: {architecture: cgc, experts: {per_task: 1025}}", 1, 48,
     "key 'per_task': expected a whole number from 0 to 1024, or a map from tasks to such numbers but found '1025'"},
    {"model: {experts: {hidden: [65536, 65536]}}", 1, 8, "the model has more than 2147483648 parameters; hint: look at the widths"},
    {"model: {experts: {norm: batch}, gates: {top_k: 2}}", 1, 25,
     "key 'norm': experts of gates with 'top_k' see a part of the batch but found 'batch'; hint: 'layer'"},
    {"model: {gates: {noise: true}}", 1, 17, "key 'noise' is only for gates with 'top_k'"},
    {"model: {gates: {top_k: 2, balance: {load: 0.1}}}", 1, 37, "key 'load' is only for gates with 'noise'; hint: what belongs here: 'even', 'bias'"},
    {"model: {gates: {balance: {even: 0.1}}}", 1, 27, "key 'even' is only for gates with 'top_k'"},
    {"model: {gates: {balance: {z: 0.1}}}\ntrain: {balance: pcgrad}", 2, 18,
     "key 'balance': this method takes gradients task by task, but 'model.gates.balance' belongs to none"},
    {"model: {architecture: snr-aver, experts: {always: 2}}", 1, 43, "key 'always' is only for architecture 'moe', 'omoe' or 'mmoe'; hint: what belongs here: 'count'"},
    {"model: {experts: {count: 3, always: 2}}", 1, 37, "key 'always': gates need 2 experts of 3 to weigh but found '2'"},
    {"model: {gates: {renormalise: false}}", 1, 17, "key 'renormalise' is only for gates with 'top_k'"},
    {"model: {gates: {top_k: 1, renormalise: true, balance: {importance: 1}}}", 1, 40,
     "key 'renormalise': with 'top_k: 1' the kept weight would always be 1, and the gate never learn; hint: leave it out, for 'false'"},
    {"model: {gates: {top_k: 65}}", 1, 24, "key 'top_k': expected a whole number from 0 to 64 but found '65'"},
    {"model: {gates: {temperature: 0}}", 1, 30, "key 'temperature': expected a number above 0 but found '0'"},
    {"model: {gates: {weight_dropout: 1}}", 1, 33, "key 'weight_dropout': expected a number in [0, 1) but found '1'"},
    {"model: {init: {std: 0.1}}", 1, 16, "key 'std' is only for name 'normal'"},
    {"model: {init: xavier}", 1, 15, "key 'name': expected one of pytorch, glorot, he, normal but found 'xavier'"},
    {"model: {init: {name: normal, std: -1}}", 1, 35, "key 'std': expected a number of at least 0 but found '-1'"},
    {"model: {architecture: custom, wiring: {levels: [{experts: {a: {count: 2, identity: true}}, gates: {all: a}}]}}", 1, 84,
     "group 'a': an identity passes on a stream of the level below, and not the input"},
    {"model: {architecture: custom, wiring: {levels: [{experts: {a: {count: 2, identity: 2}}, gates: {all: a}}]}}", 1, 84,
     "group 'a': expected 'identity' as true or false"},
    {"model: {architecture: custom, experts: {hidden: [[8], [4]]}, wiring: {levels: [{experts: {a: 2}, gates: {a: a}}, "
     "{experts: {a: 1, b: {reads: a, identity: true}}, gates: {all: [a, b]}}]}}", 1, 49,
     "key 'hidden': experts of level 1 are 4 wide but what its 'identity' passes on is 8 wide"},
    {"model: {architecture: custom, gates: {top_k: 1}, wiring: {levels: [{experts: {a: 2}, gates: {a: a}}, "
     "{experts: {b: {reads: a, identity: true}}, gates: {all: b}}]}}", 1, 58,
     "key 'wiring': with 'top_k' the gates of level 1 must be of kind 'softmax', and its experts read 'input' all or not at all, and none is an 'identity'"},
    {"model: {experts: 8}", 1, 18, "key 'experts': expected a map of keys but found '8'"},
};

static const wrong in_train[] = {
    {"train: {epochs: 0}", 1, 17, "key 'epochs': expected a whole number from 1 to 1000000 but found '0'"},
    {"train: {epochs: ten}", 1, 17, "key 'epochs': expected a whole number from 1 to 1000000 but found 'ten'"},
    {"train: {batch: 0}", 1, 16, "key 'batch': expected a whole number of at least 1, or full but found '0'"},
    {"train: {batch: half}", 1, 16, "key 'batch': expected a whole number of at least 1, or full but found 'half'"},
    {"train: {shuffle: maybe}", 1, 18, "key 'shuffle': expected true or false but found 'maybe'"},
    {"train: {seed: -1}", 1, 15, "key 'seed': expected a whole number from 0 to 18446744073709551615 but found '-1'"},
    {"train: {seed: 18446744073709551616}", 1, 15,
     "key 'seed': expected a whole number from 0 to 18446744073709551615 but found '18446744073709551616'"},
    {"train: {optimizer: adaam}", 1, 20, "key 'name': expected one of sgd, adam, adamw, adagrad but found 'adaam'; hint: did you mean 'adam'?"},
    {"train: {optimizer: {name: sgd, betas: [0.9, 0.99]}}", 1, 32,
     "key 'betas' is only for name 'adam' or 'adamw'; hint: what belongs here: 'momentum', 'nesterov'"},
    {"train: {optimizer: {name: sgd, eps: 1}}", 1, 32,
     "key 'eps' is only for name 'adam', 'adamw' or 'adagrad'; hint: what belongs here: 'momentum', 'nesterov'"},
    {"train: {optimizer: {momentum: 0.9}}", 1, 21, "key 'momentum' is only for name 'sgd'; hint: what belongs here: 'betas', 'eps'"},
    {"train: {optimizer: {betas: [0.9]}}", 1, 28, "key 'betas': expected a list of two numbers in [0, 1) but found a list"},
    {"train: {optimizer: {betas: [0.9, 1]}}", 1, 34, "key 'betas': expected a list of two numbers in [0, 1) but found '1'"},
    {"train: {optimizer: {betas: 0.9}}", 1, 28, "key 'betas': expected a list of two numbers in [0, 1) but found '0.9'"},
    {"train: {optimizer: {lr: -0.1}}", 1, 25, "key 'lr': expected a number of at least 0 but found '-0.1'"},
    {"train: {optimizer: {embeddings: adam}}", 1, 33, "key 'name': expected one of rowwise-adagrad but found 'adam'"},
    {"train: {optimizer: {embeddings: {momentums: 1}}}", 1, 34, "unknown key 'momentums'; hint: the keys here are 'name', 'lr', 'eps', 'weight_decay'"},
    {"train: {optimizer: {name: sgd, nesterov: true}}", 1, 42, "key 'nesterov' needs a 'momentum' above 0"},
    {"train: {balance: pcgard}", 1, 18,
     "key 'method': expected one of fixed, decayed, uncertainty, dwa, gradnorm, pcgrad, mgda, cagrad, imtl, nash, famo, random but found 'pcgard'; "
     "hint: did you mean 'pcgrad'?"},
    {"train: {balance: [pcgrad]}", 1, 18, "key 'balance': expected a map of keys or its 'method' alone but found a list"},
    {"train: {balance: {methods: mgda}}", 1, 19, "unknown key 'methods'; hint: did you mean 'method'?"},
    {"train: {balance: {method: pcgrad, c: 1}}", 1, 35, "key 'c' is only for method 'cagrad'"},
    {"train: {balance: {c: 1}}", 1, 19, "key 'c' is only for method 'cagrad'"},
    {"train: {balance: {method: cagrad, max_norm: 1}}", 1, 35, "key 'max_norm' is only for method 'nash'; hint: what belongs here: 'c'"},
    {"train: {balance: {method: dwa, lr: 1}}", 1, 32,
     "key 'lr' is only for method 'uncertainty', 'gradnorm', 'imtl' or 'famo'; hint: what belongs here: 'temperature'"},
    {"train: {balance: {method: famo, alpha: 1}}", 1, 33, "key 'alpha' is only for method 'gradnorm'; hint: what belongs here: 'lr', 'decay'"},
    {"train: {balance: {method: mgda, normalise: l2}}", 1, 44, "key 'normalise': expected one of none, norm, loss, both but found 'l2'"},
    {"train: {balance: {method: cagrad, c: -1}}", 1, 38, "key 'c': expected a number of at least 0 but found '-1'"},
    {"train: {balance: {method: dwa, temperature: 0}}", 1, 45, "key 'temperature': expected a number above 0 but found '0'"},
    {"train: {balance: decayed}", 1, 18, "method 'decayed' needs 'gamma'; hint: 0.9, or a map from tasks to such numbers"},
    {"train: {balance: {method: decayed, gamma: 1.5}}", 1, 43,
     "key 'gamma': expected a number in (0, 1], or a map from tasks to such numbers but found '1.5'"},
    {"train: {balance: {method: decayed, gamma: {y: 0.9, z: 0}}}", 1, 55,
     "key 'gamma': expected a number in (0, 1], or a map from tasks to such numbers but found '0'"},
    {"train: {balance: {method: decayed, gamma: {y: 0.9}}}", 1, 43, "key 'gamma': expected a number for every task but 'z' has none"},
    {"train: {balance: {method: decayed, gamma: {y: 0.9, zz: 0.9}}}", 1, 52, "no task is named 'zz'; hint: did you mean 'z'?"},
    {"train: {balance: {method: decayed, gamma: 0.9, every: 0}}", 1, 55, "key 'every': expected epoch or a whole number of at least 1 but found '0'"},
    {"train: {schedule: {gamma: 0.1}}", 1, 20, "key 'gamma' is only for name 'step' or 'exponential'"},
    {"train: {schedule: {name: cosine, every: 1}}", 1, 34, "key 'every' is only for name 'step'; hint: what belongs here: 'floor'"},
    {"train: {schedule: {name: step, floor: 1}}", 1, 32, "key 'floor' is only for name 'cosine'; hint: what belongs here: 'gamma', 'every'"},
    {"train: {schedule: {name: cosine, floor: 2}}", 1, 41, "key 'floor': expected a number in [0, 1] but found '2'"},
    {"train: {early_stop: {}}", 1, 9, "key 'early_stop' needs rows to measure on; hint: 'data.valid: {fraction: 0.1}'"},
    {"train: {early_stop: [a]}", 1, 21, "key 'early_stop': expected a map of keys or its 'metric' alone but found a list"},
    {"train: {early_stop: {metric: auc}}", 1, 30, "key 'metric': expected mean, loss, or TASK.METRIC but found 'auc'"},
    {"train: {checkpoint: {every: 0}}", 1, 29, "key 'every': expected epoch or a whole number of at least 1 but found '0'"},
    {"train: {checkpoint: {every: day}}", 1, 29, "key 'every': expected epoch or a whole number of at least 1 but found 'day'"},
    {"train: {clip: {norm: -1}}", 1, 22, "key 'norm': expected a number of at least 0 but found '-1'"},
    {"train: {l2: x}", 1, 13, "key 'l2': expected a number of at least 0 but found 'x'"},
    {"train: {early_stop: {metric: w.auc}}", 1, 30, "key 'metric': no task is named 'w'"},
    {"train: {early_stop: {metric: y.gauc}}", 1, 30, "metric 'gauc' needs the task's 'group'; hint: tasks.y.group names a column"},
    {"train: {early_stop: {metric: y.rmse}}", 1, 30,
     "'rmse' cannot be watched for a task of type 'binary'; hint: loss, auc, gauc, log_loss, ece, accuracy"},
    {"train: {early_stop: {metric: y.calibration}}", 1, 30,
     "'calibration' cannot be watched for a task of type 'binary'; hint: loss, auc, gauc, log_loss, ece, accuracy"},
    {"train: {early_stop: {metric: y.}}", 1, 30, "'' cannot be watched for a task of type 'binary'; hint: loss, auc, gauc, log_loss, ece, accuracy"},
    {"train: {early_stop: accuracy}", 1, 21, "key 'metric': expected mean, loss, or TASK.METRIC but found 'accuracy'"},
    {"train: {early_stop: {metric: mean, patience: 0}}", 1, 46, "key 'patience': expected a whole number from 1 to 1000000 but found '0'"},
};

static bool begins(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static void check_all(const wrong *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *line = rows[i].line;
        bool watched = strstr(line, "early_stop: {metric") != NULL || strstr(line, "early_stop: acc") != NULL;
        char yaml[512];
        snprintf(yaml, sizeof yaml, "%s\n%s%s", line,
                 begins(line, "data:") ? "" : watched ? "data: {train: a.csv, valid: v.csv}\n" : "data: {train: a.csv}\n",
                 begins(line, "tasks:") ? "" : "tasks: {y: binary, z: binary}\n");
        refused(yaml, NULL, "s.yaml", rows[i].at, rows[i].column, rows[i].message);
    }
}

static void test_wrong_keys(void **state) { check_all(in_keys, GW__COUNT(in_keys)); }
static void test_wrong_data(void **state) { check_all(in_data, GW__COUNT(in_data)); }
static void test_wrong_features(void **state) { check_all(in_features, GW__COUNT(in_features)); }
static void test_wrong_tasks(void **state) { check_all(in_tasks, GW__COUNT(in_tasks)); }
static void test_wrong_model(void **state) { check_all(in_model, GW__COUNT(in_model)); }
static void test_wrong_train(void **state) { check_all(in_train, GW__COUNT(in_train)); }

static void test_missing_parts(void **state) {
    refused("tasks: {y: binary}\n", NULL, "s.yaml", 1, 1, "key 'data.train' is missing");
    refused("data: {train: a}\n", NULL, "s.yaml", 1, 1, "key 'tasks' is missing");
    refused("\n\n  data: {train: a}\n  tasks:\n    y:\n      label: b\n", NULL, "s.yaml", 6, 7,
            "key 'tasks.y.type' is missing; hint: it is one of binary, regression, multiclass, count, ordinal, quantile");
    refused("[a]\n", NULL, "s.yaml", 1, 1, "expected a map of keys");
    refused("a\n", NULL, "s.yaml", 1, 1, "expected a map of keys");
    refused("", NULL, "s.yaml", 1, 1, "expected a map of keys but found nothing");
    refused("# nothing\n", NULL, "s.yaml", 1, 1, "expected a map of keys but found nothing");
}

static void test_places_in_blocks(void **state) {
    refused("data:\n  train: a.csv\ntasks:\n  y:\n    type: binary\ntrain:\n  optimizer:\n    lr: fast\n", NULL, "s.yaml", 8, 9,
            "key 'lr': expected a number of at least 0 but found 'fast'");
    refused("data:\n  train: a.csv\ntasks:\n  y:\n    type: binary\ntrain:\n  optimizer:\n    learning_rate: 1\n", NULL, "s.yaml", 8, 5,
            "unknown key 'learning_rate'; hint: the keys here are 'name', 'lr', 'betas', 'eps', 'momentum', 'nesterov', 'weight_decay', 'lazy', 'embeddings'");
}

static void test_too_many(void **state) {
    gw__text yaml = {0};
    gw__text_puts(&yaml, "data: {train: a}\ntasks:\n");
    for (int i = 0; i < 1025; i++) gw__text_addf(&yaml, "  t%d: binary\n", i);
    refused(yaml.at, NULL, "s.yaml", 3, 3, "more than 1024 tasks");
    gw__text_clear(&yaml);
    gw__text_puts(&yaml, "data: {train: a}\nmodel: {architecture: cgc, experts: {per_task: 1024}}\ntasks:\n");
    for (int i = 0; i < 65; i++) gw__text_addf(&yaml, "  t%d: binary\n", i);
    refused(yaml.at, NULL, "s.yaml", 2, 37, "66562 experts a level are more than 65536");
    gw__text_clear(&yaml);
    gw__text_puts(&yaml, "data: {train: a}\ntasks: {y: binary}\nfeatures:\n  columns:\n");
    for (int i = 0; i < 65537; i++) gw__text_addf(&yaml, "    c%d: numeric\n", i);
    refused(yaml.at, NULL, "s.yaml", 5, 5, "more than 65536 columns; hint: 'default' holds for all");
    gw__text_clear(&yaml);
    gw__text_puts(&yaml, "data: {train: a}\ntasks:\n  ");
    for (int i = 0; i < 256; i++) gw__text_putc(&yaml, 'n');
    gw__text_puts(&yaml, ": binary\n");
    refused(yaml.at, NULL, "s.yaml", 3, 3, "task name 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…' is longer than 255 bytes");
    gw__text_clear(&yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_keys),
        cmocka_unit_test(test_wrong_data),
        cmocka_unit_test(test_wrong_features),
        cmocka_unit_test(test_wrong_tasks),
        cmocka_unit_test(test_wrong_model),
        cmocka_unit_test(test_wrong_train),
        cmocka_unit_test(test_missing_parts), cmocka_unit_test(test_places_in_blocks), cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
