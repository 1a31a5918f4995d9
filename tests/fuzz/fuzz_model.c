/* Model files from outside, sealed again after every change so that what lies behind the seals is reached. What is taken must serve:
 * rows pass through its features and its network. */
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

#define MAX_FLOATS ((size_t)1 << 20) /* larger networks are read but not run */

static void require(bool so) {
    if (!so) abort();
}

/* The input as a sealed file; NULL if it is no container. */
static char *sealed(const uint8_t *data, size_t size, size_t *ret_n) {
    gw__container c;
    gw__writer writer = {0};
    char *bytes = gw__aligned_alloc(size, 1), *stream = NULL;
    require(bytes != NULL);
    if (size > 0) memcpy(bytes, data, size);
    if (gw__container_parse(bytes, size, "fuzz", &c, NULL) != GW_OK) {
        gw__aligned_free(bytes);
        return NULL;
    }
    writer.file = open_memstream(&stream, ret_n);
    require(writer.file != NULL);
    require(gw__container_write(c.tensors, c.n_tensors, c.metadata, c.n_metadata, true, &writer, NULL) == GW_OK);
    gw__writer_cancel(&writer);
    gw__container_clear(&c);
    return stream;
}

/* Two rows of text, one without values, as every feature's column. */
static void score(const gw_model *model) {
    static const char cells[] = "1x";
    static const int32_t offsets[] = {0, 2, 2};
    static const uint8_t valid[] = {1};
    size_t n = gw__features_count(model->features);
    gw_column *columns = calloc(n + 1, sizeof *columns);
    const char **names = calloc(n + 1, sizeof *names);
    float *outputs = calloc(2 * gw__net_output_width(model->net) + 1, sizeof *outputs);
    require(columns && names && outputs);
    for (size_t i = 0; i < n; i++) {
        names[i] = gw__features_at(model->features, i).name;
        columns[i] = (gw_column){names[i], GW_COLUMN_TEXT, cells, offsets, valid};
    }
    gw__batch batch = {2, n, columns};
    gw__encoder *encoder = NULL;
    gw__scorer *scorer = NULL;
    gw__records records;
    size_t bad_row;
    uint8_t skip[2] = {0};
    if (gw__encoder_new(model->features, names, n, false, &encoder, NULL) == GW_OK &&
        gw__encoder_apply(encoder, &batch, 0, 2, skip, &records, &bad_row, NULL) == GW_OK &&
        gw__scorer_new(model->net, 2, &scorer, NULL) == GW_OK)
        gw__scorer_run(scorer, model->parameters, &records, 0, 2, outputs, NULL, NULL);
    gw__scorer_free(scorer);
    gw__encoder_free(encoder);
    free(columns);
    free(names);
    free(outputs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t n = 0;
    char *stream = sealed(data, size, &n);
    if (!stream) return 0;
    char *bytes = gw__aligned_alloc(n, 1);
    require(bytes != NULL);
    memcpy(bytes, stream, n);
    free(stream);
    gw_model *model = NULL;
    gw_error err = {0};
    gw_status status = gw__model_parse(bytes, n, "fuzz", &model, &err);
    if (status != GW_OK)
        require(model == NULL && err.code == status && err.message[0] != '\0');
    else if (gw__net_parameter_floats(model->net) <= MAX_FLOATS)
        score(model);
    gw__model_free(model);
    return 0;
}
