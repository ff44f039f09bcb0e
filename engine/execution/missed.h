/* missed: what the log of a task that failed says of things that are hidden from it. */
#ifndef ENGINE_EXECUTION_MISSED_H
#define ENGINE_EXECUTION_MISSED_H

struct arena;
struct task;
struct text;

/* A line for each file outside of what the task sees whose path its log names, up to a few, and one
 * for the network. Nothing of a task that sees all. */
void missed_find(const struct task *task, const char *log, struct arena *arena, struct text *out);

#endif
