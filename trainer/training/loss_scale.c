/* loss_scale: a few lines of arithmetic. Start at loss_scale_update. */
#include "trainer/training/loss_scale.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static const double fp16_largest = 65504;

struct loss_scale loss_scale_dynamic(void)
{
    return (struct loss_scale){.window = 1000,
                               .hysteresis = 2,
                               .minimum = 1,
                               .scale = 65536,
                               .last_overflow = -1,
                               .patience = 2};
}

enum status loss_scale_parse(const char *word, const char *where, struct loss_scale *out,
                             struct error *err)
{
    double scale = 0;

    if (strcmp(word, "dynamic") == 0) {
        *out = loss_scale_dynamic();
        return OK;
    }
    if (text_parse_number(word, where, &scale, err) != OK || scale <= 0)
        return error_set(err, ERR_INPUT, where, "expected dynamic or a number > 0, found \"%s\"",
                         word);
    *out = (struct loss_scale){.scale = scale};
    return OK;
}

double loss_scale_limit(const struct loss_scale *s)
{
    return fp16_largest / s->scale;
}

enum status loss_scale_update(struct loss_scale *s, bool overflow, struct error *err)
{
    int64_t stable; /* steps since the last overflow, without this one */

    if (s->window == 0)
        return OK;
    if (overflow) {
        if (s->patience > 1)
            s->patience--;
        else if (s->scale > s->minimum)
            s->scale = fmax(s->scale / 2, s->minimum);
        else
            return error_set(err, ERR_FAILED, "loss scale",
                             "gradients overflow fp16 even with the smallest scale, %g",
                             s->minimum);
        s->last_overflow = s->steps;
    }
    stable = s->steps - s->last_overflow - 1;
    if (!overflow && stable > 0 && stable % s->window == 0) {
        s->scale *= 2;
        s->patience = s->hysteresis;
    }
    s->steps++;
    return OK;
}

void loss_scale_write(struct text *t, const struct loss_scale *s)
{
    text_add(t, "{\"scale\": ");
    text_add_number(t, s->scale);
    text_add(t, ", \"steps\": ");
    text_add_integer(t, s->steps);
    text_add(t, ", \"last_overflow\": ");
    text_add_integer(t, s->last_overflow);
    text_add(t, ", \"patience\": ");
    text_add_integer(t, s->patience);
    text_add(t, "}");
}

enum status loss_scale_read(const struct json *state, const char *where, struct loss_scale *out,
                            struct error *err)
{
    *out = loss_scale_dynamic();
    TRY(json_want_number(state, where, "scale", &out->scale, err));
    if (!(out->scale > 0))
        return error_set(err, ERR_INPUT, where, "scale: expected a number > 0, found %g",
                         out->scale);
    TRY(json_want_integer(state, where, "steps", 0, INT64_MAX / 2, &out->steps, err));
    TRY(json_want_integer(state, where, "last_overflow", -1, out->steps - 1, &out->last_overflow,
                          err));
    return json_want_integer(state, where, "patience", 1, out->hysteresis, &out->patience, err);
}
