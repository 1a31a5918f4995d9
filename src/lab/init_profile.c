#include "lab/init_profile.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "base/random.h"

#define FLOAT_INTEGERS 16777216.0 /* 2^24: beyond it a float skips integers */
#define SET_FIRST 64

const char *const gw__suspects[GW__SUSPECTS] = {
#define X(text) text,
    GW__SUSPECT_ROSTER(X)
#undef X
};

/* ---- distinct values: open addressing over 64-bit hashes; two texts of one hash count as one, which a guess can bear ---- */

typedef struct entry { uint64_t hash; uint32_t code; } entry; /* code 0: free; else order of appearance, from 1 */

typedef struct gw__profile_set {
    entry *entries;
    size_t capacity; /* a power of two */
} gw__profile_set;

static entry *find(gw__profile_set *set, uint64_t hash) {
    size_t at = hash & (set->capacity - 1);
    while (set->entries[at].code != 0 && set->entries[at].hash != hash) at = (at + 1) & (set->capacity - 1);
    return &set->entries[at];
}

static gw_status widen(gw__profile_set *set, gw__arena *arena, gw_error *err) {
    gw__profile_set wider = {.capacity = set->capacity > 0 ? set->capacity * 2 : SET_FIRST};
    wider.entries = gw__arena_alloc(arena, wider.capacity, sizeof *wider.entries);
    if (!wider.entries) return gw__fail_nomem(err);
    for (size_t i = 0; i < set->capacity; i++)
        if (set->entries[i].code != 0) *find(&wider, set->entries[i].hash) = set->entries[i];
    *set = wider;
    return GW_OK;
}

static gw_status keep_value(gw__profile *column, size_t index, gw__slice cell, gw__arena *arena, gw_error *err) {
    if (index >= GW__PROFILE_VALUES) return GW_OK;
    char *text = gw__arena_text(arena, cell.at, cell.n);
    if (!text) return gw__fail_nomem(err);
    column->kept[index].text = (gw__slice){text, cell.n};
    return GW_OK;
}

/* The cell's code, from 1 in order of appearance; 0 for what came after too many. */
static gw_status count_distinct(gw__profile *column, gw__slice cell, size_t limit, gw__arena *arena, uint32_t *ret_code, gw_error *err) {
    uint64_t hash = gw__hash(cell.at, cell.n);
    gw_status status = GW_OK;
    if (column->n_distinct < limit && 2 * (column->n_distinct + 1) > column->set->capacity) status = widen(column->set, arena, err);
    if (status != GW_OK) return status;
    entry *e = find(column->set, hash);
    if (e->code == 0) {
        *ret_code = 0;
        if (column->n_distinct == limit) {
            if (!column->many) column->many_after = column->values;
            column->many = true;
            return GW_OK;
        }
        status = keep_value(column, column->n_distinct, cell, arena, err);
        if (status != GW_OK) return status;
        *e = (entry){hash, (uint32_t)++column->n_distinct};
    }
    *ret_code = e->code;
    column->known_after += column->many;
    if (e->code <= GW__PROFILE_VALUES) column->kept[e->code - 1].count++;
    return GW_OK;
}

/* ---- cells ---- */

static void count_number(gw__profile *column, gw__slice cell) {
    double value;
    if (!gw__parse_double(cell, &value)) return;
    bool integer = !memchr(cell.at, '.', cell.n) && value == floor(value);
    if (column->numbers == 0) {
        column->first = column->min = column->max = value;
        column->sequential = integer;
    } else {
        column->sequential = column->sequential && integer && value == column->last + 1;
    }
    column->numbers++;
    column->integers += integer;
    column->wide = column->wide || (integer && fabs(value) > FLOAT_INTEGERS);
    column->last = value;
    column->min = value < column->min ? value : column->min;
    column->max = value > column->max ? value : column->max;
    column->sum += value;
    column->sum_squares += value * value;
}

static void count_text(gw__profile *column, gw__slice cell) {
    for (size_t i = 0; i < GW__SUSPECTS; i++) column->suspects[i] += gw__slice_is(cell, gw__suspects[i]);
    column->bars += memchr(cell.at, '|', cell.n) != NULL;
    column->semicolons += memchr(cell.at, ';', cell.n) != NULL;
    column->text_bytes += (int64_t)cell.n;
}

static uint64_t chain(uint64_t hash, uint32_t code) {
    uint64_t link[2] = {hash, code};
    return gw__hash(link, sizeof link);
}

static gw_status count_cells(gw__profiles *profiles, size_t index, const gw__batch *batch, size_t n_rows, gw_error *err) {
    gw__profile *column = &profiles->columns[index];
    for (size_t row = 0; row < n_rows; row++) {
        gw__slice cell = gw__slice_trim(gw__cell_slice(batch, index, row));
        uint32_t code = UINT32_MAX;
        if (cell.n > 0) {
            column->values++;
            count_text(column, cell);
            count_number(column, cell);
            gw_status status = count_distinct(column, cell, profiles->distinct_limit, &profiles->arena, &code, err);
            if (status != GW_OK) return status;
        } else {
            column->missing++;
        }
        bool present = code != UINT32_MAX;
        if (column->values + column->missing == 1) column->first_present = present;
        column->shape = chain(column->shape, code);
        column->presence = chain(column->presence, present == column->first_present ? 1 : 2);
    }
    return GW_OK;
}

/* ---- the table ---- */

static size_t distinct_limit(size_t n_columns) {
    size_t limit = GW__PROFILE_TOTAL / (n_columns + 1);
    if (limit < GW__PROFILE_LEAST) limit = GW__PROFILE_LEAST;
    return limit < GW__PROFILE_DISTINCT ? limit : GW__PROFILE_DISTINCT;
}

static gw_status start(gw__profiles *profiles, const gw__table *table, gw_error *err) {
    profiles->n_columns = gw__table_column_count(table);
    profiles->distinct_limit = distinct_limit(profiles->n_columns);
    size_t n_kept = profiles->distinct_limit < GW__PROFILE_VALUES ? profiles->distinct_limit : GW__PROFILE_VALUES;
    profiles->columns = gw__arena_alloc(&profiles->arena, profiles->n_columns + 1, sizeof *profiles->columns);
    if (!profiles->columns) return gw__fail_nomem(err);
    for (size_t i = 0; i < profiles->n_columns; i++) {
        gw__profile *column = &profiles->columns[i];
        const char *name = gw__table_column_name(table, i);
        column->name = gw__arena_text(&profiles->arena, name, strlen(name));
        column->set = gw__arena_alloc(&profiles->arena, 1, sizeof *column->set);
        column->kept = gw__arena_alloc(&profiles->arena, n_kept, sizeof *column->kept);
        if (!column->name || !column->set || !column->kept) return gw__fail_nomem(err);
    }
    return GW_OK;
}

static bool all_numbers_but_suspects(const gw__profile *column) {
    int64_t suspects = 0;
    for (size_t i = 0; i < GW__SUSPECTS; i++) suspects += column->suspects[i];
    return column->numbers > 0 && column->numbers + suspects == column->values;
}

static void declare_missing(gw__profiles *profiles) {
    for (size_t c = 0; c < profiles->n_columns; c++) {
        const gw__profile *column = &profiles->columns[c];
        bool numeric = all_numbers_but_suspects(column);
        for (size_t i = 0; i < GW__SUSPECTS; i++)
            if (column->suspects[i] > 0 && (numeric || strcmp(gw__suspects[i], "?") == 0)) profiles->declared[i] = true;
    }
}

gw_status gw__profiles_read(gw__table *table, gw__profiles *ret_profiles, gw_error *err) {
    gw__profiles profiles = {0};
    gw__batch batch;
    gw_status status = start(&profiles, table, err);
    if (status != GW_OK) goto cleanup;
    for (;;) {
        GW__TRY(gw__table_next(table, &batch, err));
        int64_t left = GW__PROFILE_ROWS - profiles.rows;
        if (batch.n_rows == 0 || left == 0) break;
        size_t n = batch.n_rows < (size_t)left ? batch.n_rows : (size_t)left;
        for (size_t i = 0; i < profiles.n_columns; i++) GW__TRY(count_cells(&profiles, i, &batch, n, err));
        profiles.rows += (int64_t)n;
        if (n < batch.n_rows) break;
    }
    profiles.whole = batch.n_rows == 0;
    declare_missing(&profiles);
    *ret_profiles = profiles;
cleanup:
    if (status != GW_OK) gw__profiles_clear(&profiles);
    return status;
}

void gw__profiles_clear(gw__profiles *profiles) {
    gw__arena_clear(&profiles->arena);
}

/* ---- what is left when the declared suspects are no values ---- */

int64_t gw__profile_missing(const gw__profiles *profiles, const gw__profile *column) {
    int64_t missing = column->missing;
    for (size_t i = 0; i < GW__SUSPECTS; i++) missing += profiles->declared[i] ? column->suspects[i] : 0;
    return missing;
}

double gw__profile_variety(const gw__profile *column) {
    if (!column->many) return column->values > 0 ? (double)column->n_distinct / (double)column->values : 0;
    /* The first values nearly all differ in a column of some thousand, too. Of V equally frequent ones, K of them told apart, m more
     * values hit the K about m K/V times and repeat each other in a share of about m/2V: half of the hits over K. */
    double early = (double)column->n_distinct / (double)column->many_after;
    double late = 1 - (double)column->known_after / (2.0 * (double)column->n_distinct);
    if (late < 0) late = 0;
    return early < late ? early : late;
}

size_t gw__profile_distinct(const gw__profiles *profiles, const gw__profile *column) {
    size_t distinct = column->n_distinct;
    for (size_t i = 0; i < GW__SUSPECTS; i++) distinct -= profiles->declared[i] && column->suspects[i] > 0;
    return distinct;
}

bool gw__profile_numeric(const gw__profiles *profiles, const gw__profile *column) {
    return column->numbers > 0 && column->numbers == profiles->rows - gw__profile_missing(profiles, column);
}

bool gw__profile_is_missing(const gw__profiles *profiles, gw__slice text) {
    for (size_t i = 0; i < GW__SUSPECTS; i++)
        if (profiles->declared[i] && gw__slice_is(text, gw__suspects[i])) return true;
    return false;
}
