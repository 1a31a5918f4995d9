#include "lab/init.h"

#include <string.h>

#include "lab/init_plan.h"
#include "model/source.h"

/* A table of one column whose name holds another separator was meant to have more of them: that separator, or 0. */
static char other_separator(const gw__table *table, const gw_data_options *data) {
    bool first_line = !data->header || strcmp(data->header, "true") == 0;
    if (!first_line || gw__table_column_count(table) != 1 || strcmp(data->paths[0], "-") == 0) return 0;
    const char *found = strpbrk(gw__table_column_name(table, 0), ";\t|,");
    return found ? *found : 0;
}

gw_status gw__spec_init(const gw_data_options *data, const char *const *tasks, size_t n_tasks, gw__text *ret_yaml, gw_error *err) {
    gw__arena arena = {0};
    gw__table *table = NULL;
    gw__profiles profiles = {0};
    gw__init_plan plan = {.profiles = &profiles};
    gw__init_source source = {.data = data};
    gw_status status = gw__options_table(data, NULL, NULL, &arena, &table, err);
    if (status != GW_OK) goto cleanup;
    source.separator = other_separator(table, data);
    if (source.separator) {
        gw__data_spec rules = {.separator = source.separator, .header_in_file = true};
        gw__table_close(table);
        table = NULL;
        GW__TRY(gw__options_table(data, &rules, NULL, &arena, &table, err));
    }
    GW__TRY(gw__profiles_read(table, &profiles, err));
    if (profiles.rows == 0) GW__FAIL(gw__fail_at(err, GW_E_DATA, data->paths[0], 0, 0, "expected rows but found none"));
    GW__TRY(gw__init_plan_tasks(&plan, tasks, n_tasks, err));
    GW__TRY(gw__init_plan_columns(&plan, err));
    gw__init_write(&plan, &source, ret_yaml);
    if (ret_yaml->failed) status = gw__fail_nomem(err);
cleanup:
    gw__init_plan_clear(&plan);
    gw__profiles_clear(&profiles);
    gw__table_close(table);
    gw__arena_clear(&arena);
    return status;
}
