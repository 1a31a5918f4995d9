/* Prediction and nothing else: links the layers that score and no library but libc's.  predict_alone MODEL TABLE OUTPUT csv|jsonl */
#include <stdio.h>
#include <string.h>

#include "serve/predict.h"

int main(int argc, char **argv) {
    gw_error err = {0};
    gw_model *model = NULL;
    if (argc != 5) {
        fprintf(stderr, "usage: predict_alone MODEL TABLE OUTPUT csv|jsonl\n");
        return 2;
    }
    const char *table = argv[2];
    gw_predict_options options = {.data = {.paths = &table, .n_paths = 1, .threads = 2}, .output_path = argv[3], .gates = true};
    options.format = strcmp(argv[4], "jsonl") == 0 ? GW_OUTPUT_JSONL : GW_OUTPUT_CSV;
    gw_status status = gw__model_read(argv[1], &model, NULL, &err);
    if (status == GW_OK) status = gw__predict(model, &options, NULL, NULL, &err);
    gw__model_free(model);
    if (status != GW_OK) fprintf(stderr, "%s: %s\n", err.where, err.message);
    return status == GW_OK ? 0 : 1;
}
