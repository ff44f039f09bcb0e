/*
 * words: what a build and a room say to each other, in records (engine/process/record.h). Long
 * texts come as a sheet, a file in memory.
 */
#ifndef ENGINE_ROOM_WORDS_H
#define ENGINE_ROOM_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "engine/room/room.h"

struct arena;

enum { ROOM_DESCRIPTORS = ROOM_WAYS, ROOM_STEP = 120 };

struct room_request {
    enum {
        ROOM_MAPPED, /* users are mapped */
        ROOM_SHOW,   /* sheet: "network" or "", then a letter and a path for each place */
        ROOM_START,  /* sheet and streams: what runs */
        ROOM_AWAIT,  /* sheet: somebody comes in */
        ROOM_SIGNAL  /* to the group of what runs; SIGKILL also ends who came in */
    } kind;
    int signal;
};

struct room_reply {
    enum {
        ROOM_UNMAPPED, /* it waits for its users to be mapped */
        ROOM_READY,    /* to ROOM_AWAIT with its namespaces, in the order of inside.c */
        ROOM_STARTED,  /* or, with what failed, not */
        ROOM_ASKED,    /* sheet: what it asked for and is hidden from it; "make" or "" */
        ROOM_ENDED
    } kind;
    int failed;           /* errno of the step that failed; 0: none */
    char step[ROOM_STEP]; /* "show /usr" */
    int exit_code;        /* of what has ended: exit status, or 128 + signal */
};

/* Before the path of a place. */
enum { SHEET_READS = 'r', SHEET_WRITES = 'w' };

/* What a sheet says, in this order, then argv and the environment. Of ROOM_AWAIT only the first.
 * SHEET_WATCHED is "watched" or "". */
enum {
    SHEET_SHOWN,
    SHEET_FOLDER,
    SHEET_PROGRAM,
    SHEET_MASK,
    SHEET_WATCHED,
    SHEET_ARGC,
    SHEET_ARGV
};

/* A sheet of these strings: a descriptor, or -1 with errno. */
int words_write(const char *const *strings, size_t n);

/* Its strings, in the arena, behind them NULL. The descriptor stays open. */
enum status words_read(int sheet, struct arena *arena, char ***strings, size_t *n,
                       struct error *err) MUST_CHECK;

#endif
