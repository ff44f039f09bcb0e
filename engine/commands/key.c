/* hpo key: the key with which builds sign what they leave. */
#include <string.h>

#include "base/arena.h"
#include "engine/commands/commands.h"
#include "engine/progress.h"
#include "engine/statement/keys.h"

enum status key_command(const struct options *o, struct arena *arena, struct error *err)
{
    struct progress *p;
    struct own_key key;
    bool made;

    (void)o;
    TRY(keys_make(arena, &key, &made, err));
    keys_close(&key);
    TRY(progress_open(false, &p, err));
    progress_line(p, "%s %s, key %.16s: builds sign with it what they put into out/",
                  made ? "made" : "there is", key.path, key.id);
    progress_flush(p);
    progress_close(p);
    return progress_data(key.public, strlen(key.public), err);
}
