/* host: what the machine gives this process. */
#ifndef KERNELS_HOST_H
#define KERNELS_HOST_H

#include <stddef.h>

/* The processors this process may use, from 1 to THREADS_MAX. */
size_t host_processors(void);

/*
 * Bytes that can be taken without pushing others out of memory, as the kernel and the control group
 * count them; SIZE_MAX where neither says.
 */
size_t host_available_memory(void);

#endif
