/* table: this build's operations. */
#include "kernels/cpu/cpu.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

extern const struct ops NAMED(cpu_ops);

const struct ops NAMED(cpu_ops) = {
    .name = TEXT(HPO_ISA),
    .allocate = cpu_allocate,
    .prepare = cpu_prepare,
    .linear = NAMED(linear),
    .linear_input = NAMED(linear_input),
    .linear_weight = NAMED(linear_weight),
    .norm = NAMED(norm),
    .norm_backward = NAMED(norm_backward),
    .gelu = NAMED(gelu),
    .gelu_backward = NAMED(gelu_backward),
    .attention = NAMED(attention),
    .attention_backward = NAMED(attention_backward),
    .embed = NAMED(embed),
    .embed_backward = NAMED(embed_backward),
    .take_rows = NAMED(take_rows),
    .put_rows = NAMED(put_rows),
    .cross_entropy = NAMED(cross_entropy),
    .tensor_norms = NAMED(tensor_norms),
    .to_panels = NAMED(to_panels),
    .from_panels = NAMED(from_panels),
    .fill = NAMED(fill),
    .adamw = NAMED(adamw),
    .sync = cpu_sync,
};
