/* ids: a list of token ids as JSON, "[1, 2, 3]", many millions a second. */
#ifndef TRAINER_TOKENIZER_IDS_H
#define TRAINER_TOKENIZER_IDS_H

#include <stddef.h>
#include <stdint.h>

struct text;

void ids_write(struct text *out, const int32_t *ids, size_t n);

#endif
