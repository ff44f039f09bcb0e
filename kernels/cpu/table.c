/* table: this build's operations. */
#include "kernels/cpu/cpu.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

extern const struct ops NAMED(cpu_ops);

const struct ops NAMED(cpu_ops) = {
    .name = TEXT(HPO_ISA),
    .close = cpu_close,
    .allocate = cpu_allocate,
    .stride = cpu_stride,
    .matrix_bytes = cpu_matrix_bytes,
    .prepare = cpu_prepare,
    .send = cpu_copy,
    .fetch = cpu_copy,
    .sync = cpu_sync,
    .parameters = cpu_parameters,
    .upload = NAMED(upload),
    .snapshot = cpu_snapshot,
    .download = NAMED(download),
    .release = cpu_release,
    .settle = cpu_settle,
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
    .largest = NAMED(largest),
    .clear = cpu_clear,
    .micro_batch = cpu_micro_batch,
    .add_gradients = NAMED(add_gradients),
    .gradient_norms = NAMED(gradient_norms),
    .adamw = NAMED(adamw),
};
