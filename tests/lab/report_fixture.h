/* Reports made by hand, for tests of the page: figures that look like a run's, and names that are meant to break things. */
#ifndef REPORT_FIXTURE_H
#define REPORT_FIXTURE_H

#include "lab/report.h"

#define HOSTILE \
    "<script>alert('x')</script>\" onload=\"y & \xF0\x9F\x98\x80 \xC3\xA9\xE6\xBC\xA2\xE5\xAD\x97 \xFF\x01 " \
    "a name that is much longer than any place that there is for it on the page"

#define FIXTURE_EPOCHS 12 /* of a comparison's longest run */
#define FIXTURE_PAGE "a-page.html"

/* A comparison of `n_outcomes` architectures on `n_tasks` tasks with `n_runs` runs each; the first is the baseline, one run of the last failed, which has
 * neither curves nor a page. Lives until the next call. */
const gw__report *fixture_comparison(size_t n_tasks, size_t n_outcomes, size_t n_runs, bool hostile);

/* A run of `n_tasks` tasks, the even ones binary, over `n_epochs` epochs; one level of experts, all shared. With `gaps` numbers are missing. */
const gw__report *fixture_run(size_t n_tasks, size_t n_experts, size_t n_epochs, bool gaps, bool hostile);

#endif
