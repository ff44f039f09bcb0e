/* failure: the end of a log, and a row of the history. */
#include "engine/execution/failure.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"
#include "cache/content/blob.h"
#include "cache/records/history.h"
#include "engine/execution/missed.h"
#include "engine/execution/resolve.h"

enum { TAIL_LINES = 20, TAIL_BYTES = 16 * 1024, DISK_IS_FULL = 1 << 16 };

static const int64_t most_kept = (int64_t)2 << 30; /* more than a trainer's log may have: local.h */

/* Its log, if that is a file: the task may have put anything in its place. */
static bool look_at_log(const struct task *task, struct stat *st)
{
    return task->log && lstat(task->log, st) == 0 && S_ISREG(st->st_mode);
}

char *failure_log_end(const struct job *job)
{
    struct error ignored;
    struct stat st;
    char *bytes;

    if (!look_at_log(job->task, &st) ||
        file_read_end(job->task->log, TAIL_BYTES, job->arena, &bytes, NULL, &ignored) != OK)
        return "";
    return bytes;
}

/* What a terminal would show: of a line that was written over itself the last of it. */
static void drop_overwritten(char *text)
{
    char *line = text, *to = text;

    for (const char *from = text; *from; from++) {
        const bool over = *from == '\r' && from[1] && from[1] != '\n' && from[1] != '\r';
        if (over)
            to = line;
        else
            *to++ = *from;
        if (*from == '\n')
            line = to;
    }
    *to = '\0';
}

/* The last lines of the log, as much as a screen holds. */
static const char *tail(const struct job *job)
{
    char *bytes = failure_log_end(job);
    size_t n, lines = 0;

    if (!*bytes)
        return bytes;
    drop_overwritten(bytes);
    n = strlen(bytes);
    for (size_t i = n; i > 0; i--)
        if (bytes[i - 1] == '\n' && i < n && ++lines == TAIL_LINES)
            return bytes + i;
    return bytes;
}

/* What failed may not have been able to say so: its log is on this disk, too. */
static bool disk_is_full(const char *folder)
{
    struct statvfs disk;

    return statvfs(folder, &disk) == 0 && disk.f_bavail * disk.f_frsize < DISK_IS_FULL;
}

const char *failure_missed(const struct build *b, const struct job *job)
{
    struct text lines = text_in(job->arena);
    struct error ignored;
    char *string;

    missed_find(b, job, failure_log_end(job), &lines);
    return text_finish(&lines, &string, NULL, &ignored) == OK ? string : "";
}

void failure_tell(struct build *b, const struct job *job, const char *sentence, const char *params)
{
    const char *end = tail(job);

    progress_line(b->progress, "failed: %s: %s", job->label, sentence);
    if (params)
        progress_line(b->progress, "  its parameters: %s", params);
    progress_text(b->progress, end);
    if (!job->task->folder)
        return;
    progress_text(b->progress, failure_missed(b, job));
    if (disk_is_full(job->task->folder))
        progress_line(b->progress, "  no space left on the disk of %s", store_work(b->store));
    progress_line(b->progress, "  its folder is kept: %s", job->task->folder);
}

enum status failure_keep(struct build *b, struct job *job, const struct digest *key,
                         const char *sentence, struct error *err)
{
    struct failure f = {.key = *key,
                        .run = b->run,
                        .name = job->label,
                        .folder = job->task->name,
                        .text = sentence,
                        .day = b->today};
    const char *missed;
    struct stat st;
    int64_t size;

    if (!b->store)
        return OK;
    missed = failure_missed(b, job);
    if (*missed &&
        !(f.text = arena_printf(job->arena, "%s\n%.*s", sentence, (int)strlen(missed) - 1, missed)))
        return error_memory(err); /* whoever shows it ends its last line */
    f.has_log = look_at_log(job->task, &st) && st.st_size <= most_kept &&
                blob_take(b->store, job->task->log, &f.log, &size, err) == OK;
    return history_failure_put(b->store, &f, err);
}

void failure_refuse(struct build *b, const char *label, int node, const char *sentence)
{
    progress_line(b->progress, "failed: %s: %s", label, sentence);
    b->counts.failed++;
    node_failed(b, node);
}
