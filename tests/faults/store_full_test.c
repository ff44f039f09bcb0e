/*
 * A disk that is really full, a little earlier each time: the build ends with a sentence that says
 * so, what was promised is there, and with room again the next build succeeds. The disk is a small
 * one in memory, in a mount namespace of its own; where the kernel refuses that, the test is
 * skipped.
 */
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/faults/scenario.h"
#include "tests/unit/cache/place.h"

enum { SKIPPED = 77, DISK_KB = 1600, STEP_KB = 8 };

static bool write_line(const char *path, const char *line)
{
    FILE *file = fopen(path, "w");
    bool written = file && fputs(line, file) >= 0;

    return file && fclose(file) == 0 && written;
}

/* Who is not root becomes it in a namespace of his own. */
static bool may_mount(void)
{
    char users[64], groups[64];

    if (getuid() == 0)
        return unshare(CLONE_NEWNS) == 0;
    (void)snprintf(users, sizeof users, "0 %u 1", getuid());
    (void)snprintf(groups, sizeof groups, "0 %u 1", getgid());
    return unshare(CLONE_NEWNS | CLONE_NEWUSER) == 0 && write_line("/proc/self/uid_map", users) &&
           write_line("/proc/self/setgroups", "deny") && write_line("/proc/self/gid_map", groups);
}

static bool mount_small_disk(void)
{
    char options[32];

    (void)snprintf(options, sizeof options, "size=%dk", DISK_KB);
    return may_mount() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mkdir("disk", 0777) == 0 && mount("tmpfs", "disk", "tmpfs", 0, options) == 0 &&
           chdir("disk") == 0;
}

/* Fills the disk but for some kilobytes. */
static bool leave_room(int free_kb)
{
    static const char zeros[1024];
    FILE *file = fopen("ballast", "wb");
    bool full = false;

    if (!file)
        return false;
    while (!full)
        full = fwrite(zeros, 1, sizeof zeros, file) != sizeof zeros || fflush(file) != 0;
    (void)fclose(file);
    struct stat st;
    return stat("ballast", &st) == 0 && truncate("ballast", st.st_size - free_kb * 1024L) == 0;
}

/* NULL, or what is wrong; *ended is the status of the build. */
static const char *try_with_room(int free_kb, enum status *ended)
{
    static struct error err;
    const char *wrong;

    if (file_remove("store", &err) != OK || scenario_begin(&err) != OK || !leave_room(free_kb))
        return "cannot begin";
    *ended = scenario_run(&err);
    if (*ended != OK && (*ended != ERR_SYSTEM || !strstr(err.text, "pace left on ")))
        return err.text;
    if (unlink("ballast") != 0)
        return "cannot make room";
    if ((wrong = scenario_check(*ended == OK)))
        return wrong;
    return scenario_run(&err) == OK ? scenario_check(1) : err.text;
}

static int fill(void)
{
    enum status ended = ERR_SYSTEM;
    int refused = 0;

    if (!mount_small_disk())
        return SKIPPED;
    for (int free_kb = 0; free_kb < DISK_KB && ended != OK; free_kb += STEP_KB) {
        const char *wrong = try_with_room(free_kb, &ended);
        if (wrong) {
            (void)fprintf(stderr, "with %d KB left: %s\n", free_kb, wrong);
            return 1;
        }
        refused += ended != OK;
    }
    return ended == OK && refused > 1 ? 0 : 2;
}

int main(void)
{
    char folder[] = "/tmp/hpo_full_test.XXXXXX";
    struct error err;
    int status = 1;
    pid_t child;

    if (!mkdtemp(folder) || chdir(folder) != 0 || (child = fork()) < 0)
        return 1;
    if (child == 0)
        _exit(fill());
    if (waitpid(child, &status, 0) != child || chdir("/") != 0 || file_remove(folder, &err) != OK ||
        !WIFEXITED(status))
        return 1;
    if (WEXITSTATUS(status) == SKIPPED)
        (void)puts("SKIP: the kernel does not let us mount a small disk");
    return WEXITSTATUS(status);
}
