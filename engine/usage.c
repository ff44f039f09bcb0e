/* usage: help, in two columns: what is typed and what it means. */
#include "engine/usage.h"

#include <string.h>

#include "base/text.h"
#include "engine/flag.h"

void usage_commands(struct text *t, const char *first)
{
    if (!first)
        text_add(t, "hpo builds experiments the way you build programs\n\n");
    for (int i = 0; i < COMMANDS; i++) {
        const struct command_usage *c = command_at((enum command_id)i);
        if (!first || command_is_part(c, first))
            text_printf(t, "  hpo %s %-*s %s\n", c->name, 24 - (int)strlen(c->name), c->words,
                        c->brief);
    }
    text_add(t, "\nhpo COMMAND --help shows a command's flags; hpo --version the version\n");
}

void usage_command(struct text *t, enum command_id id)
{
    const struct command_usage *c = command_at(id);
    const struct flag *f;

    text_printf(t, "usage: hpo %s%s%s [FLAG...]\n\n%s%s%s\n\n", c->name, *c->words ? " " : "",
                c->words, c->brief, *c->help ? "\n\n" : "", c->help);
    for (size_t i = 0; (f = flag_at(i)) != NULL; i++) {
        const char *argument = f->argument ? f->argument : "";
        if (f->help && f->commands >> id & 1)
            text_printf(t, "  %s %-*s %s\n", f->name, 25 - (int)strlen(f->name), argument, f->help);
    }
    if (c->as_build && id != COMMAND_BUILD)
        text_add(t,
                 "\nEvery flag of hpo build may stand here, too: one command line serves both.\n");
}
