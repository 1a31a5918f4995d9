/* The first pass over a table: each column that is needed, in typed form, so that no later step parses text. A lane is one such
 * column; lanes are filled independently of each other, a batch at a time. */
#ifndef GW_FEAT_STAGED_H
#define GW_FEAT_STAGED_H

#include "base/pool.h"
#include "data/table.h"
#include "feat/values.h"

#define GW__CHUNK_ROWS 16384 /* a lane grows by chunks, so that nothing is copied */

typedef enum gw__part { GW__PART_TRAIN, GW__PART_VALID, GW__PART_BAD } gw__part; /* of a row */

typedef enum gw__lane_kind {
    GW__LANE_AUTO,       /* becomes NUMBER or TEXT when all rows were seen */
    GW__LANE_NUMBER,     /* double; NaN: no value */
    GW__LANE_TEXT,       /* uint32_t codes: entries of the lane's lexicon; 0: no value */
    GW__LANE_BUCKET,     /* uint32_t: 1 + hash % buckets; 0: no value */
    GW__LANE_BAG,        /* uint32_t: where the row's pieces begin; pieces are entries of the lexicon */
    GW__LANE_BAG_BUCKET, /* the same; pieces are 1 + hash % buckets */
    GW__LANE_HASH,       /* uint64_t hash of the text; 0: no value */
} gw__lane_kind;

typedef struct gw__lane {
    size_t column;
    size_t next;           /* 1 + the column's next lane, 0: none */
    gw__lane_kind kind;
    uint64_t buckets;
    const char *separator;
    bool fail_missing;     /* a number must be there */

    void **chunks;
    size_t n_chunks, chunks_capacity;
    gw__lexicon lexicon;
    uint32_t n_missing;    /* the lexicon's first entries mean 'no value' */
    uint32_t *pieces;
    size_t n_pieces, pieces_capacity;

    /* AUTO and NUMBER: numbers are int64_t as long as all texts can be restored from them */
    bool integers;         /* cells are int64_t, INT64_MIN: no value */
    bool decimals, beyond; /* training rows: a number that is no integer; an integer that no float holds */
    bool seen;             /* a training row with a value */
    bool lost;             /* the texts are needed, but were given up: read again as TEXT */
    bool large;            /* became TEXT because of `beyond` */
    uint64_t *late;        /* rows without training that are no numbers: wrong if the column stays numeric */
    size_t n_late, late_capacity;

    /* of the last batches */
    gw_status status;
    gw_error problem;
    size_t bad_row;        /* first bad cell, SIZE_MAX: none */
} gw__lane;

/* What is being staged. */
typedef struct gw__staging {
    const gw__batch *batches;
    size_t n_batches, n_rows;
    const uint8_t *parts;
    size_t first_row; /* in the table */
    bool again;       /* only lanes that were lost */
} gw__staging;

typedef struct gw__staged {
    const gw__missing_texts *missing; /* borrowed */
    gw__lane *lanes;
    size_t n_lanes, lanes_capacity;
    size_t *first_of; /* [columns] 1 + the first lane of a column, 0: none */
    size_t n_columns, first_capacity;
    uint8_t *parts; /* [n_rows] gw__part */
    size_t n_rows, parts_capacity;
    uint8_t *bad;   /* of the last batches */
    size_t bad_capacity;
    gw__staging staging;
} gw__staged;

/* Find or add a lane. BUCKET needs buckets, BAG a separator (borrowed). */
gw_status gw__staged_lane(gw__staged *staged, gw__lane wanted, size_t *ret_lane, gw_error *err);

/* Stage batches, one behind the other, whose rows are of the given parts: their lanes are the items of *ret_job, which any threads may run, and then
 * gw__staged_end. All is borrowed until then. */
gw_status gw__staged_begin(gw__staged *staged, const gw__batch *batches, size_t n_batches, const uint8_t *parts, gw__job *ret_job, gw_error *err);
/* A bad cell: `skip` marks the row GW__PART_BAD and goes on; else *ret_bad is set, *ret_row (counted through the batches) and *ret_lane are the
 * first one's, and nothing was added. */
gw_status gw__staged_end(gw__staged *staged, bool skip, size_t *ret_row, size_t *ret_lane, bool *ret_bad, gw_error *err);

/* After the last row: AUTO lanes become NUMBER or TEXT. Those marked `lost` must be read again by gw__staged_again, which takes rows from
 * the first one on. */
gw_status gw__staged_settle(gw__staged *staged, gw_error *err);
gw_status gw__staged_again(gw__staged *staged, const gw__batch *batch, size_t first_row, gw__pool *pool, gw_error *err);

void gw__staged_clear_chunk(gw__staged *staged, size_t chunk); /* its rows are not needed any more */
void gw__staged_clear(gw__staged *staged);

/* Numbers from a row on, to the end of its chunk. */
static inline const double *gw__lane_numbers(const gw__lane *lane, size_t row) {
    return (const double *)lane->chunks[row / GW__CHUNK_ROWS] + row % GW__CHUNK_ROWS;
}
static inline double gw__lane_number(const gw__lane *lane, size_t row) {
    return ((const double *)lane->chunks[row / GW__CHUNK_ROWS])[row % GW__CHUNK_ROWS];
}
static inline uint32_t gw__lane_code(const gw__lane *lane, size_t row) {
    return ((const uint32_t *)lane->chunks[row / GW__CHUNK_ROWS])[row % GW__CHUNK_ROWS];
}
static inline uint64_t gw__lane_hash(const gw__lane *lane, size_t row) {
    return ((const uint64_t *)lane->chunks[row / GW__CHUNK_ROWS])[row % GW__CHUNK_ROWS];
}
/* Where the pieces of a row of a BAG lane end. */
static inline size_t gw__lane_pieces_end(const gw__lane *lane, size_t row, size_t n_rows) {
    return row + 1 < n_rows ? gw__lane_code(lane, row + 1) : lane->n_pieces;
}

#endif
