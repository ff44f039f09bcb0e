/* host: what the machine gives this process. */
#ifndef KERNELS_HOST_H
#define KERNELS_HOST_H

#include <stddef.h>

/* The processors this process may use, from 1 to THREADS_MAX. */
size_t host_processors(void);

/* Bytes that can be taken without pressing others out of memory, by the kernel's and the control
 * group's account; SIZE_MAX where neither says. */
size_t host_available_memory(void);

#endif
