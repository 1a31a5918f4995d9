#include "base/number.h"
#include "base/random.h"
#include "feat/load.h"

gw_status gw__splitter_init(gw__splitter *splitter, const gw__features *features, const gw__columns *columns, gw_error *err) {
    gw__splitter made = {features->spec, &features->missing, 0};
    gw__split_kind kind = features->spec->data.valid.kind;
    if (kind == GW__SPLIT_FROM || kind == GW__SPLIT_GROUP) {
        const char *name = features->spec->data.valid.column;
        uint32_t column;
        gw_status status = gw__want_column(columns, "data.valid.column", name, &column, err);
        if (status != GW_OK) return status;
        made.column = column;
    }
    *splitter = made;
    return GW_OK;
}

/* As numbers if both are, else bytewise; a cell without a value trains. */
static bool is_from(const gw__splitter *splitter, gw__slice text) {
    gw__slice from = gw__slice_of(splitter->spec->data.valid.from);
    double x, y;
    text = gw__slice_trim(text);
    if (gw__missing_has(splitter->missing, text)) return false;
    if (gw__parse_double(text, &x) && gw__parse_double(from, &y)) return x >= y;
    int order = memcmp(text.at, from.at, text.n < from.n ? text.n : from.n);
    return order ? order > 0 : text.n >= from.n;
}

static bool validates(const gw__splitter *splitter, const gw__batch *batch, size_t i, uint64_t row) {
    const gw__spec *spec = splitter->spec;
    char buffer[GW__CELL_TEXT];
    gw__slice text;
    switch (spec->data.valid.kind) {
    case GW__SPLIT_FRACTION: return gw__random_uniform(spec->train.data_seed, GW__RANDOM_VALID, 0, row) < spec->data.valid.fraction;
    case GW__SPLIT_FROM: return is_from(splitter, gw__cell_text(batch, splitter->column, i, buffer));
    case GW__SPLIT_GROUP:
        text = gw__cell_text(batch, splitter->column, i, buffer);
        return gw__random_uniform(spec->train.data_seed, GW__RANDOM_VALID, 0, gw__hash(text.at, text.n)) < spec->data.valid.fraction;
    case GW__SPLIT_NONE:
    case GW__SPLIT_FILES: break;
    }
    return false;
}

void gw__splitter_apply(const gw__splitter *splitter, const gw__batch *batch, uint64_t first_row, uint8_t *ret_parts) {
    for (size_t i = 0; i < batch->n_rows; i++) ret_parts[i] = validates(splitter, batch, i, first_row + i) ? GW__PART_VALID : GW__PART_TRAIN;
}
