/* Planning what a network reads: slots and embedding tables. */
#include <string.h>

#include "model/net_builder.h"

/* Numbers that are neighbours in the record and in the dense input are moved together. */
static bool joins(const gw__slot *last, const gw__slot *next) {
    return last->kind == GW__SLOT_NUMBER && next->kind == GW__SLOT_NUMBER && next->index == last->index + last->width &&
           next->dense_at == last->dense_at + last->width;
}

gw_status gw__plan_input(gw__builder *b, const gw__input *input) {
    gw__net *net = b->net;
    gw__input copies;
    if (net->wiring.copies) {
        gw_status status = gw__plan_copies(b, input, net->wiring.copies, &copies);
        if (status != GW_OK) return status;
        input = &copies;
    }
    gw__slot *slots = gw__arena_alloc(&net->arena, input->n_slots, sizeof *slots);
    gw__table_shape *tables = gw__arena_alloc(&net->arena, input->n_tables + 1, sizeof *tables);
    net->moves = gw__arena_alloc(&net->arena, input->n_slots, sizeof *net->moves);
    if (!slots || !tables || !net->moves) return gw__fail_nomem(b->err);
    memcpy(slots, input->slots, input->n_slots * sizeof *slots);
    for (size_t i = 0; i < input->n_slots; i++) {
        if (net->n_moves && joins(&net->moves[net->n_moves - 1], &slots[i])) net->moves[net->n_moves - 1].width += slots[i].width;
        else net->moves[net->n_moves++] = slots[i];
    }
    for (size_t i = 0; i < input->n_tables; i++) {
        tables[i] = input->tables[i];
        tables[i].name = gw__arena_text(&net->arena, input->tables[i].name, strlen(input->tables[i].name));
        if (!tables[i].name) return gw__fail_nomem(b->err);
    }
    net->input = *input;
    net->input.slots = slots;
    net->input.tables = tables;
    net->dense = (gw__view){.space = GW__SPACE_DENSE, .width = input->width, .ld = gw__row_floats(input->width)};
    return GW_OK;
}

gw_status gw__plan_tables(gw__builder *b) {
    gw__net *net = b->net;
    net->table_at = gw__arena_alloc(&net->arena, net->input.n_tables + 1, sizeof *net->table_at);
    if (!net->table_at) return gw__fail_nomem(b->err);
    for (size_t i = 0; i < net->input.n_tables; i++) {
        const gw__table_shape *table = &net->input.tables[i];
        size_t floats;
        if (!gw__mul_size(table->rows, table->dim, &floats) || floats > SIZE_MAX / 64 - net->flat_floats) {
            return gw__fail_at(b->err, GW_E_LIMIT, table->name, 0, 0, "the embedding table has too many rows: %llu", (unsigned long long)table->rows);
        }
        net->table_at[i] = gw__plan_floats(b, floats);
        gw__placement p = {.shown = {.n_dims = 2, .shape = {table->rows, table->dim}, .trained = true, .table = true}, .storage = GW__STORED_TABLE, .at = net->table_at[i],
                           .order = i};
        gw__text name = {0}; /* a column's name may be of any length */
        gw__text_addf(&name, "embedding.%s.weight", table->name);
        gw_status status = gw__plan_placement(b, p, name.failed ? NULL : gw__arena_text(&net->arena, name.at, name.n));
        gw__text_clear(&name);
        if (status != GW_OK) return status;
    }
    return GW_OK;
}
