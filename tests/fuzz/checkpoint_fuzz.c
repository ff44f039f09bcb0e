/* checkpoint: a trainer_state.json gives a position in range, or says no. */
#include "trainer/training/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char folder[] = "/tmp/checkpoint-fuzz-XXXXXX", path[64];
    struct position at = {.epoch = -1};
    struct error err = {0};
    int fd;

    if (!mkdtemp(folder))
        abort();
    (void)snprintf(path, sizeof path, "%s/trainer_state.json", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) != 0)
        abort();
    if (checkpoint_read_position(folder, &at, &err) == OK) {
        if (at.epoch < 0 || at.updates < 0 || !(at.skipped >= 0) ||
            (at.loss_scale.window && !(at.loss_scale.scale > 0)))
            abort();
    } else if (!err.where[0] || !err.text[0]) {
        abort();
    }
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}
