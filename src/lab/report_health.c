/* Health: sentences first, then the figures that they speak of. */
#include "lab/report_parts.h"

void gw__part_health(const gw__report *report, gw__text *out) {
    const gw__report_health *health = report->health;
    if (!health || (!health->checked && health->n_warnings + health->n_tables + health->n_matrices == 0)) return;
    gw__section_begin(out, "health", "Health", health->lead);
    if (health->n_warnings > 0) {
        gw__text_puts(out, "<ul class=\"warnings\">\n");
        for (size_t i = 0; i < health->n_warnings; i++) {
            gw__markup_element(out, "li", NULL, health->warnings[i]);
            gw__text_putc(out, '\n');
        }
        gw__text_puts(out, "</ul>\n");
    } else if (health->checked) {
        gw__text_puts(out, "<p class=\"well\">Nothing to warn of was found.</p>\n");
    }
    if (health->n_tables + health->n_matrices > 0) {
        gw__grid_begin(out, "maps");
        for (size_t i = 0; i < health->n_tables; i++) gw__table_write(&health->tables[i], out);
        for (size_t i = 0; i < health->n_matrices; i++) gw__matrix_write(&health->matrices[i], out);
        gw__grid_end(out);
    }
    gw__section_end(out);
}
