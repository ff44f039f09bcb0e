/* precision: the names. */
#include "trainer/model/precision.h"

#include <stddef.h>

const char *const precision_names[] = {"fp32", "bf16", "fp16", NULL};
