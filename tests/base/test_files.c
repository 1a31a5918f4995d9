#include "testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "fail_alloc.h"

static char folder[64];

static int set_up(void **state) {
    strcpy(folder, "/tmp/gatewright-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int tear_down(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *in_folder(const char *name) {
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, 300, "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void expect_content(const char *path, const char *text) {
    char *bytes;
    size_t n;
    assert_int_equal(gw__file_read(path, 1000000, &bytes, &n, NULL), GW_OK);
    assert_int_equal(n, strlen(text));
    assert_string_equal(bytes, text);
    gw__aligned_free(bytes);
}

static size_t count_entries(void) {
    DIR *directory = opendir(folder);
    size_t n = 0;
    while (readdir(directory) != NULL) n++;
    closedir(directory);
    return n - 2;
}

static void test_read(void **state) {
    char *bytes = NULL;
    size_t n = 7;
    gw_error err;
    put(in_folder("a"), "hello");
    assert_int_equal(gw__file_read(in_folder("a"), 5, &bytes, &n, &err), GW_OK);
    assert_int_equal((uintptr_t)bytes % GW__ALIGN, 0);
    assert_int_equal(n, 5);
    assert_string_equal(bytes, "hello");
    gw__aligned_free(bytes);
    bytes = NULL;
    n = 7;
    assert_int_equal(gw__file_read(in_folder("a"), 4, &bytes, &n, &err), GW_E_LIMIT);
    assert_string_equal(err.where, in_folder("a"));
    assert_int_equal(gw__file_read(in_folder("none"), 4, &bytes, &n, &err), GW_E_IO);
    assert_string_equal(err.where, in_folder("none"));
    assert_string_equal(err.message, "cannot read: No such file or directory");
    assert_int_equal(gw__file_read(folder, 4, &bytes, &n, &err), GW_E_IO);
    assert_int_equal(gw__file_read("/dev/zero", 1000000, &bytes, &n, &err), GW_E_LIMIT); /* has no size, nor an end */
    assert_null(bytes);
    assert_int_equal(n, 7);
    put(in_folder("a"), "");
    expect_content(in_folder("a"), "");
    expect_content("/dev/null", "");
}

/* A pipe gives its bytes in pieces and no size. */
static void test_read_pipe(void **state) {
    const char *path = in_folder("pipe");
    char command[400], *bytes;
    size_t n;
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(command, sizeof command, "head -c 300000 /dev/zero > '%s' &", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(gw__file_read(path, 300000, &bytes, &n, NULL), GW_OK);
    assert_int_equal(n, 300000);
    gw__aligned_free(bytes);
}

static void test_commit(void **state) {
    gw__writer writer;
    gw_error err;
    const char *path = in_folder("out");
    for (int i = 0; i < 2; i++) { /* new, and over an old one */
        const char *text = i == 0 ? "first" : "second";
        assert_int_equal(gw__writer_open(&writer, path, &err), GW_OK);
        assert_int_equal(gw__writer_put(&writer, text, strlen(text), &err), GW_OK);
        assert_int_equal(gw__writer_put(&writer, NULL, 0, &err), GW_OK);
        assert_int_equal(count_entries(), (size_t)writer.named + (size_t)i);
        if (i == 0) assert_int_equal(access(path, F_OK), -1); /* whole or not at all */
        else expect_content(path, "first");
        assert_int_equal(gw__writer_commit(&writer, &err), GW_OK);
        assert_int_equal(count_entries(), 1);
        expect_content(path, text);
        gw__writer_cancel(&writer);
    }
}

static void test_cancel(void **state) {
    gw__writer writer;
    put(in_folder("out"), "old");
    assert_int_equal(gw__writer_open(&writer, in_folder("out"), NULL), GW_OK);
    assert_int_equal(gw__writer_put(&writer, "new", 3, NULL), GW_OK);
    gw__writer_cancel(&writer);
    expect_content(in_folder("out"), "old");
    assert_int_equal(count_entries(), 1);
    gw__writer_cancel(&writer);
    gw__writer zero = {0};
    gw__writer_cancel(&zero);
}

/* Killed while writing: what has no name yet is gone. */
static void test_killed(void **state) {
    pid_t child = fork();
    if (child == 0) {
        gw__writer writer;
        gw_status status = gw__writer_open(&writer, in_folder("out"), NULL);
        if (status == GW_OK) status = gw__writer_put(&writer, "half", 4, NULL);
        _exit(status != GW_OK ? 2 : writer.named);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFEXITED(how) && WEXITSTATUS(how) < 2);
    assert_int_equal(count_entries(), WEXITSTATUS(how));
}

/* A file in the current directory, two writers of one file at a time, and a name as long as names can be. */
static void test_names(void **state) {
    gw__writer one, two;
    char name[256];
    int here = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(chdir(folder), 0);
    memset(name, 'n', 255);
    name[255] = '\0';
    assert_int_equal(gw__writer_open(&one, name, NULL), GW_OK);
    assert_int_equal(gw__writer_open(&two, name, NULL), GW_OK);
    assert_int_equal(gw__writer_put(&one, "1", 1, NULL), GW_OK);
    assert_int_equal(gw__writer_put(&two, "22", 2, NULL), GW_OK);
    assert_int_equal(gw__writer_commit(&one, NULL), GW_OK);
    expect_content(name, "1");
    assert_int_equal(gw__writer_commit(&two, NULL), GW_OK);
    expect_content(name, "22");
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(count_entries(), 1);
}

static mode_t mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void write_text(const char *path, const char *text) {
    gw__writer writer;
    assert_int_equal(gw__writer_open(&writer, path, NULL), GW_OK);
    assert_int_equal(gw__writer_put(&writer, text, strlen(text), NULL), GW_OK);
    assert_int_equal(gw__writer_commit(&writer, NULL), GW_OK);
}

static void test_modes_and_links(void **state) {
    mode_t mask = umask(027);
    write_text(in_folder("out"), "x");
    assert_int_equal(mode_of(in_folder("out")), 0640);
    assert_int_equal(chmod(in_folder("out"), 0604), 0);
    write_text(in_folder("out"), "y");
    assert_int_equal(mode_of(in_folder("out")), 0604);
    umask(mask);
    struct stat info;
    assert_int_equal(symlink("out", in_folder("link")), 0);
    write_text(in_folder("link"), "through");
    assert_int_equal(lstat(in_folder("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    expect_content(in_folder("out"), "through");
}

/* A full disk, when writing directly and when the bytes reach it only at the end. */
static void test_full(void **state) {
    gw__writer writer;
    gw_error err = {0};
    static char many[1 << 20];
    assert_int_equal(gw__writer_open(&writer, "/dev/full", &err), GW_OK);
    assert_int_equal(gw__writer_put(&writer, "x", 1, &err), GW_OK);
    assert_int_equal(gw__writer_commit(&writer, &err), GW_E_IO);
    assert_string_equal(err.where, "/dev/full");
    assert_string_equal(err.message, "cannot write: No space left on device");
    assert_int_equal(gw__writer_open(&writer, "/dev/full", &err), GW_OK);
    memset(&err, 0, sizeof err);
    assert_int_equal(gw__writer_put(&writer, many, sizeof many, &err), GW_E_IO);
    assert_string_equal(err.where, "/dev/full");
    gw__writer_cancel(&writer);
    write_text("/dev/null", "swallowed");
    assert_int_equal(mode_of("/dev/null") & 0200, 0200);
}

/* The rename fails: a directory has taken the place meanwhile. Nothing is left behind. */
static void test_commit_fails(void **state) {
    gw__writer writer;
    gw_error err = {0};
    assert_int_equal(gw__writer_open(&writer, in_folder("out"), &err), GW_OK);
    assert_int_equal(gw__writer_put(&writer, "x", 1, &err), GW_OK);
    assert_int_equal(mkdir(in_folder("out"), 0700), 0);
    assert_int_equal(gw__writer_commit(&writer, &err), GW_E_IO);
    assert_string_equal(err.where, in_folder("out"));
    assert_int_equal(count_entries(), 1);
}

static void test_cannot_open(void **state) {
    gw__writer writer = {0};
    gw_error err = {0};
    assert_int_equal(gw__writer_open(&writer, in_folder("none/out"), &err), GW_E_IO);
    assert_string_equal(err.where, in_folder("none/out"));
    assert_int_equal(gw__writer_open(&writer, folder, &err), GW_E_IO);
    assert_string_equal(err.where, folder);
    assert_null(writer.file);
    assert_int_equal(count_entries(), 0);
}

static void test_same(void **state) {
    put(in_folder("one"), "text");
    put(in_folder("two"), "text");
    assert_int_equal(symlink("one", in_folder("link")) + symlink("none", in_folder("broken")) + link(in_folder("one"), in_folder("hard")), 0);
    assert_true(gw__file_same(in_folder("one"), in_folder("one")));
    assert_true(gw__file_same(in_folder("one"), in_folder("./one")));
    assert_true(gw__file_same(in_folder("link"), in_folder("hard")));
    assert_false(gw__file_same(in_folder("one"), in_folder("two")));
    assert_false(gw__file_same(in_folder("broken"), in_folder("broken"))); /* nothing is there to lose */
    assert_false(gw__file_same("/dev/null", "/dev/null"));
}

static void test_match(void **state) {
    gw__arena arena = {0};
    const char **paths = NULL;
    size_t n = 0;
    gw_error err;
    static const char *const names[] = {"b.csv", "a.csv", "B.csv", "a10.csv", "a9.csv", "x.txt", "[1].csv"};
    for (size_t i = 0; i < GW__COUNT(names); i++) put(in_folder(names[i]), "");
    assert_int_equal(gw__files_match(in_folder("[abB]*.csv"), &arena, &paths, &n, &err), GW_OK);
    static const char *const sorted[] = {"B.csv", "a.csv", "a10.csv", "a9.csv", "b.csv"};
    assert_int_equal(n, GW__COUNT(sorted));
    for (size_t i = 0; i < n; i++) assert_string_equal(paths[i], in_folder(sorted[i]));
    assert_int_equal(gw__files_match(in_folder("[1].csv"), &arena, &paths, &n, &err), GW_OK);
    assert_int_equal(n, 1);
    assert_string_equal(paths[0], in_folder("[1].csv"));
    assert_int_equal(gw__files_match("none here.csv", &arena, &paths, &n, &err), GW_OK);
    assert_int_equal(n, 1);
    assert_string_equal(paths[0], "none here.csv");
    assert_int_equal(gw__files_match(in_folder("*.parquet"), &arena, &paths, &n, &err), GW_E_IO);
    assert_string_equal(err.where, in_folder("*.parquet"));
    assert_string_equal(paths[0], "none here.csv");
    gw__arena_clear(&arena);
}

/* As /dev/stdout in a pipeline: a link to what has no name of its own. */
static void test_nameless(void **state) {
    int ends[2];
    char link[64], text[16];
    gw_error err = {0};
    gw__writer writer = {0};
    assert_int_equal(pipe(ends), 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", ends[1]);
    if (access(link, F_OK) != 0) skip();
    assert_int_equal(symlink(link, in_folder("link")), 0);
    write_text(in_folder("link"), "through");
    assert_int_equal(read(ends[0], text, sizeof text), 7);
    assert_memory_equal(text, "through", 7);
    close(ends[0]);
    close(ends[1]);

    /* A file that was deleted has no name either, and cannot be replaced. */
    put(in_folder("gone"), "text");
    int gone = open(in_folder("gone"), O_WRONLY);
    assert_int_equal(unlink(in_folder("gone")) + unlink(in_folder("link")), 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", gone);
    assert_int_equal(symlink(link, in_folder("link")), 0);
    assert_int_equal(gw__writer_open(&writer, in_folder("link"), &err), GW_E_IO);
    assert_string_equal(err.where, in_folder("link"));
    close(gone);
    assert_int_equal(count_entries(), 1);
}

static gw_status use_all(void *context, gw_error *err) {
    gw_status status = GW_OK;
    gw__writer writer = {0};
    gw__arena arena = {0};
    char *bytes = NULL;
    size_t n;
    const char **paths;
    GW__TRY(gw__file_read(in_folder("in"), 1000, &bytes, &n, err));
    GW__TRY(gw__files_match(in_folder("i*"), &arena, &paths, &n, err));
    GW__TRY(gw__writer_open(&writer, in_folder("link"), err));
    GW__TRY(gw__writer_put(&writer, bytes, n, err));
    GW__TRY(gw__writer_commit(&writer, err));
    GW__TRY(gw__writer_open(&writer, "-", err));
    GW__TRY(gw__writer_commit(&writer, err));
cleanup:
    gw__writer_cancel(&writer);
    gw__arena_clear(&arena);
    gw__aligned_free(bytes);
    return status;
}

static void test_no_memory(void **state) {
    put(in_folder("in"), "text");
    put(in_folder("out"), "old");
    assert_int_equal(symlink("out", in_folder("link")), 0);
    assert_in_range(fail_each_allocation(use_all, NULL), 5, 12);
    assert_int_equal(count_entries(), 3);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_read), IN_FOLDER(test_read_pipe), IN_FOLDER(test_commit), IN_FOLDER(test_cancel), IN_FOLDER(test_killed), IN_FOLDER(test_names),
        IN_FOLDER(test_modes_and_links), IN_FOLDER(test_full), IN_FOLDER(test_commit_fails), IN_FOLDER(test_cannot_open),
        IN_FOLDER(test_match), IN_FOLDER(test_same), IN_FOLDER(test_nameless), IN_FOLDER(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
