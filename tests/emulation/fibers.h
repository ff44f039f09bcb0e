/* fibers: the threads of one block, taking turns in one thread of the host. Start at fibers_run. */
#ifndef TESTS_EMULATION_FIBERS_H
#define TESTS_EMULATION_FIBERS_H

#include <functional>

#include "cuda_runtime.h"

enum { FIBERS_MAX = 1024, WARP = 32 };

/* The order in which fibers of a block, and blocks of a grid, begin. */
enum fibers_order { FORWARD, BACKWARD, SHUFFLED };
fibers_order fibers_order_wanted();
unsigned fibers_place(fibers_order order, unsigned i, unsigned n);

/* Runs body in every thread of a block; place says which block. Ends the program where a barrier is
 * not reached by all. */
void fibers_run(const emulated_place &place, const std::function<void()> &body);

#endif
