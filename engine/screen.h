/*
 * screen: a terminal: its size, some lines that stand below what scrolls, and a whole screen.
 *
 * Region     Lines that are replaced as a whole. They are taken away by the rows that they occupy
 *            at the width of that moment: a terminal that was resized has wrapped them anew.
 * Full       The terminal's second screen, without echo; what stood there before comes back with
 *            screen_leave.
 * Resizing   screen_size asks the terminal each time.
 */
#ifndef ENGINE_SCREEN_H
#define ENGINE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/text.h"
#include "engine/board.h"

/* A terminal of some sense: not "dumb". */
bool screen_is_terminal(int fd);

/* Whether colours are wanted there. */
bool screen_has_colors(int fd);

/* 80 × 24 where nobody knows. */
struct board_size screen_size(int fd);

/* What a region shows, to take it away again. */
struct region {
    const char **lines;
    size_t n;
};

/* What a terminal is told to take the lines away, or to show them: the cursor stays behind the last
 * one. `columns` is the width now. */
void screen_hide(struct text *t, const struct region *shown, int columns);
void screen_show(struct text *t, const struct region *shown);

/* Keys, not lines, are read from fd from now on. False: it is no terminal. */
bool screen_enter(int fd, struct termios *before, struct text *t);
void screen_leave(int fd, const struct termios *before, struct text *t);

/* Writes what was gathered. */
enum status screen_put(int fd, const struct text *t, struct error *err) MUST_CHECK;

/* All lines, from the first row on; the rest of the screen is emptied. */
void screen_fill(struct text *t, const char *const *lines, size_t n);

#endif
