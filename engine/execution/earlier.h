/*
 * earlier: the keys that an action, or the template of a trial, had in earlier builds of the
 * recipe, by what differs. For accept.h and suggestion.h.
 *
 * May differ  contents of sources (an input that is a file or folder of the user's), the tool, and
 *             the action's env. Kind, arguments, parameters, names of inputs and outputs, and what
 *             other nodes or the recipe itself made, must be the same.
 */
#ifndef ENGINE_EXECUTION_EARLIER_H
#define ENGINE_EXECUTION_EARLIER_H

#include "engine/execution/build.h"

struct key_field;

struct earlier {
    struct digest key;
    const char *description;
    struct result result; /* of an action */
    bool may;             /* nothing differs but what may */
    size_t differ;        /* so many fields */
};

/* Visits each field that differs; was or is NULL: absent there. */
typedef enum status visit_difference(void *context, const struct key_field *was,
                                     const struct key_field *is, struct error *err);
enum status earlier_differences(const char *was, const char *is, visit_difference *visit,
                                void *context, struct error *err) MUST_CHECK;

/* Whether the action's results may stand for each other though they differ in this field. */
bool earlier_may_differ(struct build *b, int node, const struct key_field *was,
                        const struct key_field *is);

/*
 * Of an action with this description, those that have a result; of a template all whose description
 * is known. Those that may come first, then the fewest differences, then the newest.
 */
enum status earlier_actions(struct build *b, int node, const char *description,
                            struct earlier **out, size_t *n, struct error *err) MUST_CHECK;
enum status earlier_templates(struct build *b, const struct template *t, struct earlier **out,
                              size_t *n, struct error *err) MUST_CHECK;

#endif
