/* The first key in which two specs differ. Both are canonical JSON, so equal specs are equal trees. */
#include <stdio.h>
#include <string.h>

#include "train/run.h"

/* A place in the tree, written as one would write the key: train.optimizer.lr, model.experts.hidden[0]. */
typedef struct trail {
    char text[200];
    size_t n;
} trail;

static trail step_into(const trail *from, const gw__doc *child, size_t index, bool in_list) {
    trail to = *from;
    char *at = to.text + to.n;
    size_t room = sizeof to.text - to.n;
    int n = in_list ? snprintf(at, room, "[%zu]", index) : snprintf(at, room, "%s%.*s", to.n ? "." : "", GW__SLICE_ARG(child->key));
    to.n = n > 0 && (size_t)n < room ? to.n + (size_t)n : sizeof to.text - 1;
    return to;
}

static void show(const gw__doc *node, char out[96]) {
    if (!node)
        snprintf(out, 96, "not there");
    else if (node->kind == GW__DOC_SCALAR)
        snprintf(out, 96, "'%.*s'", GW__SLICE_ARG(node->text));
    else
        snprintf(out, 96, "a %s of %zu", node->kind == GW__DOC_LIST ? "list" : "map", node->n);
}

/* The children that differ first; nodes themselves if they do. False if the trees are equal. */
static bool differ(const gw__doc *a, const gw__doc *b, const trail *at, trail *ret_at, const gw__doc **ret_a, const gw__doc **ret_b) {
    *ret_at = *at;
    *ret_a = a;
    *ret_b = b;
    if (!a || !b || a->kind != b->kind) return true;
    if (a->kind == GW__DOC_SCALAR) return a->quoted != b->quoted || !gw__slice_equal(a->text, b->text);
    bool list = a->kind == GW__DOC_LIST;
    if (list && a->n != b->n) return true;
    const gw__doc *other = b->first;
    size_t i = 0;
    for (const gw__doc *child = a->first; child; child = child->next, i++, other = other ? other->next : NULL) {
        trail next = step_into(at, child, i, list);
        if (differ(child, list ? other : gw__doc_get(b, child->key.at), &next, ret_at, ret_a, ret_b)) return true;
    }
    for (const gw__doc *child = b->first; child && !list; child = child->next) {
        if (gw__doc_get(a, child->key.at)) continue;
        trail next = step_into(at, child, 0, false);
        return differ(NULL, child, &next, ret_at, ret_a, ret_b);
    }
    return false;
}

static gw_status tree_of(const gw__spec *spec, gw__arena *arena, gw__text *json, gw__doc **ret_doc, gw_error *err) {
    gw_status status = gw__spec_write_json(spec, json, err);
    if (status == GW_OK && json->failed) status = gw__fail_nomem(err);
    return status == GW_OK ? gw__doc_parse_json(json->at, json->n, "spec", arena, ret_doc, err) : status;
}

gw_status gw__spec_same(const gw__spec *spec, const gw__spec *other, const char *other_name, gw_error *err) {
    gw_status status = GW_OK;
    gw__arena arena = {0};
    gw__text texts[2] = {{0}};
    gw__doc *trees[2];
    trail root = {.n = 0}, at;
    const gw__doc *mine, *its;
    GW__TRY(tree_of(spec, &arena, &texts[0], &trees[0], err));
    GW__TRY(tree_of(other, &arena, &texts[1], &trees[1], err));
    if (differ(trees[0], trees[1], &root, &at, &mine, &its)) {
        char a[96], b[96];
        show(mine, a);
        show(its, b);
        status = gw__fail_at(err, GW_E_CONFIG, at.text, 0, 0, "the spec is not the checkpoint's: found %s but '%s' began with %s; "
                             "hint: a run is resumed with the spec it began with; --init starts a new one from a model", a, other_name, b);
    }
cleanup:
    gw__text_clear(&texts[0]);
    gw__text_clear(&texts[1]);
    gw__arena_clear(&arena);
    return status;
}
