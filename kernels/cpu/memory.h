/* memory: what backend.c needs of memory.c beside cpu.h. */
#ifndef KERNELS_CPU_MEMORY_H
#define KERNELS_CPU_MEMORY_H

struct backend;

void cpu_free_blocks(struct backend *be);

#endif
