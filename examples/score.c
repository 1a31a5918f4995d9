/* Score rows from C: load a model, look at it, and score two rows given as typed columns, then as dense input.
 *   cc score.c -lgatewright -o score && ./score model.gw */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gatewright.h>

#define ROWS 2

static int fail(const gw_error *err) {
    fprintf(stderr, "score: %s%s%s\n", err->where, err->where[0] ? ": " : "", err->message);
    return gw_status_exit_code(err->code);
}

static void print_model(const gw_model *model) {
    static const char *const types[] = {"binary", "regression", "multiclass", "count", "ordinal", "quantile"};
    printf("tasks:\n");
    for (size_t i = 0; i < gw_model_task_count(model); i++) {
        gw_task_info task;
        if (gw_model_task_at(model, i, &task, NULL) != GW_OK) continue;
        printf("  %s: %s, output columns %zu to %zu\n", task.name, types[task.type], task.output_at, task.output_at + task.output_width - 1);
        for (size_t k = 0; gw_model_class_name(model, i, k); k++) printf("    class %zu: %s\n", k, gw_model_class_name(model, i, k));
    }
    printf("features:\n");
    for (size_t i = 0; i < gw_model_feature_count(model); i++) {
        gw_feature_info feature;
        if (gw_model_feature_at(model, i, &feature, NULL) != GW_OK) continue;
        printf("  %s: %s, %zu of the %zu dense inputs\n", feature.name, feature.type, feature.dense_width, gw_model_dense_width(model));
    }
}

static void print_scores(const gw_model *model, const char *title, const float *scores) {
    size_t width = gw_model_output_width(model);
    printf("%s:\n", title);
    for (size_t row = 0; row < ROWS; row++) {
        printf("  row %zu:", row + 1);
        for (size_t i = 0; i < width; i++) printf(" %.9g", (double)scores[row * width + i]);
        printf("\n");
    }
}

/* Two rows for whatever model this is: each feature a column, numbers where it takes numbers and text elsewhere. A program of your own
 * knows its columns and fills them from what it has; their order does not matter. */
static gw_column make_column(const gw_model *model, size_t i) {
    static const double numbers[ROWS] = {1.5, 20};
    static const char text[] = "France" "Peru";            /* the cells end to end */
    static const int32_t offsets[ROWS + 1] = {0, 6, 10};   /* where each begins, and the end */
    gw_feature_info feature = {0};
    gw_model_feature_at(model, i, &feature, NULL);
    if (strcmp(feature.type, "numeric") == 0) return (gw_column){.name = feature.name, .type = GW_COLUMN_DOUBLE, .values = numbers};
    return (gw_column){.name = feature.name, .type = GW_COLUMN_TEXT, .values = text, .offsets = offsets};
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: score MODEL\n");
        return 2;
    }
    int exit_code = 0;
    gw_error err = {0};
    gw_model *model = NULL;
    gw_session *session = NULL; /* one per thread; the model is shared */
    gw_column *columns = NULL;
    float *dense = NULL, *scores = NULL;
    if (gw_model_load(argv[1], &model, &err) != GW_OK) return fail(&err);
    print_model(model);

    size_t n_columns = gw_model_feature_count(model);
    columns = calloc(n_columns, sizeof *columns);
    dense = calloc(ROWS * gw_model_dense_width(model), sizeof *dense);
    scores = calloc(ROWS * gw_model_output_width(model), sizeof *scores);
    if (!columns || !dense || !scores) {
        fprintf(stderr, "score: out of memory\n");
        exit_code = 1;
        goto cleanup;
    }
    if (gw_session_new(model, ROWS, &session, &err) != GW_OK) {
        exit_code = fail(&err);
        goto cleanup;
    }

    for (size_t i = 0; i < n_columns; i++) columns[i] = make_column(model, i);
    if (gw_session_score(session, columns, n_columns, ROWS, scores, &err) != GW_OK) {
        exit_code = fail(&err);
        goto cleanup;
    }
    print_scores(model, "scores of typed columns", scores);

    /* The dense input is what features and embeddings make of a row; the second row is all ones. */
    for (size_t i = 0; i < gw_model_dense_width(model); i++) dense[gw_model_dense_width(model) + i] = 1;
    if (gw_session_score_dense(session, dense, ROWS, scores, &err) != GW_OK) {
        exit_code = fail(&err);
        goto cleanup;
    }
    print_scores(model, "scores of dense rows", scores);
cleanup:
    gw_session_free(session);
    gw_model_free(model);
    free(columns);
    free(dense);
    free(scores);
    return exit_code;
}
