#include "cli/stop.h"

#include <signal.h>
#include <stddef.h>

/* Set by the signal handler, read by the library: the one thing that a handler may share. */
volatile int cli_stop_requested;

static void on_signal(int number) {
    if (cli_stop_requested) {
        signal(number, SIG_DFL);
        raise(number);
    }
    cli_stop_requested = 1;
}

void cli_stop_catch(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}
