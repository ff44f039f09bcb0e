/* ask: one line out, one line in. */
#include "engine/ask.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "engine/interrupt.h"

/* The first letter of the line that comes; 0 where none does. */
static char read_answer(void)
{
    struct pollfd in[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                          {.fd = interrupt_descriptor(), .events = POLLIN}};
    char line[256];

    while (poll(in, 2, -1) < 0)
        if (errno != EINTR)
            return 0;
    if (in[1].revents || read(STDIN_FILENO, line, sizeof line) <= 0)
        return 0;
    return line[0];
}

/* Nobody who sits there can be told that it failed. */
static void say(const char *text)
{
    struct error ignored;

    (void)!file_write_all(STDERR_FILENO, "standard error", text, strlen(text), &ignored);
}

enum status ask_yes(const char *question, const char *flag, bool *yes, struct error *err)
{
    char answer;

    *yes = false;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        (void)error_set(err, ERR_INPUT, "", "there is no terminal to ask on");
        error_hint(err, "%s does it without asking", flag);
        return ERR_INPUT;
    }
    say(question);
    say(" [y/N] ");
    answer = read_answer();
    if (answer == 0)
        say("\n");
    *yes = answer == 'y' || answer == 'Y';
    return OK;
}
