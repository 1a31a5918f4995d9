/* Small training runs in a directory of their own, and what they told. */
#ifndef GW_TESTS_SMALL_RUN_H
#define GW_TESTS_SMALL_RUN_H

#include "testing.h"

#include "model/model.h"

/* A new directory, gone with everything in it at the end of the test; the process works inside it. For cmocka's setup and teardown. */
int enter_directory(void **state);
int leave_directory(void **state);

/* A table with columns a, b (numbers), c (a category), d (numbers), click (0/1), buy (0/1, given click), price (a number; every seventh cell
 * empty), kind (red, green, blue), user (an id), part (0..9). */
void write_table(const char *path, size_t n_rows, uint32_t seed);

/* Everything a run told. */
typedef struct story {
    char *epochs[64];
    size_t n_epochs, n_steps, n_reads, n_tests, n_warnings, n_notes;
    char *read, *test, *warnings; /* warnings: all of them, a line each */
    volatile int cancel;
    size_t cancel_after_epochs;   /* 0: never */
} story;
void story_clear(story *s);

/* Train from a spec in YAML. `s` may be NULL. */
typedef struct small_run {
    const char *spec;
    const char *overrides[8];
    const char *model_path, *init_path, *resume_path;
    const char *isa;
    size_t threads;
    bool skip_bad_rows;
    story *story;
} small_run;
gw_status train_small(const small_run *run, gw_model **ret_model, gw_error *err);

char *file_bytes(const char *path, size_t *ret_n); /* malloc */
bool  file_exists(const char *path);
void  assert_same_files(const char *a, const char *b);

/* The text of a member of a JSON object by its path ("train.tasks.click.loss"), malloc; NULL if absent. */
char  *json_at(const char *json, const char *path);
double json_number(const char *json, const char *path); /* fails the test if there is none */

#endif
