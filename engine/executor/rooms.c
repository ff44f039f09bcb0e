/* rooms: a list. */
#include "engine/executor/rooms.h"

#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "engine/room/room.h"

struct kept {
    struct kept *next;
    struct arena *arena; /* this struct lives in it */
    struct room *room;
    const char *sees; /* the places, a line each */
    bool idle;
};

struct rooms {
    struct arena *arena; /* this struct lives in it */
    struct reaper *reaper;
    struct kept *list; /* the one that was idle first at the end */
    size_t most;
    bool opened, refused; /* some room; the first one */
    struct error why;
};

enum status rooms_open(struct reaper *reaper, size_t most, struct rooms **out, struct error *err)
{
    struct arena *arena = arena_open();
    struct rooms *rooms = arena ? arena_alloc(arena, sizeof *rooms) : NULL;

    if (!rooms) {
        arena_close(arena);
        return error_memory(err);
    }
    *rooms = (struct rooms){.arena = arena, .reaper = reaper, .most = most};
    *out = rooms;
    return OK;
}

static void drop(struct rooms *rooms, struct kept *k)
{
    struct kept **at = &rooms->list;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    room_close(k->room);
    arena_close(k->arena);
}

/* They end beside each other. */
void rooms_close(struct rooms *rooms)
{
    for (struct kept *k = rooms ? rooms->list : NULL; k; k = k->next)
        room_dismiss(k->room);
    while (rooms && rooms->list)
        drop(rooms, rooms->list);
    if (rooms)
        arena_close(rooms->arena);
}

static enum status describe(const struct room_view *view, struct arena *arena, char **out,
                            struct error *err)
{
    struct text t = text_in(arena);

    text_add(&t, view->network ? "network\n" : "");
    for (size_t i = 0; i < view->n; i++)
        text_printf(&t, "%zu %s\n", strlen(view->places[i]), view->places[i]);
    for (size_t i = 0; i < view->n_written; i++)
        text_printf(&t, "written %zu %s\n", strlen(view->written[i]), view->written[i]);
    return text_finish(&t, out, NULL, err);
}

static enum status make(struct rooms *rooms, const struct room_view *view, struct arena *arena,
                        const char *sees, struct room **out, struct error *err)
{
    struct kept *k = arena_alloc(arena, sizeof *k);

    if (!k)
        return error_memory(err);
    *k = (struct kept){.next = rooms->list, .arena = arena, .sees = sees};
    TRY(room_open(rooms->reaper, view, &k->room, err));
    rooms->list = k;
    *out = k->room;
    return OK;
}

static enum status take(struct rooms *rooms, const struct room_view *view, struct arena *arena,
                        bool *made, struct room **out, struct error *err)
{
    char *sees;
    enum status s;

    TRY(describe(view, arena, &sees, err));
    for (struct kept *k = rooms->list; k; k = k->next)
        if (k->idle && strcmp(k->sees, sees) == 0) {
            k->idle = false;
            *out = k->room;
            return OK;
        }
    s = make(rooms, view, arena, sees, out, err);
    *made = s == OK;
    if (s == ERR_FAILED && rooms->opened) /* it let us before: what has changed is not for ever */
        return ERR_SYSTEM;
    rooms->opened |= s == OK;
    if (s == ERR_FAILED) {
        rooms->refused = true;
        rooms->why = *err;
    }
    return s;
}

enum status rooms_take(struct rooms *rooms, const struct room_view *view, struct room **out,
                       struct error *err)
{
    bool made = false;
    struct arena *arena;
    enum status s;

    if (rooms->refused) {
        *err = rooms->why;
        return ERR_FAILED;
    }
    if (!(arena = arena_open()))
        return error_memory(err);
    s = take(rooms, view, arena, &made, out, err);
    if (!made)
        arena_close(arena);
    return s;
}

/* The idle one that was used longest ago. */
static struct kept *oldest(const struct rooms *rooms, size_t *n)
{
    struct kept *last = NULL;

    *n = 0;
    for (struct kept *k = rooms->list; k; k = k->next)
        if (k->idle) {
            last = k;
            (*n)++;
        }
    return last;
}

void rooms_give(struct rooms *rooms, struct room *room, bool whole)
{
    struct kept **at = &rooms->list, *k, *last;
    size_t n;

    while ((*at)->room != room)
        at = &(*at)->next;
    k = *at;
    if (!whole) {
        drop(rooms, k);
        return;
    }
    *at = k->next;
    k->next = rooms->list;
    rooms->list = k;
    k->idle = true;
    last = oldest(rooms, &n);
    if (n > rooms->most)
        drop(rooms, last);
}

void rooms_drop_idle(struct rooms *rooms)
{
    struct kept *next;

    for (struct kept *k = rooms->list; k; k = next) {
        next = k->next;
        if (k->idle)
            drop(rooms, k);
    }
}

bool rooms_has(const struct rooms *rooms, pid_t pid)
{
    for (const struct kept *k = rooms ? rooms->list : NULL; k; k = k->next)
        if (room_pid(k->room) == pid)
            return true;
    return false;
}

int rooms_count(const struct rooms *rooms)
{
    int n = 0;

    for (const struct kept *k = rooms ? rooms->list : NULL; k; k = k->next)
        n++;
    return n;
}
