/* Copies of the dense input, each with embedding tables of its own (STEM, AAAI 2024): one per task and, the last, one that all tasks share; numbers stand
 * in every copy. And what keeps tasks apart that see each other's experts: sums of inputs, and values that pass no gradient on. */
#include <float.h>
#include <string.h>

#include "model/net_builder.h"

/* ---- operators ---------------------------------------------------------------------------------------------------------------------- */

static float within_floats(float value) { return value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value; }

/* sum: y = x_0 + x_1, cut off at the largest float: two inputs that are there have a sum.   backward: dx_i = or += dy, where anything below learns. */
void gw__sum_forward(const gw__op *op, const gw__pass *pass) {
    const float *a = gw__pass_x(pass, &op->experts[0]), *b = gw__pass_x(pass, &op->experts[1]);
    float *y = gw__pass_x(pass, &op->y);
    for (size_t r = 0; r < pass->rows; r++, a += op->experts[0].ld, b += op->experts[1].ld, y += op->y.ld) {
        for (size_t j = 0; j < op->y.width; j++) y[j] = within_floats(a[j] + b[j]);
    }
}

void gw__sum_backward(const gw__op *op, const gw__pass *pass) {
    for (uint32_t i = 0; i < op->n_experts && op->need_dx; i++) {
        const float *dy = gw__pass_dx(pass, &op->y);
        float *dx = gw__pass_dx(pass, &op->experts[i]);
        for (size_t r = 0; r < pass->rows; r++, dx += op->experts[i].ld, dy += op->y.ld) {
            if (op->expert_add[i]) for (size_t j = 0; j < op->y.width; j++) dx[j] += dy[j];
            else memcpy(dx, dy, op->y.width * sizeof *dx);
        }
    }
}

/* detach: y = x.   backward: nothing. */
void gw__detach_forward(const gw__op *op, const gw__pass *pass) {
    const float *x = gw__pass_x(pass, &op->x);
    float *y = gw__pass_x(pass, &op->y);
    for (size_t r = 0; r < pass->rows; r++) memcpy(y + r * op->y.ld, x + r * op->x.ld, op->y.width * sizeof *y);
}

void gw__detach_backward(const gw__op *op, const gw__pass *pass) {
    (void)op;
    (void)pass;
}

/* ---- planning ----------------------------------------------------------------------------------------------------------------------- */

#define ENTRIES_LIMIT (1u << 22) /* slots or tables of all copies */
#define WIDTH_LIMIT (1u << 28)

/* "city.click": the table of a copy, as in embedding.city.click.weight; a feature's own name holds no '.' any more. */
static const char *table_name(gw__builder *b, const char *feature, uint32_t copy, uint32_t copies) {
    gw__text text = {0};
    gw__text_addf(&text, "%s.%s", feature, copy + 1 == copies ? "shared" : b->spec->tasks[copy].name);
    const char *name = text.failed ? NULL : gw__arena_text(&b->net->arena, text.at, text.n);
    gw__text_clear(&text);
    return name;
}

gw_status gw__plan_copies(gw__builder *b, const gw__input *input, uint32_t copies, gw__input *ret_input) {
    if (input->n_slots > ENTRIES_LIMIT / copies || input->n_tables > ENTRIES_LIMIT / copies || input->width > WIDTH_LIMIT / copies) {
        return gw__fail(b->err, GW_E_LIMIT, "%u inputs for each of %u tasks are too many", input->width, copies - 1);
    }
    gw__slot *slots = gw__arena_alloc(&b->net->arena, input->n_slots * copies, sizeof *slots);
    gw__table_shape *tables = gw__arena_alloc(&b->net->arena, input->n_tables * copies + 1, sizeof *tables);
    if (!slots || !tables) return gw__fail_nomem(b->err);
    for (uint32_t c = 0; c < copies; c++) {
        for (size_t s = 0; s < input->n_slots; s++) {
            gw__slot *slot = &slots[c * input->n_slots + s];
            *slot = input->slots[s];
            slot->dense_at += c * input->width;
            slot->table = slot->table * copies + c;
        }
        for (size_t i = 0; i < input->n_tables; i++) {
            gw__table_shape *table = &tables[i * copies + c];
            *table = input->tables[i];
            table->name = table_name(b, input->tables[i].name, c, copies);
            if (!table->name) return gw__fail_nomem(b->err);
        }
    }
    *ret_input = *input;
    ret_input->slots = slots;
    ret_input->tables = tables;
    ret_input->n_slots *= copies;
    ret_input->n_tables *= copies;
    ret_input->width *= copies;
    return GW_OK;
}

gw_status gw__plan_sum(gw__builder *b, gw__view x, gw__view also, gw__view *ret_sum) {
    gw__view *parts = gw__arena_alloc(&b->net->arena, 2, sizeof *parts);
    bool *add = gw__arena_alloc(&b->net->arena, 2, sizeof *add);
    if (!parts || !add) return gw__fail_nomem(b->err);
    parts[0] = x;
    parts[1] = also;
    *ret_sum = gw__plan_buffer(b, x.width);
    return gw__plan_op(b, (gw__op){.kind = GW__OP_SUM, .x = x, .experts = parts, .expert_add = add, .n_experts = 2, .y = *ret_sum,
                                   .need_dx = x.space != GW__SPACE_DENSE || b->net->input.n_tables > 0});
}

gw_status gw__plan_detached(gw__builder *b, const gw__wire_gate *wire, gw__view *detached, gw__view *seen) {
    gw_status status = GW_OK;
    for (uint32_t i = 0; wire->stopped && i < wire->n_experts; i++) {
        gw__view *copy = &detached[wire->experts[i]];
        if (!wire->stopped[i]) continue;
        if (copy->width == 0) {
            *copy = gw__plan_buffer(b, seen[i].width);
            GW__TRY(gw__plan_op(b, (gw__op){.kind = GW__OP_DETACH, .x = seen[i], .y = *copy}));
        }
        seen[i] = *copy;
    }
cleanup:
    return status;
}
