/* `model.wiring`: levels of groups of experts and of gates, by name. Everything is resolved here, so that the model's layer only looks names up. */
#include <stdio.h>
#include <string.h>

#include "spec/reading.h"

#define MOST 2048      /* groups, and gates, of a level: twice as many as tasks */
#define INPUT "input" /* the dense input, readable on every level */

#define WORD(name, word) word,
static const char *const kind_list[] = {GW__WIRED_GATE_ROSTER(WORD)};
static const gw__words kinds = {kind_list, GW__COUNT(kind_list)};

/* One level on its way, with what is below it. */
typedef struct wiring {
    const gw__frame *frame;
    const gw__field *field;
    const gw__level_spec *below; /* NULL at the first level */
    size_t level;
    gw__level_spec *now;
} wiring;

static gw__arena *arena_of(const wiring *w) { return &w->frame->reading->spec->arena; }
static gw_status fail_nomem(const wiring *w) { return gw__fail_nomem(w->frame->reading->err); }

/* ---- documents ---- */

/* `node` as a map whose keys are among `keys`, ending with NULL. */
static gw_status check_keys(const wiring *w, const gw__doc *node, const char *what, const char *const *keys) {
    if (node == NULL || node->kind != GW__DOC_MAP) return gw__fail_value(w->frame, node, "key 'wiring': expected %s as a map of keys", what);
    for (const gw__doc *item = node->first; item != NULL; item = item->next) {
        size_t n = 0, at = 0;
        char list[128] = "";
        while (keys[n] != NULL && !gw__slice_is(item->key, keys[n])) n++;
        if (keys[n] != NULL) continue;
        for (size_t i = 0; keys[i] != NULL; i++) at += (size_t)snprintf(list + at, sizeof list - at, "%s'%s'", i == 0 ? "" : ", ", keys[i]);
        return gw__fail_key(w->frame, item, "unknown key '%.*s' in %s; hint: the keys here are %s", GW__SLICE_ARG(item->key), what, list);
    }
    return GW_OK;
}

static gw_status read_name(const wiring *w, const gw__doc *node, const char *what, const char **ret) {
    gw__slice name = node->key;
    bool plain = name.n > 0 && name.n <= 255 && !gw__slice_is(name, INPUT);
    for (size_t i = 0; i < name.n && plain; i++) plain = name.at[i] != '.' && (unsigned char)name.at[i] >= 0x20 && name.at[i] != 0x7F;
    if (!plain) return gw__fail_key(w->frame, node, "'%.*s' cannot be the name of a %s; hint: letters and '_', and not 'input'", GW__SLICE_ARG(name), what);
    *ret = gw__arena_text(arena_of(w), name.at, name.n);
    return *ret ? GW_OK : fail_nomem(w);
}

static const gw__doc *written(const gw__doc *map, const char *key) {
    const gw__doc *node = map->kind == GW__DOC_MAP ? gw__doc_get(map, key) : NULL;
    return node != NULL && !gw__doc_is_null(node) ? node : NULL;
}

/* ---- what there is to read and to see ---- */

static bool has_stream(const gw__level_spec *level, const char *name) {
    for (size_t i = 0; level != NULL && i < level->n_streams; i++)
        if (strcmp(level->streams[i].name, name) == 0) return true;
    return false;
}

static gw_status check_reads(const wiring *w, const gw__doc *node, const char *name) {
    if (strcmp(name, INPUT) == 0 || has_stream(w->below, name)) return GW_OK;
    return gw__fail_value(w->frame, node, "level %zu reads '%s' but the level below has no such stream; hint: 'input' is the dense input", w->level, name);
}

/* One text, in the spec's memory, as a list. */
static gw_status list_of(const wiring *w, const char *text, gw__texts *ret) {
    const char **at = gw__arena_alloc(arena_of(w), 1, sizeof *at);
    if (at == NULL) return fail_nomem(w);
    at[0] = text;
    *ret = (gw__texts){at, 1};
    return GW_OK;
}

bool gw__level_experts(const gw__level_spec *level, const char *name, uint32_t *ret_first, uint32_t *ret_n) {
    uint32_t first = 0;
    for (size_t g = 0; g < level->n_groups; first += level->groups[g].count, g++) {
        const gw__group_spec *group = &level->groups[g];
        const size_t n = strlen(group->name);
        if (strncmp(name, group->name, n) != 0) continue;
        if (name[n] == '\0') return *ret_first = first, *ret_n = group->count, true;
        if (name[n] != '.' || name[n + 1] == '\0' || (name[n + 1] == '0' && name[n + 2] != '\0')) continue;
        uint32_t index = 0;
        const char *digit = name + n + 1;
        for (; *digit >= '0' && *digit <= '9' && index < GW__SPEC_EXPERTS_LIMIT; digit++) index = index * 10 + (uint32_t)(*digit - '0');
        if (*digit != '\0' || index >= group->count) continue;
        return *ret_first = first + index, *ret_n = 1, true;
    }
    return false;
}

static uint32_t count_experts(const gw__level_spec *level) {
    uint32_t n = 0;
    for (size_t g = 0; g < level->n_groups; g++) n += level->groups[g].count;
    return n;
}

/* Marks the experts that `names` stand for, none of them twice; how many. */
static gw_status mark_experts(const wiring *w, const gw__doc *node, const gw__texts *names, bool *marks, uint32_t *ret_n) {
    *ret_n = 0;
    for (size_t i = 0; i < names->n; i++) {
        uint32_t first, n;
        if (!gw__level_experts(w->now, names->at[i], &first, &n)) {
            return gw__fail_value(w->frame, node, "level %zu has no experts '%s'; hint: the name of a group, or of one expert such as '%s.0'", w->level, names->at[i],
                                  w->now->groups[0].name);
        }
        for (uint32_t e = first; e < first + n; e++) {
            if (marks[e]) return gw__fail_value(w->frame, node, "a gate of level %zu sees '%s' twice", w->level, names->at[i]);
            marks[e] = true;
        }
        *ret_n += n;
    }
    return GW_OK;
}

/* ---- groups of experts ---- */

/* An expert that computes nothing passes a stream on: the dense input has another width than experts have. */
static gw_status read_identity(const wiring *w, const gw__doc *node, gw__group_spec *group) {
    if (node == NULL) return GW_OK;
    if (!gw__scalar_bool(node, &group->identity)) return gw__fail_value(w->frame, node, "group '%s': expected 'identity' as true or false", group->name);
    for (size_t i = 0; group->identity && i < group->reads.n; i++) {
        if (strcmp(group->reads.at[i], INPUT) != 0) continue;
        return gw__fail_value(w->frame, node, "group '%s': an identity passes on a stream of the level below, and not the input", group->name);
    }
    return GW_OK;
}

static gw_status read_group(const wiring *w, const gw__doc *node, gw__group_spec *group) {
    static const char *const keys[] = {"count", "reads", "identity", NULL};
    gw_status status = read_name(w, node, "group of experts", &group->name);
    if (status == GW_OK && node->kind != GW__DOC_SCALAR) status = check_keys(w, node, "a group of experts", keys);
    if (status != GW_OK) return status;
    const gw__doc *count = node->kind == GW__DOC_SCALAR ? node : written(node, "count"), *reads = written(node, "reads");
    uint64_t n = 1;
    if (count != NULL && (!gw__scalar_count(count, &n) || n < 1 || n > GW__SPEC_EXPERTS_LIMIT)) {
        return gw__fail_value(w->frame, count, "group '%s': expected a whole number from 1 to %d of experts", group->name, GW__SPEC_EXPERTS_LIMIT);
    }
    group->count = (uint32_t)n;
    if (reads == NULL) {
        if (w->below != NULL && !has_stream(w->below, group->name)) {
            return gw__fail_key(w->frame, node, "group '%s' of level %zu has nothing to read: the level below has no stream of its name; hint: 'reads'", group->name, w->level);
        }
        status = list_of(w, w->below == NULL ? INPUT : group->name, &group->reads);
        return status == GW_OK ? read_identity(w, written(node, "identity"), group) : status;
    }
    status = gw__node_texts(w->frame, w->field, reads, &group->reads);
    if (status == GW_OK && group->reads.n != 1 && group->reads.n != group->count) {
        status = gw__fail_value(w->frame, reads, "group '%s': expected one stream to read, or one for each of its %u experts, but found %zu", group->name,
                               group->count, group->reads.n);
    }
    for (size_t i = 0; status == GW_OK && i < group->reads.n; i++) status = check_reads(w, reads, group->reads.at[i]);
    return status == GW_OK ? read_identity(w, written(node, "identity"), group) : status;
}

static gw_status read_groups(const wiring *w, const gw__doc *node) {
    if (node == NULL || node->kind != GW__DOC_MAP || node->n == 0) return gw__fail_value(w->frame, node, "level %zu: expected 'experts' as a map from groups to counts", w->level);
    if (node->n > MOST) return gw__fail_value(w->frame, node, "%zu groups a level are more than %d", node->n, MOST);
    gw__group_spec *groups = gw__arena_alloc(arena_of(w), node->n, sizeof *groups);
    if (groups == NULL) return fail_nomem(w);
    w->now->groups = groups;
    uint64_t total = 0;
    for (const gw__doc *item = node->first; item != NULL; item = item->next) {
        gw_status status = read_group(w, item, &groups[w->now->n_groups]);
        if (status != GW_OK) return status;
        total += groups[w->now->n_groups++].count;
    }
    return total <= 65536 ? GW_OK : gw__fail_value(w->frame, node, "%llu experts a level are more than 65536", (unsigned long long)total);
}

/* ---- gates ---- */

static gw_status read_kind(const wiring *w, const gw__doc *node, gw__wired_gate *ret) {
    unsigned word = 0;
    if (node != NULL && !gw__scalar_word(node, &kinds, &word)) {
        return gw__fail_value(w->frame, node, "key 'kind': expected one of softmax, average, stitch, connect but found '%.*s'", GW__SLICE_ARG(node->text));
    }
    *ret = (gw__wired_gate)word;
    return GW_OK;
}

static gw_status read_reads(const wiring *w, const gw__doc *node, gw__stream_spec *stream) {
    if (node == NULL) {
        stream->reads = has_stream(w->below, stream->name) ? stream->name : INPUT;
        return GW_OK;
    }
    gw_status status = gw__scalar_text(w->frame, w->field, node, &stream->reads);
    return status == GW_OK ? check_reads(w, node, stream->reads) : status;
}

/* `marks`: room for what is seen, and for what is a residual. */
static gw_status read_gate(const wiring *w, const gw__doc *node, gw__stream_spec *stream, bool *seen, bool *marks) {
    static const char *const keys[] = {"sees", "reads", "kind", "residual", NULL};
    const uint32_t n_experts = count_experts(w->now);
    const bool map = node->kind == GW__DOC_MAP;
    uint32_t n;
    gw_status status = read_name(w, node, "stream", &stream->name);
    if (status == GW_OK && map) status = check_keys(w, node, "a gate", keys);
    if (status != GW_OK) return status;
    const gw__doc *sees = map ? written(node, "sees") : node, *residual = written(node, "residual");
    memset(marks, 0, 2 * (size_t)n_experts * sizeof *marks);
    if (sees == NULL) return gw__fail_value(w->frame, node, "gate '%s' of level %zu needs 'sees'", stream->name, w->level);
    GW__TRY(gw__node_texts(w->frame, w->field, sees, &stream->sees));
    GW__TRY(mark_experts(w, sees, &stream->sees, marks, &stream->n_experts));
    if (stream->n_experts == 0) GW__FAIL(gw__fail_value(w->frame, sees, "gate '%s' of level %zu sees no expert", stream->name, w->level));
    for (uint32_t e = 0; e < n_experts; e++) seen[e] |= marks[e];
    GW__TRY(read_kind(w, written(node, "kind"), &stream->kind));
    GW__TRY(read_reads(w, written(node, "reads"), stream));
    if (residual != NULL) {
        GW__TRY(gw__node_texts(w->frame, w->field, residual, &stream->residual));
        GW__TRY(mark_experts(w, residual, &stream->residual, marks + n_experts, &n));
        if (stream->kind > GW__WIRED_AVERAGE) GW__FAIL(gw__fail_value(w->frame, residual, "gate '%s': a residual belongs to kind 'softmax' or 'average'", stream->name));
        if (stream->n_experts == 1 && n > 0) GW__FAIL(gw__fail_value(w->frame, residual, "gate '%s' sees one expert, which is its stream: it has no residual", stream->name));
        for (uint32_t e = 0; e < n_experts; e++) seen[e] |= marks[n_experts + e];
    }
cleanup:
    return status;
}

/* An expert that nothing sees would never learn. */
static gw_status check_seen(const wiring *w, const gw__doc *node, const bool *seen) {
    uint32_t first = 0;
    for (size_t g = 0; g < w->now->n_groups; first += w->now->groups[g].count, g++) {
        for (uint32_t i = 0; i < w->now->groups[g].count; i++) {
            if (!seen[first + i]) return gw__fail_value(w->frame, node, "no gate of level %zu sees expert '%s.%u'", w->level, w->now->groups[g].name, i);
        }
    }
    return GW_OK;
}

static gw_status read_gates(const wiring *w, const gw__doc *node) {
    if (node == NULL || node->kind != GW__DOC_MAP || node->n == 0)
        return gw__fail_value(w->frame, node, "level %zu: expected 'gates' as a map from streams to what they see", w->level);
    if (node->n > MOST) return gw__fail_value(w->frame, node, "%zu gates a level are more than %d", node->n, MOST);
    const size_t n_experts = count_experts(w->now);
    gw__stream_spec *streams = gw__arena_alloc(arena_of(w), node->n, sizeof *streams);
    bool *seen = gw__arena_alloc(w->frame->reading->scratch, 3 * n_experts, sizeof *seen);
    if (streams == NULL || seen == NULL) return fail_nomem(w);
    size_t n = 0;
    for (const gw__doc *item = node->first; item != NULL; item = item->next, n++) {
        gw_status status = read_gate(w, item, &streams[n], seen, seen + n_experts);
        if (status != GW_OK) return status;
    }
    w->now->streams = streams;
    w->now->n_streams = n;
    return check_seen(w, node, seen);
}

/* ---- every stream is read ---- */

static bool group_reads(const gw__level_spec *level, const char *stream) {
    for (size_t g = 0; g < level->n_groups; g++)
        for (size_t i = 0; i < level->groups[g].reads.n; i++)
            if (strcmp(level->groups[g].reads.at[i], stream) == 0) return true;
    return false;
}

/* Of gates only those that have logits read anything. */
static bool gate_reads(const gw__level_spec *level, const char *stream) {
    for (size_t i = 0; i < level->n_streams; i++) {
        const gw__stream_spec *gate = &level->streams[i];
        if (gate->kind == GW__WIRED_SOFTMAX && gate->n_experts > 1 && strcmp(gate->reads, stream) == 0) return true;
    }
    return false;
}

static gw_status check_below(const wiring *w, const gw__doc *node) {
    for (size_t i = 0; w->below != NULL && i < w->below->n_streams; i++) {
        const char *name = w->below->streams[i].name;
        if (!group_reads(w->now, name) && !gate_reads(w->now, name)) {
            return gw__fail_value(w->frame, node, "nothing of level %zu reads stream '%s' of the level below", w->level, name);
        }
    }
    return GW_OK;
}

/* ---- towers ---- */

static gw_status read_tower(const wiring *w, const gw__doc *towers, const gw__task_spec *task, const char **ret) {
    const gw__doc *node = towers != NULL ? written(towers, task->name) : NULL;
    *ret = task->name;
    if (node != NULL) {
        gw_status status = gw__scalar_text(w->frame, w->field, node, ret);
        if (status != GW_OK) return status;
    } else if (!has_stream(w->now, *ret)) {
        *ret = "all";
    }
    if (has_stream(w->now, *ret)) return GW_OK;
    return gw__fail_value(w->frame, node, "the tower of task '%s' needs a stream of the last level: '%s', 'all', or what 'towers' says", task->name, node ? *ret : task->name);
}

static gw_status read_towers(const wiring *w, const gw__doc *node, gw__wiring_spec *spec) {
    const gw__spec *whole = w->frame->reading->spec;
    const char **towers = gw__arena_alloc(arena_of(w), whole->n_tasks, sizeof *towers);
    if (towers == NULL) return fail_nomem(w);
    if (node != NULL && node->kind != GW__DOC_MAP) return gw__fail_value(w->frame, node, "key 'wiring': expected 'towers' as a map from tasks to streams");
    for (const gw__doc *item = node ? node->first : NULL; item != NULL; item = item->next) {
        size_t t = 0;
        while (t < whole->n_tasks && !gw__slice_is(item->key, whole->tasks[t].name)) t++;
        if (t == whole->n_tasks) return gw__fail_key(w->frame, item, "no task is named '%.*s'", GW__SLICE_ARG(item->key));
    }
    for (size_t t = 0; t < whole->n_tasks; t++) {
        if (!gw__task_has_tower(&whole->tasks[t])) continue;
        gw_status status = read_tower(w, node, &whole->tasks[t], &towers[t]);
        if (status != GW_OK) return status;
    }
    spec->towers = towers;
    for (size_t i = 0; i < w->now->n_streams; i++) {
        size_t t = 0;
        while (t < whole->n_tasks && (towers[t] == NULL || strcmp(towers[t], w->now->streams[i].name) != 0)) t++;
        if (t == whole->n_tasks) return gw__fail_value(w->frame, node, "no tower reads stream '%s' of the last level", w->now->streams[i].name);
    }
    return GW_OK;
}

/* ---- the whole ---- */

gw_status gw__form_wiring(const gw__frame *frame, const gw__field *field, const gw__doc *node) {
    static const char *const keys[] = {"levels", "towers", NULL}, *const level_keys[] = {"experts", "gates", NULL};
    gw__spec *spec = frame->reading->spec;
    gw_status status = GW_OK;
    wiring w = {.frame = frame, .field = field};
    GW__TRY(check_keys(&w, node, "the wiring", keys));
    const gw__doc *list = written(node, "levels");
    if (list == NULL || list->kind != GW__DOC_LIST || list->n != spec->model.levels) {
        return gw__fail_value(frame, list ? list : node, "key 'wiring': expected 'levels' as a list, one map per level, and as many as 'model.levels' says, if it is there");
    }
    gw__level_spec *levels = gw__arena_alloc(&spec->arena, list->n, sizeof *levels);
    if (levels == NULL) return gw__fail_nomem(frame->reading->err);
    const gw__doc *item = list->first;
    for (; w.level < list->n; w.level++, item = item->next) {
        w.now = &levels[w.level];
        w.below = w.level ? w.now - 1 : NULL;
        GW__TRY(check_keys(&w, item, "a level", level_keys));
        GW__TRY(read_groups(&w, written(item, "experts")));
        GW__TRY(read_gates(&w, written(item, "gates")));
        GW__TRY(check_below(&w, item));
    }
    spec->model.wiring.levels = levels;
    spec->model.wiring.n_levels = list->n;
    GW__TRY(read_towers(&w, written(node, "towers"), &spec->model.wiring));
cleanup:
    return status;
}
