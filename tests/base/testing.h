/* What every test includes first: cmocka wants these headers before its own. */
#ifndef GW_TESTS_TESTING_H
#define GW_TESTS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
