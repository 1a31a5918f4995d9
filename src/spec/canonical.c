/* The resolved spec as canonical JSON, by the field table: what a model stores, which names no file; and the part of it that decides what the
 * rows are, which names them. */
#include <string.h>

#include "base/json.h"
#include "base/number.h"
#include "spec/fields.h"

#define WIRED_WORD(name, word) word,

typedef struct output {
    gw__json_writer json;
    const gw__spec *spec;
    bool of_data; /* what decides the rows and nothing else */
} output;

static void write_section(output *out, const gw__section *section, const void *base);

static const void *place_of(const gw__field *field, const void *base) { return (const char *)base + field->offset; }

static unsigned choice_at(const void *place) {
    unsigned value;
    memcpy(&value, place, sizeof value);
    return value;
}

/* The writer's integers are signed: the last digit of what is larger goes behind. */
static void write_count(output *out, uint64_t value) {
    if (value <= INT64_MAX) {
        gw__json_int(&out->json, (int64_t)value);
        return;
    }
    gw__json_int(&out->json, (int64_t)(value / 10));
    gw__text_putc(out->json.out, (char)('0' + value % 10));
}

static void write_text(output *out, const char *text) {
    if (text == NULL) gw__json_null(&out->json);
    else gw__json_string(&out->json, text);
}

static void write_texts(output *out, gw__texts texts) {
    gw__json_begin_list(&out->json);
    for (size_t i = 0; i < texts.n; i++) gw__json_string(&out->json, texts.at[i]);
    gw__json_end_list(&out->json);
}

static void write_widths(output *out, gw__widths widths) {
    gw__json_begin_list(&out->json);
    for (size_t i = 0; i < widths.n; i++) gw__json_int(&out->json, widths.at[i]);
    gw__json_end_list(&out->json);
}

static void write_level_widths(output *out, const gw__widths *hidden) {
    gw__json_begin_list(&out->json);
    for (uint32_t l = 0; l < out->spec->model.levels; l++) write_widths(out, hidden[l]);
    gw__json_end_list(&out->json);
}

/* ---- the forms of single keys ---- */

static void write_valid(output *out) {
    const gw__data_spec *data = &out->spec->data;
    if (data->valid.kind == GW__SPLIT_NONE) {
        gw__json_null(&out->json);
    } else if (data->valid.kind == GW__SPLIT_FILES) {
        write_texts(out, out->of_data ? data->valid.files : (gw__texts){0}); /* stored: that there were files, not which */
    } else {
        gw__json_begin_object(&out->json);
        if (data->valid.column != NULL) gw__json_key(&out->json, "column"), gw__json_string(&out->json, data->valid.column);
        if (data->valid.from != NULL) gw__json_key(&out->json, "from"), gw__json_string(&out->json, data->valid.from);
        else gw__json_key(&out->json, "fraction"), gw__json_double(&out->json, data->valid.fraction);
        gw__json_end_object(&out->json);
    }
}

static void write_header(output *out) {
    if (out->spec->data.header_in_file) gw__json_bool(&out->json, true);
    else write_texts(out, out->spec->data.names);
}

/* What the training file's name said of its cells is said here, as the name is not stored. */
static void write_separator(output *out) {
    const gw__data_spec *data = &out->spec->data;
    bool tabs = data->separator == '\0' && data->train.n > 0 && strstr(data->train.at[0], ".tsv") != NULL;
    char text[2] = {tabs ? '\t' : data->separator, '\0'};
    write_text(out, text[0] == '\0' ? NULL : text);
}

static void write_transforms(output *out, const gw__field *field, const gw__feature_spec *feature) {
    gw__json_begin_list(&out->json);
    for (size_t i = 0; i < feature->n_transforms; i++) gw__json_string(&out->json, field->words->at[feature->transforms[i]]);
    gw__json_end_list(&out->json);
}

static void write_missing(output *out, const gw__field *field, const gw__feature_spec *feature) {
    if (feature->missing == GW__MISSING_VALUE) gw__json_double(&out->json, feature->missing_value);
    else gw__json_string(&out->json, field->words->at[feature->missing]);
}

static void write_columns(output *out, const gw__field *field) {
    const gw__features_spec *features = &out->spec->features;
    gw__json_begin_object(&out->json);
    for (size_t i = 0; i < features->n_columns; i++) {
        gw__json_key(&out->json, features->columns[i].name);
        write_section(out, field->section, &features->columns[i]);
    }
    gw__json_end_object(&out->json);
}

static void write_tasks(output *out, const gw__field *field) {
    gw__json_begin_object(&out->json);
    for (size_t t = 0; t < out->spec->n_tasks; t++) {
        gw__json_key(&out->json, out->spec->tasks[t].name);
        write_section(out, field->section, &out->spec->tasks[t]);
    }
    gw__json_end_object(&out->json);
}

static void write_per_task(output *out) {
    gw__json_begin_object(&out->json);
    for (size_t t = 0; t < out->spec->n_tasks; t++) {
        gw__json_key(&out->json, out->spec->tasks[t].name);
        gw__json_int(&out->json, out->spec->model.experts.per_task[t]);
    }
    gw__json_end_object(&out->json);
}

static void write_member_texts(output *out, const char *key, gw__texts texts) {
    gw__json_key(&out->json, key);
    write_texts(out, texts);
}

static void write_group(output *out, const gw__group_spec *group) {
    gw__json_key(&out->json, group->name);
    gw__json_begin_object(&out->json);
    gw__json_key(&out->json, "count");
    gw__json_int(&out->json, group->count);
    write_member_texts(out, "reads", group->reads);
    if (group->identity) {
        gw__json_key(&out->json, "identity");
        gw__json_bool(&out->json, true);
    }
    gw__json_end_object(&out->json);
}

static void write_stream(output *out, const gw__stream_spec *stream) {
    static const char *const kinds[] = {GW__WIRED_GATE_ROSTER(WIRED_WORD)};
    gw__json_key(&out->json, stream->name);
    gw__json_begin_object(&out->json);
    write_member_texts(out, "sees", stream->sees);
    gw__json_key(&out->json, "reads");
    gw__json_string(&out->json, stream->reads);
    gw__json_key(&out->json, "kind");
    gw__json_string(&out->json, kinds[stream->kind]);
    if (stream->residual.n > 0) write_member_texts(out, "residual", stream->residual);
    gw__json_end_object(&out->json);
}

static void write_wired_level(output *out, const gw__level_spec *level) {
    gw__json_begin_object(&out->json);
    gw__json_key(&out->json, "experts");
    gw__json_begin_object(&out->json);
    for (size_t g = 0; g < level->n_groups; g++) write_group(out, &level->groups[g]);
    gw__json_end_object(&out->json);
    gw__json_key(&out->json, "gates");
    gw__json_begin_object(&out->json);
    for (size_t i = 0; i < level->n_streams; i++) write_stream(out, &level->streams[i]);
    gw__json_end_object(&out->json);
    gw__json_end_object(&out->json);
}

static void write_wiring(output *out) {
    const gw__wiring_spec *wiring = &out->spec->model.wiring;
    gw__json_begin_object(&out->json);
    gw__json_key(&out->json, "levels");
    gw__json_begin_list(&out->json);
    for (size_t l = 0; l < wiring->n_levels; l++) write_wired_level(out, &wiring->levels[l]);
    gw__json_end_list(&out->json);
    gw__json_key(&out->json, "towers");
    gw__json_begin_object(&out->json);
    for (size_t t = 0; t < out->spec->n_tasks; t++) {
        if (wiring->towers[t] == NULL) continue;
        gw__json_key(&out->json, out->spec->tasks[t].name);
        gw__json_string(&out->json, wiring->towers[t]);
    }
    gw__json_end_object(&out->json);
    gw__json_end_object(&out->json);
}

static void write_task_numbers(output *out, const double *numbers) {
    gw__json_begin_object(&out->json);
    for (size_t t = 0; t < out->spec->n_tasks; t++) {
        gw__json_key(&out->json, out->spec->tasks[t].name);
        gw__json_double(&out->json, numbers[t]);
    }
    gw__json_end_object(&out->json);
}

static void write_betas(output *out) {
    gw__json_begin_list(&out->json);
    gw__json_double(&out->json, out->spec->train.optimizer.beta1);
    gw__json_double(&out->json, out->spec->train.optimizer.beta2);
    gw__json_end_list(&out->json);
}

static void write_quantiles(output *out, const gw__task_spec *task) {
    gw__json_begin_list(&out->json);
    for (size_t i = 0; i < task->n_quantiles; i++) gw__json_double(&out->json, task->quantiles[i]);
    gw__json_end_list(&out->json);
}

static void write_chain(output *out, const gw__task_spec *task) {
    gw__json_begin_list(&out->json);
    for (size_t i = 0; i < task->chain.n; i++) write_texts(out, task->chain.paths[i]);
    gw__json_end_list(&out->json);
}

static void write_or_word(output *out, uint64_t value, const char *zero) {
    if (value == 0) gw__json_string(&out->json, zero);
    else write_count(out, value);
}

/* ---- any key ---- */

static void write_value(output *out, const gw__field *field, const void *base) {
    const void *place = place_of(field, base);
    switch (field->kind) {
    case GW__FIELD_BOOL: gw__json_bool(&out->json, *(const bool *)place); break;
    case GW__FIELD_COUNT32: write_count(out, *(const uint32_t *)place); break;
    case GW__FIELD_COUNT64: write_count(out, *(const uint64_t *)place); break;
    case GW__FIELD_NUMBER: gw__json_double(&out->json, *(const double *)place); break;
    case GW__FIELD_CHOICE: gw__json_string(&out->json, field->words->at[choice_at(place)]); break;
    case GW__FIELD_TEXT: write_text(out, *(const char *const *)place); break;
    case GW__FIELD_TEXTS: write_texts(out, *(const gw__texts *)place); break;
    case GW__FIELD_SECTION: write_section(out, field->section, place); break;
    case GW__FIELD_SWITCH:
        if (*(const bool *)place) write_section(out, field->section, base);
        else gw__json_null(&out->json);
        break;
    case GW__FIELD_VALID: write_valid(out); break;
    case GW__FIELD_HEADER: write_header(out); break;
    case GW__FIELD_SEPARATOR: write_separator(out); break;
    case GW__FIELD_TRANSFORMS: write_transforms(out, field, base); break;
    case GW__FIELD_MISSING: write_missing(out, field, base); break;
    case GW__FIELD_COLUMNS: write_columns(out, field); break;
    case GW__FIELD_TASKS: write_tasks(out, field); break;
    case GW__FIELD_WIDTHS: write_widths(out, **(const gw__widths *const *)place); break;
    case GW__FIELD_LEVEL_WIDTHS: write_level_widths(out, *(const gw__widths *const *)place); break;
    case GW__FIELD_PER_TASK: write_per_task(out); break;
    case GW__FIELD_TASK_NUMBERS: write_task_numbers(out, *(const double *const *)place); break;
    case GW__FIELD_WIRING: write_wiring(out); break;
    case GW__FIELD_BETAS: write_betas(out); break;
    case GW__FIELD_CHAIN: write_chain(out, base); break;
    case GW__FIELD_QUANTILES: write_quantiles(out, base); break;
    case GW__FIELD_BATCH: write_or_word(out, *(const uint64_t *)place, "full"); break;
    case GW__FIELD_EVERY: write_or_word(out, *(const uint64_t *)place, "epoch"); break;
    case GW__FIELD_KINDS: break;
    }
}

/* Whether a quiet key says nothing: what is off, or at its default. */
static bool is_silent(const gw__field *field, const void *base) {
    const void *place = place_of(field, base);
    double preset = 0;
    if (!field->quiet) return false;
    if (field->kind == GW__FIELD_CHOICE) return choice_at(place) == 0;
    if (field->kind == GW__FIELD_TEXT) return *(const char *const *)place == NULL;
    if (field->kind == GW__FIELD_BOOL) return *(const bool *)place == (field->preset[0] == 't');
    if (field->kind != GW__FIELD_COUNT32 && field->kind != GW__FIELD_NUMBER) return !*(const bool *)place;
    gw__parse_double(gw__slice_of(field->preset), &preset);
    return field->kind == GW__FIELD_COUNT32 ? *(const uint32_t *)place == (uint32_t)preset : *(const double *)place == preset;
}

static void write_section(output *out, const gw__section *section, const void *base) {
    gw__json_begin_object(&out->json);
    for (size_t i = 0; i < section->n; i++) {
        const gw__field *field = &section->fields[i];
        if (is_silent(field, base) || (out->of_data ? field->of_training : field->unstored) || (field->applies != NULL && !field->applies(out->spec, base))) continue;
        gw__json_key(&out->json, field->key);
        write_value(out, field, base);
    }
    gw__json_end_object(&out->json);
}

gw_status gw__spec_write_json(const gw__spec *spec, gw__text *out, gw_error *err) {
    output o = {.json = {.out = out}, .spec = spec};
    write_section(&o, &gw__spec_section, spec);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}

static bool draws_from_data(const gw__spec *spec) {
    bool draws = spec->data.valid.kind == GW__SPLIT_FRACTION || spec->data.valid.kind == GW__SPLIT_GROUP;
    draws |= spec->features.defaults.unseen_rate > 0;
    for (size_t i = 0; i < spec->features.n_columns; i++) draws |= spec->features.columns[i].unseen_rate > 0;
    for (size_t t = 0; t < spec->n_tasks; t++) draws |= spec->tasks[t].negative_rate < 1;
    return draws;
}

gw_status gw__spec_write_data(const gw__spec *spec, gw__text *out, gw_error *err) {
    output o = {.json = {.out = out}, .spec = spec, .of_data = true};
    if (draws_from_data(spec)) gw__text_addf(out, "%llu ", (unsigned long long)spec->train.data_seed);
    for (size_t t = 0; t < spec->n_tasks; t++) gw__text_putc(out, gw__task_not_negative(&spec->tasks[t]) ? '+' : '.');
    write_section(&o, &gw__spec_section, spec);
    return out->failed ? gw__fail_nomem(err) : GW_OK;
}
