/* Train from C: a spec in, a model file out, with a listener that is told of every epoch.
 *   cc train.c -lgatewright -o train && ./train SPEC MODEL [key.path=value]… */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <gatewright.h>

static volatile int stop;

static void on_interrupt(int number) {
    (void)number;
    stop = 1; /* training ends at the next step and keeps the best model so far */
}

static void listen(void *context, const gw_event *event) {
    int64_t *epochs = context;
    switch (event->kind) {
    case GW_EVENT_NOTE: printf("note: %s\n", event->text); break;
    case GW_EVENT_WARNING: printf("warning: %s\n", event->text); break;
    case GW_EVENT_READ: printf("read: %s\n", event->text); break;
    case GW_EVENT_STEP: break; /* often: rows_done of rows, for a progress bar */
    case GW_EVENT_EPOCH:
        *epochs = event->epoch;
        printf("epoch %" PRId64 " of %" PRId64 ": %s\n", event->epoch, event->epochs, event->text);
        break;
    case GW_EVENT_TEST: printf("test: %s\n", event->text); break;
    case GW_EVENT_END: break; /* of one run of many */
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: train SPEC MODEL [key.path=value]...\n");
        return 2;
    }
    signal(SIGINT, on_interrupt);
    int64_t epochs = 0;
    gw_train_options options = {
        .spec_path = argv[1],
        .model_path = argv[2],
        .overrides = (const char *const *)(argv + 3),
        .n_overrides = (size_t)(argc - 3),
        .listener = listen,
        .listener_context = &epochs,
        .cancel = &stop,
    };
    gw_error err = {0};
    gw_model *model = NULL;
    gw_status status = gw_train(&options, &model, &err);
    if (status != GW_OK && status != GW_E_CANCELED) {
        fprintf(stderr, "train: %s", err.where);
        if (err.line > 0) fprintf(stderr, ":%" PRId64, err.line);
        fprintf(stderr, "%s%s\n", err.where[0] ? ": " : "", err.message);
        return gw_status_exit_code(status);
    }
    printf("%" PRId64 " epochs; %s holds %zu tasks over %zu features\n", epochs, argv[2], gw_model_task_count(model), gw_model_feature_count(model));
    gw_model_free(model);
    return gw_status_exit_code(status);
}
