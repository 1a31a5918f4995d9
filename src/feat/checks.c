#include <stdlib.h>

#include "feat/load.h"

typedef struct check {
    gw__staged *staged;
    bool skip, failed;
    gw__bad_cell first;
} check;

static void note_bad(check *c, gw__flaw flaw, size_t row, size_t column, size_t task) {
    if (c->skip) {
        c->staged->parts[row] = GW__PART_BAD;
    } else if (!c->failed || row < c->first.row) {
        c->failed = true;
        c->first = (gw__bad_cell){flaw, row, column, task};
    }
}

static bool finish(const check *c, gw__bad_cell *ret_bad) {
    if (c->failed) *ret_bad = c->first;
    return c->failed;
}

static void check_late(check *c) {
    for (size_t i = 0; i < c->staged->n_lanes; i++) {
        const gw__lane *lane = &c->staged->lanes[i];
        if (lane->kind != GW__LANE_NUMBER) continue;
        for (size_t k = 0; k < lane->n_late; k++) note_bad(c, GW__FLAW_NUMBER, lane->late[k], lane->column, 0);
    }
}

static void check_label_numbers(check *c, const gw__features *features, size_t task, const gw__lane *lane) {
    float label;
    for (size_t row = 0; row < c->staged->n_rows; row++)
        if (c->staged->parts[row] != GW__PART_BAD && !gw__label_number(features, task, gw__lane_number(lane, row), &label))
            note_bad(c, GW__FLAW_LABEL, row, lane->column, task);
}

static gw_status check_label_texts(check *c, const gw__features *features, size_t task, const gw__lane *lane, gw_error *err) {
    uint8_t *good = gw__aligned_alloc(lane->lexicon.n, 1);
    if (!good) return gw__fail_nomem(err);
    float label;
    for (size_t i = 0; i < lane->lexicon.n; i++) good[i] = gw__label_text(features, task, gw__lexicon_at(&lane->lexicon, i), &label);
    for (size_t row = 0; row < c->staged->n_rows; row++)
        if (c->staged->parts[row] != GW__PART_BAD && !good[gw__lane_code(lane, row)]) note_bad(c, GW__FLAW_LABEL, row, lane->column, task);
    gw__aligned_free(good);
    return GW_OK;
}

static void check_steering(check *c, const gw__lane *lane, bool (*good)(double value), gw__flaw flaw) {
    for (size_t row = 0; row < c->staged->n_rows; row++)
        if (c->staged->parts[row] != GW__PART_BAD && !good(gw__lane_number(lane, row))) note_bad(c, flaw, row, lane->column, 0);
}

gw_status gw__staged_check(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, bool skip, gw__bad_cell *ret_bad,
                           bool *ret_found, gw_error *err) {
    gw_status status = GW_OK;
    check c = {.staged = staged, .skip = skip};
    check_late(&c);
    for (size_t t = 0; t < features->n_tasks; t++) {
        const gw__lane *lane = &staged->lanes[lanes->label[t]];
        if (lane->kind == GW__LANE_TEXT) GW__TRY(check_label_texts(&c, features, t, lane, err));
        else check_label_numbers(&c, features, t, lane);
        size_t given = lanes->given[t], weights = lanes->row_weight[t];
        if (given != GW__NO_LANE) check_steering(&c, &staged->lanes[given], gw__given_good, GW__FLAW_GIVEN);
        if (weights != GW__NO_LANE) check_steering(&c, &staged->lanes[weights], gw__row_weight_good, GW__FLAW_WEIGHT);
    }
    *ret_found = finish(&c, ret_bad);
cleanup:
    return status;
}

#define LANES 4 /* independent of each other, as a comparison takes longer than the next may wait */

/* Every transform is monotone, so a column whose extremes stay finite is finite. */
static bool stays_finite(const check *c, const gw__feature *feature, const gw__lane *lane) {
    double low = feature->fill, high = feature->fill, lows[LANES], highs[LANES];
    for (size_t k = 0; k < LANES; k++) lows[k] = low, highs[k] = high;
    for (size_t row = 0, n; row < c->staged->n_rows; row += n) {
        const double *x = gw__lane_numbers(lane, row);
        n = c->staged->n_rows - row < GW__CHUNK_ROWS ? c->staged->n_rows - row : GW__CHUNK_ROWS;
        for (size_t i = 0; i < n; i++) {
            size_t k = i % LANES;
            lows[k] = x[i] < lows[k] ? x[i] : lows[k];
            highs[k] = x[i] > highs[k] ? x[i] : highs[k];
        }
    }
    for (size_t k = 0; k < LANES; k++) low = lows[k] < low ? lows[k] : low, high = highs[k] > high ? highs[k] : high;
    return isfinite(gw__number_apply(feature, low)) && isfinite(gw__number_apply(feature, high));
}

bool gw__staged_check_range(const gw__features *features, gw__staged *staged, const gw__lanes *lanes, bool skip, gw__bad_cell *ret_bad) {
    check c = {.staged = staged, .skip = skip};
    for (size_t i = 0; i < features->n; i++) {
        const gw__feature *feature = &features->at[i];
        if (feature->type != GW__FEATURE_NUMERIC) continue;
        const gw__lane *lane = &staged->lanes[lanes->feature[i]];
        if (stays_finite(&c, feature, lane)) continue;
        for (size_t row = 0; row < staged->n_rows; row++)
            if (staged->parts[row] != GW__PART_BAD && !isfinite(gw__number_apply(feature, gw__lane_number(lane, row))))
                note_bad(&c, GW__FLAW_RANGE, row, lane->column, 0);
    }
    return finish(&c, ret_bad);
}
