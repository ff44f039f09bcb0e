/* host: the processors and the memory that this process may use. */
#ifndef KERNELS_HOST_H
#define KERNELS_HOST_H

#include <stddef.h>

/* The processors this process may use, from 1 to THREADS_MAX. */
size_t host_processors(void);

/* Bytes that can be taken without swapping, as the kernel and the control group report; SIZE_MAX
 * where neither does. */
size_t host_available_memory(void);

#endif
