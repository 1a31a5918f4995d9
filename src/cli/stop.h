/* Ctrl-C in commands that keep what they have: the first asks the library to stop, the second ends the process. */
#ifndef GW_CLI_STOP_H
#define GW_CLI_STOP_H

extern volatile int cli_stop_requested; /* gw_train_options.cancel */

void cli_stop_catch(void); /* from now on */

#endif
