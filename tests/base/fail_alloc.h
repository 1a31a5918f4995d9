/* Failing every allocation in turn. A test lists `dep_fail_alloc` among its dependencies and wraps what it wants tried in a function:
 *     static gw_status load(void *context, gw_error *err) { … make, use and free everything … }
 *     fail_each_allocation(load, &context);      (each run must end with GW_E_NOMEM and leave no memory behind; the last one with GW_OK)
 * It sees the allocations of the program's own objects and static libraries, not those inside shared libraries. */
#ifndef GW_TESTS_FAIL_ALLOC_H
#define GW_TESTS_FAIL_ALLOC_H

#include "gatewright.h"

/* The number of allocations of a run in which none fails. */
size_t fail_each_allocation(gw_status (*run)(void *context, gw_error *err), void *context);

/* By hand: the n-th allocation from now on fails, once; 0: none does. */
void   fail_allocation(size_t n);
size_t count_allocations(void); /* since the program began, on all threads: the difference of two calls is what happened between */
long   count_live_blocks(void); /* allocated and not yet freed */

#endif
