/*
 * pins: hpo.lock, which people merge by hand. A refusal names the file; what is taken answers to
 * questions and takes another pin.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/pins.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char commit[] = "0123456789abcdef0123456789abcdef01234567";
    struct error err = {0};
    struct pins *pins;
    const char *found;
    enum status s = pins_parse((const char *)bytes, n, "hpo.lock", &pins, &err);

    if (s == ERR_INPUT && strncmp(err.where, "hpo.lock", 8) == 0 && err.text[0])
        return 0;
    if (s != OK || pins_set(pins, "git", "u", "master", commit, &err) != OK)
        abort();
    found = pins_get(pins, "git", "u", "master");
    if (!found || strcmp(found, commit) != 0 || pins_get(pins, "git", "u", "none such \n"))
        abort();
    pins_close(pins);
    return 0;
}
