/* interrupt: a signal handler can only set a global; this is the only one. */
#include "trainer/interrupt.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t asked;

static void note(int number)
{
    asked = number;
}

void interrupt_listen(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART; /* a write goes on: lines and files stay whole */
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

enum status interrupt_check(struct error *err)
{
    if (!asked)
        return OK;
    return error_set(err, ERR_INTERRUPTED, NULL, "interrupted by %s",
                     asked == SIGTERM ? "SIGTERM" : "SIGINT");
}
