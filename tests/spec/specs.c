#include "testing.h"

#include <string.h>

#include "specs.h"

const char every_key[] =
    "data:\n"
    "  train: [a.csv, 'logs/day-*.tsv.gz']\n"
    "  valid: {column: date, from: 20220501}\n"
    "  test: t.csv\n"
    "  header: [age, class_worker, user_id, tags, date, income, kind, hours, w, job, work]\n"
    "  missing: [\"?\", NA, null, '']\n"
    "  separator: \"\\t\"\n"
    "features:\n"
    "  ignore: [date, w]\n"
    "  default: {type: auto, dim: 4, min_count: 3}\n"
    "  columns:\n"
    "    age: {type: numeric, transform: [log1p, standard], missing: -1.5, indicator: true}\n"
    "    hours: numeric\n"
    "    class_worker: {type: categorical, dim: 8, min_count: 5, max_rows: 1000, unseen_rate: .01}\n"
    "    user_id: {type: hashed, buckets: 1e6, dim: 16}\n"
    "    tags: {type: bag, separator: ';', dim: 8, pooling: sum}\n"
    "    job: {type: categorical, share: occupation}\n"
    "    work: {type: categorical, share: occupation}\n"
    "tasks:\n"
    "  income: {type: binary, label: income, positive: 50000+., positive_weight: 2, negative_sampling: 0.5, group: user_id, row_weight: w}\n"
    "  hours worked: {type: regression, label: hours_label, loss: huber, huber_delta: 2.5, activation: none, given: income, weight: 0.25}\n"
    "  kind: {type: multiclass, classes: [no, yes, 007]}\n"
    "  rate: {type: regression, activation: sigmoid, loss: mse, given: some_column}\n"
    "  square: {type: binary, loss: mse}\n"
    "model:\n"
    "  architecture: ple\n"
    "  levels: 3\n"
    "  experts: {shared: 1, per_task: {income: 0, hours worked: 1, kind: 2, rate: 3, square: 1}, hidden: [[64, 32], [32], [16, 8, 8]],\n"
    "            activation: swish, dropout: 0.1, norm: layer, bias: false}\n"
    "  gates: {hidden: [8], activation: tanh, dropout: 0.2, bias: false}\n"
    "  towers: {hidden: [16, 8], activation: gelu, dropout: 0.3, norm: batch, bias: false}\n"
    "  init: {name: normal, std: 0.02}\n"
    "  embedding_std: 0.1\n"
    "train:\n"
    "  epochs: 20\n"
    "  batch: full\n"
    "  shuffle: False\n"
    "  seed: 18446744073709551615\n"
    "  data_seed: 3\n"
    "  optimizer: {name: sgd, lr: 1e-3, momentum: .9, nesterov: TRUE, weight_decay: 1e-5, lazy: false,\n"
    "              embeddings: {name: rowwise-adagrad, lr: 0.05, eps: 1e-8, weight_decay: 1e-4}}\n"
    "  schedule: {name: step, gamma: 0.5, every: 3, warmup: 0.5}\n"
    "  clip: {norm: 1, value: 0.5}\n"
    "  l2: 1.0e-6\n"
    "  early_stop: {metric: income.gauc, patience: 4, min_delta: 0.001}\n"
    "  checkpoint: {every: 1000}\n";

gw__spec *spec_with(const char *yaml, const char *set) {
    gw__spec *spec = NULL;
    gw_error err = {0};
    gw_status status = gw__spec_parse(yaml, strlen(yaml), "s.yaml", &set, set != NULL, &spec, &err);
    if (status != GW_OK) fail_msg("%s:%lld:%lld: %s", err.where, (long long)err.line, (long long)err.column, err.message);
    return spec;
}

gw__spec *spec_of(const char *yaml) { return spec_with(yaml, NULL); }

char *canonical_of(const gw__spec *spec) {
    gw__text out = {0};
    assert_int_equal(gw__spec_write_json(spec, &out, NULL), GW_OK);
    char *copy = strdup(out.at);
    gw__text_clear(&out);
    assert_non_null(copy);
    return copy;
}

char *complete_of(const gw__spec *spec) {
    static const char begin[] = "{\"data\":{", files[] = "\"valid\":[]";
    char *json = canonical_of(spec), *rest = json + strlen(begin), *valid = strstr(json, files);
    gw__text out = {0};
    assert_memory_equal(json, begin, strlen(begin));
    gw__text_addf(&out, "%s\"train\":[\"a.csv\"],", begin);
    if (valid == rest) gw__text_puts(&out, "\"valid\":[\"v.csv\"]");
    gw__text_puts(&out, valid == rest ? rest + strlen(files) : rest);
    free(json);
    char *copy = strdup(out.at);
    gw__text_clear(&out);
    assert_non_null(copy);
    return copy;
}

void refused(const char *yaml, const char *set, const char *where, int64_t line, int64_t column, const char *message) {
    gw__spec *spec = NULL;
    gw_error err = {0};
    gw_status status = gw__spec_parse(yaml, strlen(yaml), "s.yaml", &set, set != NULL, &spec, &err);
    if (status == GW_OK) fail_msg("accepted: %s%s%s", yaml, set != NULL ? " --set " : "", set != NULL ? set : "");
    assert_null(spec);
    if (strcmp(err.message, message) != 0) fail_msg("expected '%s'\nbut found '%s'\nof %s", message, err.message, yaml);
    assert_int_equal(status, GW_E_CONFIG);
    assert_int_equal(err.code, GW_E_CONFIG);
    assert_string_equal(err.where, where);
    if (err.line != line || err.column != column) {
        fail_msg("expected place %lld:%lld but found %lld:%lld of '%s'", (long long)line, (long long)column, (long long)err.line,
                 (long long)err.column, err.message);
    }
}
