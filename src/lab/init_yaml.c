/* Writing a first spec: YAML with a comment for every guess. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "lab/init_plan.h"

#define COMMENT_AT 56 /* comments begin here where the line allows */
#define SMALL_TABLE 200 /* rows; fewer are too few to keep a part for validation */

static const char *const type_words[] = {
#define X(name, word, loss, chief) word,
    GW__TASK_ROSTER(X)
#undef X
};

/* ---- YAML scalars ---- */

static bool is_plain(gw__slice text) {
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    if (text.n == 0) return false;
    for (size_t i = 0; i < GW__COUNT(words); i++)
        if (text.n == strlen(words[i]) && strncasecmp(text.at, words[i], text.n) == 0) return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool inner = (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '/' || c == '+';
        if (!letter && !(i == 0 ? c == '/' : inner)) return false;
    }
    return true;
}

/* Code points that YAML does not take as they are. */
static bool needs_escape(uint32_t c) {
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE || c == 0xFFFF;
}

static size_t decode(const char *at, size_t n, uint32_t *ret_code) {
    unsigned char c = (unsigned char)at[0];
    size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    if (length > n) length = 1;
    uint32_t code = length == 1 ? c : c & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) code = code << 6 | ((unsigned char)at[i] & 0x3F);
    *ret_code = code;
    return length;
}

static void add_scalar(gw__text *out, gw__slice text) {
    if (is_plain(text)) {
        gw__text_add(out, text.at, text.n);
        return;
    }
    gw__text_putc(out, '"');
    for (size_t i = 0; i < text.n;) {
        uint32_t code;
        size_t length = decode(text.at + i, text.n - i, &code);
        if (code == '"' || code == '\\') gw__text_putc(out, '\\');
        if (needs_escape(code))
            gw__text_addf(out, "\\u%04" PRIX32, code);
        else
            gw__text_add(out, text.at + i, length);
        i += length;
    }
    gw__text_putc(out, '"');
}

static void add_name(gw__text *out, const char *name) {
    add_scalar(out, gw__slice_of(name));
}

/* Blanks up to the column of comments, counted from where the line began. */
static void add_comment_mark(gw__text *out, size_t line_start) {
    size_t width = out->n > line_start ? gw__utf8_width(out->at + line_start, out->n - line_start) : 0;
    gw__text_puts(out, "  ");
    for (; width + 2 < COMMENT_AT; width++) gw__text_putc(out, ' ');
    gw__text_puts(out, "# ");
}

static void add_percent(gw__text *out, int64_t part, int64_t whole) {
    long permille = whole > 0 ? lround(1000.0 * (double)part / (double)whole) : 0;
    if (permille == 0 && part > 0)
        gw__text_puts(out, "under 0.1 %");
    else
        gw__text_addf(out, "%ld.%ld %%", permille / 10, permille % 10);
}

/* ---- sections ---- */

static void write_head(const gw__init_plan *plan, const gw__init_source *source, gw__text *out) {
    const char *path = source->data->paths[0], *slash = strrchr(path, '/');
    gw__text_puts(out, "# A first spec, guessed from ");
    gw__init_add_shown(out, gw__slice_of(slash && slash[1] ? slash + 1 : path));
    if (source->data->n_paths > 1) gw__text_puts(out, " and more");
    if (plan->profiles->whole)
        gw__text_addf(out, ": %" PRId64 " rows, %zu columns.\n", plan->profiles->rows, plan->profiles->n_columns);
    else
        gw__text_addf(out, ": its first %" PRId64 " rows, %zu columns.\n", plan->profiles->rows, plan->profiles->n_columns);
    gw__text_puts(out, "# Every guess has its reason beside it; change what you know better, then: gatewright train THIS_FILE -o model.gw\n");
}

static void write_train_paths(const gw__init_source *source, gw__text *out) {
    size_t at = out->n;
    gw__text_puts(out, "  train: ");
    if (source->data->n_paths > 1) gw__text_putc(out, '[');
    for (size_t i = 0; i < source->data->n_paths; i++) {
        if (i > 0) gw__text_puts(out, ", ");
        add_name(out, source->data->paths[i]);
    }
    if (source->data->n_paths > 1) gw__text_putc(out, ']');
    if (strcmp(source->data->paths[0], "-") == 0) {
        add_comment_mark(out, at);
        gw__text_puts(out, "standard input: put the file's name here");
    }
    gw__text_putc(out, '\n');
}

static void write_data(const gw__init_plan *plan, const gw__init_source *source, gw__text *out) {
    gw__text_puts(out, "\ndata:\n");
    write_train_paths(source, out);
    if (plan->profiles->rows >= SMALL_TABLE) {
        size_t at = out->n;
        gw__text_puts(out, "  valid: {fraction: 0.1}");
        add_comment_mark(out, at);
        gw__text_puts(out, "or a file; by time: {column: date, from: 20220501}; by group: {column: user_id, fraction: 0.1}\n");
    }
    gw__text_puts(out, "  # test: test.csv\n");
    if (source->data->header && strcmp(source->data->header, "true") != 0) {
        gw__text_puts(out, "  header: ");
        add_name(out, source->data->header);
        gw__text_putc(out, '\n');
    }
    if (source->separator == '\t') {
        gw__text_puts(out, "  separator: tab\n");
    } else if (source->separator) {
        gw__text_puts(out, "  separator: ");
        add_scalar(out, (gw__slice){&source->separator, 1});
        gw__text_putc(out, '\n');
    }
    bool first = true;
    size_t at = out->n;
    for (size_t i = 0; i < GW__SUSPECTS; i++) {
        if (!plan->profiles->declared[i]) continue;
        gw__text_puts(out, first ? "  missing: [" : ", ");
        gw__text_addf(out, "\"%s\"", gw__suspects[i]); /* quoted always: NULL, null and - are YAML of their own */
        first = false;
    }
    if (first) return;
    gw__text_putc(out, ']');
    add_comment_mark(out, at);
    gw__text_puts(out, "texts that mean 'no value', besides the empty cell\n");
}

static void write_examples(const gw__init_plan *plan, const gw__profile *column, gw__text *out) {
    int shown = 0;
    for (size_t i = 0; shown < 3 && i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        if (gw__profile_is_missing(plan->profiles, column->kept[i].text)) continue;
        gw__text_puts(out, shown == 0 ? ": " : ", ");
        gw__init_add_shown(out, column->kept[i].text);
        shown++;
    }
    if (shown > 0 && gw__profile_distinct(plan->profiles, column) > (size_t)shown) gw__text_puts(out, ", …");
}

static void write_facts(const gw__init_plan *plan, const gw__profile *column, gw__text *out) {
    gw__text_addf(out, "%s%zu distinct", column->many ? "over " : "", gw__profile_distinct(plan->profiles, column));
    int64_t missing = gw__profile_missing(plan->profiles, column);
    if (missing > 0) {
        gw__text_puts(out, ", ");
        add_percent(out, missing, plan->profiles->rows);
        gw__text_puts(out, " missing");
    }
    write_examples(plan, column, out);
}

static void write_ignored(const gw__init_plan *plan, gw__text *out) {
    bool first = true;
    for (size_t i = 0; i < plan->profiles->n_columns; i++) {
        const gw__column_plan *guess = &plan->columns[i];
        if (guess->role != GW__ROLE_IGNORED) continue;
        if (first) gw__text_puts(out, "  ignore:\n");
        first = false;
        size_t at = out->n;
        gw__text_puts(out, "    - ");
        add_name(out, plan->profiles->columns[i].name);
        add_comment_mark(out, at);
        gw__text_puts(out, guess->reason);
        write_examples(plan, &plan->profiles->columns[i], out);
        gw__text_putc(out, '\n');
    }
    if (first) gw__text_puts(out, "  ignore: []\n");
}

static void write_settings(const gw__column_plan *guess, gw__text *out) {
    gw__text_puts(out, "{type: ");
    switch (guess->type) {
    case GW__FEATURE_NUMERIC:
        gw__text_puts(out, "numeric");
        if (guess->log1p) gw__text_puts(out, ", transform: [log1p, standard]");
        if (guess->indicator) gw__text_puts(out, ", indicator: true");
        break;
    case GW__FEATURE_HASHED:
        gw__text_addf(out, "hashed, buckets: %" PRIu64, guess->buckets);
        break;
    case GW__FEATURE_BAG:
        gw__text_addf(out, "bag, separator: \"%s\"", guess->separator);
        break;
    default:
        gw__text_puts(out, "categorical");
    }
    gw__text_putc(out, '}');
}

static void write_features(const gw__init_plan *plan, gw__text *out) {
    gw__text_puts(out, "\nfeatures:\n"
                       "  # Every column that is neither a label nor ignored is an input. Ignore what is not known yet when you predict.\n");
    write_ignored(plan, out);
    gw__text_puts(out, "  columns:\n");
    for (size_t i = 0; i < plan->profiles->n_columns; i++) {
        const gw__column_plan *guess = &plan->columns[i];
        if (guess->role != GW__ROLE_FEATURE) continue;
        size_t at = out->n;
        gw__text_puts(out, "    ");
        add_name(out, plan->profiles->columns[i].name);
        gw__text_puts(out, ": ");
        write_settings(guess, out);
        add_comment_mark(out, at);
        write_facts(plan, &plan->profiles->columns[i], out);
        if (guess->reason) {
            gw__text_puts(out, "; ");
            gw__text_puts(out, guess->reason);
        }
        gw__text_putc(out, '\n');
    }
}

static void write_classes(const gw__init_plan *plan, const gw__profile *column, gw__text *out) {
    const char *before = ", classes: [";
    for (size_t i = 0; i < column->n_distinct && i < GW__PROFILE_VALUES; i++) {
        if (gw__profile_is_missing(plan->profiles, column->kept[i].text)) continue;
        gw__text_puts(out, before);
        add_scalar(out, column->kept[i].text);
        before = ", ";
    }
    gw__text_putc(out, ']');
}

static void write_tasks(const gw__init_plan *plan, gw__text *out) {
    gw__text_puts(out, "\ntasks:\n  # Types:");
    for (size_t i = 0; i < GW__COUNT(type_words); i++) gw__text_addf(out, "%s %s", i > 0 ? "," : "", type_words[i]);
    gw__text_puts(out, ". Further keys: weight; row_weight; given: another task that must be 1; group: a user's id, for the AUC within each.\n");
    for (size_t t = 0; t < plan->n_tasks; t++) {
        const gw__task_plan *task = &plan->tasks[t];
        const gw__profile *column = &plan->profiles->columns[task->column];
        gw__text_puts(out, "  # ");
        write_facts(plan, column, out);
        gw__text_addf(out, "; %s\n  ", task->reason);
        add_name(out, task->name);
        gw__text_addf(out, ": {type: %s, label: ", gw__task_type_name(task->type));
        add_name(out, column->name);
        if (task->positive.at) {
            gw__text_puts(out, ", positive: ");
            add_scalar(out, task->positive);
        }
        if (task->lists_classes) write_classes(plan, column, out);
        if (task->weight != 1) {
            gw__text_puts(out, ", weight: ");
            gw__init_add_number(out, task->weight);
        }
        gw__text_puts(out, "}\n");
    }
}

static void write_line(gw__text *out, const char *line, const char *comment) {
    size_t at = out->n;
    gw__text_puts(out, line);
    if (comment) {
        add_comment_mark(out, at);
        gw__text_puts(out, comment);
    }
    gw__text_putc(out, '\n');
}

static void write_model(const gw__init_plan *plan, gw__text *out) {
    bool several = plan->n_tasks > 1;
    gw__text_puts(out, "\nmodel:\n  # Architectures:");
    for (int a = 0, shown = 0; a < GW__ARCHITECTURES; a++) {
        if (several && (a == GW__ARCH_MOE || a == GW__ARCH_LOCAL_EXPERTS)) continue; /* of one task */
        gw__text_addf(out, "%s %s", shown++ ? "," : "", gw__architecture_name((gw__architecture)a));
    }
    gw__text_putc(out, '\n');
    write_line(out, several ? "  architecture: mmoe" : "  architecture: shared-bottom", NULL);
    if (several) write_line(out, "  experts: {count: 8, hidden: [64, 32], dropout: 0.1}", "cgc and ple: {shared: 2, per_task: 2, hidden: [64, 32]}");
    if (!several) write_line(out, "  experts: {hidden: [64, 32], dropout: 0.1}", NULL);
    write_line(out, "  towers: {hidden: [16]}", NULL);
}

static void write_train(const gw__init_plan *plan, gw__text *out) {
    int64_t rows = plan->profiles->rows;
    gw__text_puts(out, "\ntrain:\n");
    write_line(out, rows < 2000 ? "  epochs: 50" : "  epochs: 20", NULL);
    write_line(out, rows < 10000 ? "  batch: 32" : rows < 100000 ? "  batch: 128" : "  batch: 512", NULL);
    write_line(out, "  seed: 1", "the same seed and data give the same model, byte for byte");
    write_line(out, "  optimizer: {name: adam, lr: 0.001}", NULL);
    if (rows >= SMALL_TABLE) write_line(out, "  early_stop: {metric: mean, patience: 3}", "keeps the best epoch on the validation rows");
}

void gw__init_write(const gw__init_plan *plan, const gw__init_source *source, gw__text *out) {
    write_head(plan, source, out);
    write_data(plan, source, out);
    write_features(plan, out);
    write_tasks(plan, out);
    write_model(plan, out);
    write_train(plan, out);
}
