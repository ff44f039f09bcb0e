/* interrupt: a handler can reach nothing but a global; these are the only ones. */
#include "engine/interrupt.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t descriptor = -1;
static volatile sig_atomic_t stop_asked;

static void note(int number)
{
    const int saved = errno;
    const uint64_t one = 1;

    (void)number;
    count = count + 1;
    (void)!write(descriptor, &one, sizeof one);
    errno = saved;
}

static void note_stop(int number)
{
    (void)number;
    stop_asked = 1;
}

enum status interrupt_listen(struct error *err)
{
    struct sigaction action, before;

    if (descriptor >= 0)
        return OK;
    if ((descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        return error_system(err, "", "listen for signals");
    memset(&action, 0, sizeof action);
    action.sa_handler = note;
    action.sa_flags = SA_RESTART; /* who works long looks at the count, not at EINTR */
    (void)sigemptyset(&action.sa_mask);
    (void)sigaddset(&action.sa_mask, SIGINT);
    (void)sigaddset(&action.sa_mask, SIGTERM);
    (void)sigaddset(&action.sa_mask, SIGHUP);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGHUP, &action, NULL);
    return OK;
}

const volatile sig_atomic_t *interrupt_count(void)
{
    return &count;
}

int interrupt_descriptor(void)
{
    return descriptor;
}

int interrupt_take(void)
{
    uint64_t signals;

    (void)!read(descriptor, &signals, sizeof signals); /* first: one that comes now is not lost */
    return count;
}

/* It ends a poll(2): who draws asks the terminal for its size. */
static void note_size(int number)
{
    (void)number;
}

void interrupt_on_resize(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = note_size;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGWINCH, &action, NULL);
}

static void listen_for_stops(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_handler = note_stop;
    action.sa_flags = SA_RESTART;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTSTP, &action, NULL);
}

void interrupt_defer_stops(void)
{
    struct sigaction before;

    if (sigaction(SIGTSTP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        listen_for_stops();
}

bool interrupt_stop_is_asked(void)
{
    return stop_asked != 0;
}

/* By the signal itself, so that nothing happens where no shell could let us go on. */
void interrupt_stop_if_asked(void)
{
    if (!stop_asked)
        return;
    (void)signal(SIGTSTP, SIG_DFL);
    stop_asked = 0;
    (void)raise(SIGTSTP);
    listen_for_stops();
}
