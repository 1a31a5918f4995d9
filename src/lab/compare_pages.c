/* The pages of single runs: how their files are called, who makes them, which files they may replace, and which are left of an earlier comparison. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "lab/compare.h"

#define MOST_PAGE_BYTES ((size_t)256 << 20)
#define MOST_STEM 64

/* The page that leads to the others, and back to which they lead. By this link a page of ours is known. */
static const gw__report_way back = {"report.html", "all architectures"};
static const char mark[] = "<p class=\"back\"><a href=\"report.html\">";

/* ---- names ----------------------------------------------------------------------------------------------------------------------- */

static bool is_safe(char ch, bool first) {
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_') return true;
    return !first && (ch == '-' || ch == '.');
}

/* A label as the name of a file without its ending: what might mean something to a shell, a browser or a file system is an underscore. */
static void write_stem(const char *label, char ret[MOST_STEM + 1]) {
    size_t n = 0;
    for (; n < MOST_STEM && label[n]; n++) ret[n] = is_safe(label[n], n == 0) ? label[n] : '_';
    ret[n] = '\0';
}

static char lower(char ch) { return ch >= 'A' && ch <= 'Z' ? (char)(ch - 'A' + 'a') : ch; }

/* Equal on a file system that does not tell small letters from capitals. */
static bool same_file(const char *a, const char *b) {
    for (; *a && lower(*a) == lower(*b); a++, b++) {}
    return lower(*a) == lower(*b);
}

static bool is_taken(const gw__comparison *c, size_t n, const char *name) {
    bool taken = same_file(name, back.to);
    for (size_t i = 0; i < n; i++) taken |= same_file(name, c->contenders[i].page_name);
    return taken;
}

/* The first of "mmoe.html", "mmoe-2.html" and so on that no contender before it has. */
static gw_status name_page(gw__comparison *c, size_t i, gw_error *err) {
    char stem[MOST_STEM + 1], name[MOST_STEM + 32];
    write_stem(c->contenders[i].label, stem);
    snprintf(name, sizeof name, "%s.html", stem);
    for (size_t k = 2; is_taken(c, i, name); k++) snprintf(name, sizeof name, "%s-%zu.html", stem, k);
    c->contenders[i].page_name = gw__arena_text(&c->arena, name, strlen(name));
    return c->contenders[i].page_name ? GW_OK : gw__fail_nomem(err);
}

gw_status gw__compare_plan_pages(gw__comparison *c, gw_error *err) {
    gw_status status = GW_OK;
    for (size_t i = 0; i < c->n_contenders && status == GW_OK; i++) {
        gw__contender *contender = &c->contenders[i];
        contender->page = (gw__recorder){.spec_path = c->base.spec_path, .label = contender->label, .back = &back};
        status = name_page(c, i, err);
    }
    return status;
}

/* ---- what they replace ----------------------------------------------------------------------------------------------------------- */

gw_status gw__compare_check_page(const char *path, gw_error *err) {
    char *bytes = NULL;
    size_t n = 0;
    gw_status status = gw__file_read(path, MOST_PAGE_BYTES, &bytes, &n, err);
    if (status == GW_OK && !strstr(bytes, mark))
        status = gw__fail_at(err, GW_E_ARGUMENT, path, 0, 0, "this file is no page of a comparison, and would be replaced by one; hint: another folder, or another label");
    gw__aligned_free(bytes);
    return status;
}

/* ---- what they leave no room for ------------------------------------------------------------------------------------------------- */

/* Names that no label becomes are those of copies, or of others. */
static bool may_be_page(const char *name) {
    const size_t n = strlen(name), ending = strlen(".html");
    if (n <= ending || strcmp(name + n - ending, ".html") != 0 || same_file(name, back.to)) return false;
    for (size_t i = 0; i < n; i++)
        if (!is_safe(name[i], i == 0)) return false;
    return true;
}

/* Whether it is the page of a contender whose first run was done. By the file: names may differ in capitals only. */
static bool is_new(const gw__comparison *c, const char *directory, const char *path) {
    bool found = false;
    for (size_t i = 0; i < c->n_contenders && !found; i++) {
        if (c->contenders[i].page.page.n == 0) continue;
        gw__text page = {0};
        gw__text_addf(&page, "%s/%s", directory, c->contenders[i].page_name);
        found = page.failed || gw__file_same(page.at, path);
        gw__text_clear(&page);
    }
    return found;
}

static bool is_regular(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 && S_ISREG(found.st_mode);
}

void gw__compare_sweep_pages(const gw__comparison *c, const char *directory) {
    DIR *files = opendir(directory);
    for (struct dirent *file; files && (file = readdir(files));) {
        gw__text path = {0};
        if (!may_be_page(file->d_name)) continue;
        gw__text_addf(&path, "%s/%s", directory, file->d_name);
        if (!path.failed && is_regular(path.at) && !is_new(c, directory, path.at) && gw__compare_check_page(path.at, NULL) == GW_OK) unlink(path.at);
        gw__text_clear(&path);
    }
    if (files) closedir(files);
}
