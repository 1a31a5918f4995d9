/* Specs for the tests of spec/, and how to read them. */
#ifndef GW_TESTS_SPECS_H
#define GW_TESTS_SPECS_H

#include "spec/spec.h"

/* The least that is a spec; append lines to it. */
#define LEAST "data: {train: a.csv}\ntasks: {y: {type: binary}}\n"

/* A spec that uses every form of every key at least once. */
extern const char every_key[];

gw__spec *spec_of(const char *yaml);                       /* fails the test if it is refused */
gw__spec *spec_with(const char *yaml, const char *set);    /* with one --set */
/* The canonical JSON, owned by the caller (free). */
char *canonical_of(const gw__spec *spec);
/* The same as a spec of its own: with a file to train from (and, if there were any, to validate on), which a stored spec does not name. */
char *complete_of(const gw__spec *spec);
/* Refused with this place and message; `set` may be NULL. */
void refused(const char *yaml, const char *set, const char *where, int64_t line, int64_t column, const char *message);

#endif
