/* Products: a register tile of rows x panels, forward and for the gradient of the weights. Part of kernels_body.h. */

#define SUMS (GW__ROWS * GW__PANELS) /* rows of panels that a tile adds up at once */

/* Panels that a tile of few rows takes at once, so that its accumulators still hide the latency of the multiply-adds. */
#define BUNDLE(rows) (SUMS / (rows) > 8 ? 8 : SUMS / (rows) > 0 ? SUMS / (rows) : 1)

/* What the tiles of a product share. */
typedef struct product_job {
    size_t k, n, ldx, ldy, relu;
    const float *x, *w, *bias;
    float *y;
    bool add;
} product_job;

/* Values below their floor become it: 0 for a relu, else nothing is. NaN stays. */
static const float floors[2 * GW__PANEL] = {[GW__PANEL ... 2 * GW__PANEL - 1] = -INFINITY};

static const float no_bias[GW__PANEL];

INLINE const float *floors_of(const product_job *job, size_t j) {
    const size_t relu = job->relu <= j ? 0 : job->relu - j < GW__PANEL ? job->relu - j : GW__PANEL;
    return floors + GW__PANEL - relu;
}

static inline vec at_least(vec v, vec floor) {
    ivec below = v < floor;
    return (vec)((~below & (ivec)v) | (below & (ivec)floor));
}

INLINE void finish_vector(vec sum, bool add, const float *floor, float *to) {
    if (add) sum += load(to);
    store(to, at_least(sum, load(floor)));
}

/* The part of a vector that is inside the matrix. */
static void finish_part(vec sums, bool add, const float *floor, float *to, size_t columns) {
    float part[GW__VECTOR];
    store(part, sums);
    for (size_t c = 0; c < columns; c++) {
        float sum = add ? to[c] + part[c] : part[c];
        to[c] = sum < floor[c] ? floor[c] : sum;
    }
}

/* `rows` rows from `row` on, of `panels` panels from column `j` on: acc = bias + sum over k of x[row][k] w[k]. Both counts are constants after
 * inlining. */
INLINE void tile(const int rows, const int panels, const product_job *job, size_t row, size_t j) {
    vec acc[SUMS][VECS];
    const size_t k = job->k, ldx = job->ldx;
    const float *x = job->x + row * ldx, *w[SUMS];
    UNROLL for (int p = 0; p < panels; p++) {
        w[p] = job->w + (j + p * GW__PANEL) * k;
        const float *bias = job->bias ? job->bias + j + p * GW__PANEL : no_bias;
        UNROLL for (int r = 0; r < rows; r++) {
            UNROLL for (int v = 0; v < VECS; v++) acc[p * rows + r][v] = load(bias + v * GW__VECTOR);
        }
    }
    for (size_t i = 0; i < k; i++) {
        vec b[SUMS][VECS];
        UNROLL for (int p = 0; p < panels; p++) {
            UNROLL for (int v = 0; v < VECS; v++) b[p][v] = load(w[p] + i * GW__PANEL + v * GW__VECTOR);
        }
        UNROLL for (int r = 0; r < rows; r++) {
            vec a = splat(x[r * ldx + i]);
            UNROLL for (int p = 0; p < panels; p++) {
                UNROLL for (int v = 0; v < VECS; v++) acc[p * rows + r][v] += a * b[p][v];
            }
        }
    }
    UNROLL for (int p = 0; p < panels; p++) {
        const size_t at = j + p * GW__PANEL, columns = job->n - at;
        const float *floor = floors_of(job, at);
        UNROLL for (int r = 0; r < rows; r++) {
            float *to = job->y + (row + r) * job->ldy + at;
            UNROLL for (int v = 0; v < VECS; v++) {
                const vec sum = acc[p * rows + r][v];
                if (columns >= (size_t)(v + 1) * GW__VECTOR) finish_vector(sum, job->add, floor + v * GW__VECTOR, to + v * GW__VECTOR);
                else if (columns > (size_t)v * GW__VECTOR)
                    finish_part(sum, job->add, floor + v * GW__VECTOR, to + v * GW__VECTOR, columns - (size_t)v * GW__VECTOR);
            }
        }
    }
}

#define EACH_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)

/* Few rows: the weights are read once for all of them, several panels at a time. */
INLINE void few_rows(const int rows, const product_job *job) {
    for (size_t j = 0, left = (job->n + GW__PANEL - 1) / GW__PANEL, panels; left > 0; left -= panels, j += panels * GW__PANEL) {
        panels = left < (size_t)BUNDLE(rows) ? left : (size_t)BUNDLE(rows);
        switch (panels) {
#define X(p) case p: if (p <= BUNDLE(rows)) tile(rows, p <= BUNDLE(rows) ? p : 1, job, 0, j); break;
            EACH_TILE(X)
#undef X
        }
    }
}

INLINE void tile_of(size_t rows, const int panels, const product_job *job, size_t row, size_t j) {
    switch (rows) {
#define X(n) case n: if (n <= GW__ROWS) tile(n <= GW__ROWS ? n : 1, panels, job, row, j); break;
        EACH_TILE(X)
#undef X
    }
}

/* All rows of `panels` panels from column `j` on. The rows that do not fill a tile are shared by the last two, so that none is left with a row or two. */
INLINE void walk_rows(const int panels, size_t m, const product_job *job, size_t j) {
    const size_t whole = m / GW__ROWS, rest = m % GW__ROWS, full = rest && whole ? whole - 1 : whole, left = m - full * GW__ROWS;
    const size_t first = left > GW__ROWS ? left / 2 : left;
    for (size_t t = 0; t < full; t++) tile(GW__ROWS, panels, job, t * GW__ROWS, j);
    if (left) tile_of(first, panels, job, full * GW__ROWS, j);
    if (first < left) tile_of(left - first, panels, job, full * GW__ROWS + first, j);
}

static void product(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, size_t relu, float *y, size_t ldy,
                    bool add) {
    const product_job job = {.k = k, .n = n, .ldx = ldx, .ldy = ldy, .relu = relu, .x = x, .w = w, .bias = bias, .y = y, .add = add};
    if (m == 1) {
        few_rows(1, &job);
        return;
    }
    if (m == 2) {
        few_rows(2, &job);
        return;
    }
    size_t j = 0;
    for (; GW__PANELS > 1 && j + (GW__PANELS - 1) * GW__PANEL < n; j += GW__PANELS * GW__PANEL) walk_rows(GW__PANELS, m, &job, j);
    for (; j < n; j += GW__PANEL) walk_rows(1, m, &job, j);
}

/* Four sums, each over the lanes of a vector. */
INLINE void sums4(const vec *v, float *ret) {
#if GW__VECTOR == 4
#define PAIR(a, b, even) ((even) ? __builtin_shufflevector(a, b, 0, 2, 4, 6) : __builtin_shufflevector(a, b, 1, 3, 5, 7))
#elif GW__VECTOR == 8
#define PAIR(a, b, even) ((even) ? __builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14) : __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15))
#else
#define PAIR(a, b, even)                                                                                  \
    ((even) ? __builtin_shufflevector(a, b, 0, 2, 16, 18, 4, 6, 20, 22, 8, 10, 24, 26, 12, 14, 28, 30)   \
            : __builtin_shufflevector(a, b, 1, 3, 17, 19, 5, 7, 21, 23, 9, 11, 25, 27, 13, 15, 29, 31))
#endif
    vec low = PAIR(v[0], v[1], 1) + PAIR(v[0], v[1], 0), high = PAIR(v[2], v[3], 1) + PAIR(v[2], v[3], 0);
    vec all = PAIR(low, high, 1) + PAIR(low, high, 0);
    const quad sum = quad_sum(all);
    memcpy(ret, &sum, sizeof sum);
#undef PAIR
}

/* Four rows of one narrow output: dot products along k. */
INLINE void narrow_rows(const int rows, size_t k, size_t n, const float *x, size_t ldx, const float *w, float *ret) {
    vec acc[4] = {{0}};
    const size_t whole = k / GW__VECTOR * GW__VECTOR;
    for (size_t i = 0; i < whole; i += GW__VECTOR) {
        vec b = load(w + i / GW__PANEL * n * GW__PANEL + i % GW__PANEL);
        UNROLL for (int r = 0; r < rows; r++) acc[r] += load(x + r * ldx + i) * b;
    }
    if (rows == 1) ret[0] = horizontal(acc[0]);
    else sums4(acc, ret);
    for (size_t i = whole; i < k; i++) {
        float b = w[i / GW__PANEL * n * GW__PANEL + i % GW__PANEL];
        UNROLL for (int r = 0; r < rows; r++) ret[r] += x[r * ldx + i] * b;
    }
}

static void product_narrow(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *w, const float *bias, float *y, size_t ldy) {
    for (size_t j = 0; j < n; j++) {
        const float *column = w + j * GW__PANEL, b = bias ? bias[j] : 0.0f;
        float sums[4];
        size_t r = 0;
        for (; r + 4 <= m; r += 4) {
            narrow_rows(4, k, n, x + r * ldx, ldx, column, sums);
            UNROLL for (size_t i = 0; i < 4; i++) y[(r + i) * ldy + j] = sums[i] + b;
        }
        for (; r < m; r++) {
            narrow_rows(1, k, n, x + r * ldx, ldx, column, sums);
            y[r * ldy + j] = sums[0] + b;
        }
    }
}

/* ---- gradients of the weights -------------------------------------------------------------------------------------------------- */

/* dw[i] = or += sum over m rows of x[row][i] dy[row], for `inputs` inputs of `panels` panels, whose weights lie `next` floats apart. */
INLINE void tile_dw(const int inputs, const int panels, size_t m, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, size_t next, bool add) {
    vec acc[SUMS][VECS];
    UNROLL for (int t = 0; t < panels * inputs; t++) {
        UNROLL for (int v = 0; v < VECS; v++) acc[t][v] = (vec){0};
    }
    for (size_t row = 0; row < m; row++, x += ldx, dy += lddy) {
        vec b[SUMS][VECS];
        UNROLL for (int p = 0; p < panels; p++) {
            UNROLL for (int v = 0; v < VECS; v++) b[p][v] = load(dy + p * GW__PANEL + v * GW__VECTOR);
        }
        UNROLL for (int r = 0; r < inputs; r++) {
            vec a = splat(x[r]);
            UNROLL for (int p = 0; p < panels; p++) {
                UNROLL for (int v = 0; v < VECS; v++) acc[p * inputs + r][v] += a * b[p][v];
            }
        }
    }
    UNROLL for (int p = 0; p < panels; p++) {
        UNROLL for (int r = 0; r < inputs; r++) {
            UNROLL for (int v = 0; v < VECS; v++) {
                float *to = dw + p * next + r * GW__PANEL + v * GW__VECTOR;
                store(to, add ? load(to) + acc[p * inputs + r][v] : acc[p * inputs + r][v]);
            }
        }
    }
}

INLINE void tile_dw_of(size_t inputs, const int panels, size_t m, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, size_t next, bool add) {
    switch (inputs) {
#define X(n) case n: if (n <= GW__ROWS) tile_dw(n <= GW__ROWS ? n : 1, panels, m, x, ldx, dy, lddy, dw, next, add); break;
        EACH_TILE(X)
#undef X
    }
}

/* All inputs of `panels` panels. */
INLINE void panels_dw(const int panels, size_t m, size_t k, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, bool add) {
    const size_t whole = k / GW__ROWS, rest = k % GW__ROWS, full = rest && whole ? whole - 1 : whole, left = k - full * GW__ROWS, next = k * GW__PANEL;
    for (size_t t = 0; t < full; t++) tile_dw(GW__ROWS, panels, m, x + t * GW__ROWS, ldx, dy, lddy, dw + t * GW__ROWS * GW__PANEL, next, add);
    if (!left) return;
    const size_t at = full * GW__ROWS, first = left > GW__ROWS ? left / 2 : left;
    tile_dw_of(first, panels, m, x + at, ldx, dy, lddy, dw + at * GW__PANEL, next, add);
    if (first < left) tile_dw_of(left - first, panels, m, x + at + first, ldx, dy, lddy, dw + (at + first) * GW__PANEL, next, add);
}

/* Few inputs: several panels at a time, as in few_rows. Returns the first column that is left. */
INLINE size_t few_inputs(const int inputs, size_t m, size_t n, const float *x, size_t ldx, const float *dy, size_t lddy, float *dw, bool add) {
    size_t j = 0;
    for (; j + BUNDLE(inputs) * GW__PANEL <= n; j += BUNDLE(inputs) * GW__PANEL) {
        tile_dw(inputs, BUNDLE(inputs), m, x, ldx, dy + j, lddy, dw + j * inputs, inputs * GW__PANEL, add);
    }
    return j;
}

/* db = or += column sums of dy: a bundle of vectors at a time, then single columns. */
static void column_sums(size_t m, size_t n, const float *dy, size_t lddy, float *db, bool add) {
    enum { AT_ONCE = 4 };
    size_t j = 0;
    for (; j + AT_ONCE * GW__VECTOR <= n; j += AT_ONCE * GW__VECTOR) {
        vec acc[AT_ONCE] = {{0}};
        for (size_t row = 0; row < m; row++) {
            UNROLL for (int v = 0; v < AT_ONCE; v++) acc[v] += load(dy + row * lddy + j + v * GW__VECTOR);
        }
        UNROLL for (int v = 0; v < AT_ONCE; v++) store(db + j + v * GW__VECTOR, add ? load(db + j + v * GW__VECTOR) + acc[v] : acc[v]);
    }
    for (; j < n; j++) {
        float acc[4] = {0};
        size_t row = 0;
        for (; row + 4 <= m; row += 4) {
            UNROLL for (size_t i = 0; i < 4; i++) acc[i] += dy[(row + i) * lddy + j];
        }
        for (; row < m; row++) acc[0] += dy[row * lddy + j];
        float sum = (acc[0] + acc[1]) + (acc[2] + acc[3]);
        db[j] = add ? db[j] + sum : sum;
    }
}

/* Rows are taken in blocks whose part of x stays in the first caches while the tiles walk along the inputs: 16,384 values of x, 32 rows at least. */
static size_t block_rows(size_t k, size_t left) {
    const size_t rows = 16384 / k > 32 ? 16384 / k : 32;
    return left <= rows ? left : left < 2 * rows ? (left + 1) / 2 : rows;
}

#define EDGE_ROWS 64

/* Less than a panel: a call would cost more than the copy. */
INLINE void copy_few(size_t n, const float *from, float *to) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) store4(to + i, load4(from + i));
    if (n & 2) to[i] = from[i], to[i + 1] = from[i + 1];
    if (n & 1) to[n - 1] = from[n - 1];
}

/* The last panel, which is not whole, reads its dy through a padded copy, so that the panel's padding stays zero. */
static void edge_dw(size_t m, size_t k, size_t columns, const float *x, size_t ldx, const float *dy, size_t ldy, float *dw, bool add) {
    float edge[EDGE_ROWS * GW__PANEL] = {0};
    for (size_t row = 0, rows; row < m; row += rows) {
        rows = block_rows(k, m - row);
        if (rows > EDGE_ROWS) rows = EDGE_ROWS;
        for (size_t r = 0; r < rows; r++) copy_few(columns, dy + (row + r) * ldy, edge + r * GW__PANEL);
        panels_dw(1, rows, k, x + row * ldx, ldx, edge, GW__PANEL, dw, add || row > 0);
    }
}

INLINE void whole_dw(const int panels, size_t m, size_t k, const float *x, size_t ldx, const float *dy, size_t ldy, float *dw, bool add) {
    for (size_t row = 0, rows; row < m; row += rows) {
        rows = block_rows(k, m - row);
        panels_dw(panels, rows, k, x + row * ldx, ldx, dy + row * ldy, ldy, dw, add || row > 0);
    }
}

static void product_dw(size_t m, size_t k, size_t n, const float *x, size_t ldx, const float *dy, size_t ldy, float *dw, float *db, bool add) {
    size_t j = k == 1 ? few_inputs(1, m, n, x, ldx, dy, ldy, dw, add) : k == 2 ? few_inputs(2, m, n, x, ldx, dy, ldy, dw, add) : 0;
    for (; GW__PANELS > 1 && j + GW__PANELS * GW__PANEL <= n; j += GW__PANELS * GW__PANEL) whole_dw(GW__PANELS, m, k, x, ldx, dy + j, ldy, dw + j * k, add);
    for (; j + GW__PANEL <= n; j += GW__PANEL) whole_dw(1, m, k, x, ldx, dy + j, ldy, dw + j * k, add);
    if (j < n) edge_dw(m, k, n - j, x, ldx, dy + j, ldy, dw + j * k, add);
    if (db) column_sums(m, n, dy, ldy, db, add);
}

static void transpose(size_t k, size_t n, const float *w, float *wt, size_t panel_begin, size_t panel_end) {
    for (size_t p = panel_begin; p < panel_end; p++) {
        size_t columns = n - p * GW__PANEL < GW__PANEL ? n - p * GW__PANEL : GW__PANEL;
        for (size_t i = 0; i < k; i++) {
            const float *from = w + (p * k + i) * GW__PANEL;
            float *to = wt + (i / GW__PANEL * n + p * GW__PANEL) * GW__PANEL + i % GW__PANEL;
            for (size_t j = 0; j < columns; j++) to[j * GW__PANEL] = from[j];
        }
    }
}
