/* screen: what a terminal is told. ECMA-48, and xterm's second screen, which all of today know. */
#include "engine/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/visible.h"

bool screen_is_terminal(int fd)
{
    const char *term = getenv("TERM");

    return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool screen_has_colors(int fd)
{
    const char *no_color = getenv("NO_COLOR");

    return screen_is_terminal(fd) && !(no_color && *no_color);
}

struct board_size screen_size(int fd)
{
    struct board_size size = {.columns = 80, .rows = 24, .color = screen_has_colors(fd)};
    struct winsize window;

    if (ioctl(fd, TIOCGWINSZ, &window) != 0)
        return size;
    if (window.ws_col > 0)
        size.columns = window.ws_col;
    if (window.ws_row > 0)
        size.rows = window.ws_row;
    return size;
}

void screen_hide(struct text *t, const struct region *shown, int columns)
{
    size_t rows = 0;

    if (shown->n == 0)
        return;
    for (size_t i = 0; i < shown->n; i++) {
        size_t taken;
        (void)visible_fit(shown->lines[i], strlen(shown->lines[i]), SIZE_MAX, &taken);
        rows += taken == 0 ? 1 : (taken + (size_t)columns - 1) / (size_t)columns;
    }
    text_add(t, "\r");
    if (rows > 1)
        text_printf(t, "\033[%zuA", rows - 1);
    text_add(t, "\033[J");
}

void screen_show(struct text *t, const struct region *shown)
{
    for (size_t i = 0; i < shown->n; i++) {
        text_add(t, i ? "\r\n" : "");
        text_add(t, shown->lines[i]);
    }
}

bool screen_enter(int fd, struct termios *before, struct text *t)
{
    struct termios keys;

    if (tcgetattr(fd, before) != 0)
        return false;
    keys = *before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 0;
    keys.c_cc[VTIME] = 0;
    (void)tcsetattr(fd, TCSANOW, &keys);
    text_add(t, "\033[?1049h\033[?25l\033[H\033[2J");
    return true;
}

void screen_leave(int fd, const struct termios *before, struct text *t)
{
    (void)tcsetattr(fd, TCSANOW, before);
    text_add(t, "\033[?25h\033[?1049l");
}

void screen_fill(struct text *t, const char *const *lines, size_t n)
{
    text_add(t, "\033[H");
    for (size_t i = 0; i < n; i++) {
        text_add(t, i ? "\r\n" : "");
        text_add(t, lines[i]);
        text_add(t, "\033[K");
    }
    text_add(t, "\033[J");
}

enum status screen_put(int fd, const struct text *t, struct error *err)
{
    if (t->failed)
        return error_memory(err);
    return file_write_all(fd, "the terminal", t->bytes, t->n, err);
}
