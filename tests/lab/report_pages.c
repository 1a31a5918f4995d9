/* Pages made by hand into the folder that is named, for a test that looks at them as a browser does. */
#include <stdio.h>

#include "lab/report.h"
#include "report_fixture.h"

static int write_page(const char *folder, const char *file, const gw__report *report) {
    char path[1024];
    gw_error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (gw__report_write(report, path, &err) == GW_OK) return 0;
    fprintf(stderr, "%s: %s\n", path, err.message);
    return 1;
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : ".";
    return write_page(folder, "run.html", fixture_run(2, 6, 12, false, false)) || write_page(folder, "gaps.html", fixture_run(3, 4, 1, true, false)) ||
           write_page(folder, "many.html", fixture_run(20, 64, 60, false, false)) || write_page(folder, "hostile.html", fixture_run(2, 5, 4, true, true)) ||
           write_page(folder, "one.html", fixture_run(1, 1, 2, false, false)) || write_page(folder, "compare.html", fixture_comparison(2, 8, 40, false)) ||
           write_page(folder, "compare-many.html", fixture_comparison(20, 10, 3, false)) || write_page(folder, "compare-one.html", fixture_comparison(1, 2, 1, false)) ||
           write_page(folder, "compare-hostile.html", fixture_comparison(2, 4, 5, true)) || write_page(folder, "compare-cliff.html", fixture_comparison(1, 3, 4, false));
}
