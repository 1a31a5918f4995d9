#include "data/table.h"

#include <stdlib.h>
#include <string.h>

#include "data/table_kind.h"

/* ---- names of columns ---- */

static int compare_entries(const void *a, const void *b) {
    const gw__name_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : x->i < y->i ? -1 : x->i > y->i;
}

static gw_status copy_names(gw__names *names, const gw__slice *texts, size_t n, gw_error *err) {
    names->names = gw__arena_alloc(&names->arena, n, sizeof *names->names);
    names->sorted = gw__arena_alloc(&names->arena, n, sizeof *names->sorted);
    if (names->names == NULL || names->sorted == NULL) return gw__fail_nomem(err);
    names->n = n;
    for (size_t i = 0; i < n; i++) {
        names->names[i] = gw__arena_text(&names->arena, texts[i].at, texts[i].n);
        if (names->names[i] == NULL) return gw__fail_nomem(err);
        names->sorted[i] = (gw__name_entry){names->names[i], i};
    }
    qsort(names->sorted, n, sizeof *names->sorted, compare_entries);
    return GW_OK;
}

/* For names that a file should have begun with; `where` is NULL where they came from elsewhere. */
static const char *names_hint(const char *where) {
    return where == NULL ? "" : "; hint: if the first line holds no names, give them apart (data.header)";
}

gw_status gw__names_init(gw__names *names, const gw__slice *texts, size_t n, const char *where, int64_t line, gw_error *err) {
    for (size_t i = 0; i < n; i++) {
        if (texts[i].n == 0) {
            return gw__fail_at(err, GW_E_DATA, where, line, 0, "expected a name for column %zu but found none%s", i + 1, names_hint(where));
        }
    }
    gw_status status = copy_names(names, texts, n, err);
    for (size_t i = 1; status == GW_OK && i < n; i++) {
        const gw__name_entry *a = &names->sorted[i - 1], *b = &names->sorted[i];
        if (strcmp(a->name, b->name) != 0) continue;
        status = gw__fail_at(err, GW_E_DATA, where, line, 0, "expected different names for the columns but found '%.80s' for %zu and %zu%s",
                             a->name, a->i + 1, b->i + 1, names_hint(where));
    }
    return status;
}

ptrdiff_t gw__names_find(const gw__names *names, const char *name) {
    size_t low = 0, high = names->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, names->sorted[middle].name);
        if (order == 0) return (ptrdiff_t)names->sorted[middle].i;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return -1;
}

void gw__names_clear(gw__names *names) {
    gw__arena_clear(&names->arena);
    *names = (gw__names){0};
}

/* ---- what kinds share ---- */

gw_status gw__table_set_names(gw__table *table, const gw__slice *texts, size_t n, size_t n_batches, const char *where, int64_t line, gw_error *err) {
    size_t n_columns;
    gw_status status = gw__names_init(&table->names, texts, n, where, line, err);
    if (status != GW_OK) return status;
    table->columns = gw__mul_size(n, n_batches, &n_columns) ? calloc(n_columns, sizeof *table->columns) : NULL;
    table->batches = calloc(n_batches, sizeof *table->batches);
    if (table->columns == NULL || table->batches == NULL) return gw__fail_nomem(err);
    table->capacity = n_batches;
    for (size_t i = 0; i < n_columns; i++) table->columns[i].name = table->names.names[i % n];
    for (size_t i = 0; i < n_batches; i++) table->batches[i] = (gw__batch){.n_columns = n, .columns = table->columns + i * n, .stride = 1};
    return GW_OK;
}

void gw__table_clear(gw__table *table) {
    gw__names_clear(&table->names);
    free(table->columns);
    free(table->batches);
    table->columns = NULL;
    table->batches = NULL;
}

/* ---- the interface ---- */

void gw__table_close(gw__table *table) {
    if (table != NULL) table->kind->close(table);
}

size_t gw__table_column_count(const gw__table *table) {
    return table->names.n;
}

const char *gw__table_column_name(const gw__table *table, size_t i) {
    return table->names.names[i];
}

ptrdiff_t gw__table_find(const gw__table *table, const char *name) {
    return gw__names_find(&table->names, name);
}

static gw_status read_batches(gw__table *table, const gw__job *beside, gw_error *err) {
    gw_status status;
    if (table->failed) {
        status = gw__job_run(NULL, beside, err);
        return status != GW_OK ? status : gw__fail(err, GW_E_ARGUMENT, "the table failed before and has no further rows");
    }
    status = table->kind->read(table, beside, err);
    table->failed = status != GW_OK;
    table->first_given = table->n_given = 0;
    if (table->failed) table->n_batches = 0;
    return status;
}

gw_status gw__table_read(gw__table *table, const gw__job *beside, const gw__batch **ret_batches, size_t *ret_n, gw_error *err) {
    gw_status status = read_batches(table, beside, err);
    if (status != GW_OK) return status;
    table->n_given = table->n_batches;
    *ret_batches = table->batches;
    *ret_n = table->n_batches;
    return GW_OK;
}

gw_status gw__table_next(gw__table *table, gw__batch *ret_batch, gw_error *err) {
    table->first_given += table->n_given;
    table->n_given = 0;
    gw_status status = table->first_given < table->n_batches ? GW_OK : read_batches(table, NULL, err);
    if (status != GW_OK) return status;
    table->n_given = table->n_batches > 0;
    *ret_batch = table->n_given ? table->batches[table->first_given] : (gw__batch){.n_columns = table->names.n, .columns = table->columns, .stride = 1};
    return GW_OK;
}

void gw__table_locate(const gw__table *table, size_t row, const char **ret_file, int64_t *ret_line) {
    size_t i = table->first_given;
    for (; row >= table->batches[i].n_rows; i++) row -= table->batches[i].n_rows;
    table->kind->locate(table, i, row, ret_file, ret_line);
}

int64_t gw__table_skipped(const gw__table *table) {
    return table->skipped;
}

int64_t gw__table_text_bytes(const gw__table *table) {
    return table->text_bytes;
}
