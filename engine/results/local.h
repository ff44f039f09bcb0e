/* local: results in the store on this machine. It answers every lookup at once. */
#ifndef ENGINE_RESULTS_LOCAL_H
#define ENGINE_RESULTS_LOCAL_H

#include "engine/results/results.h"

struct store;

/* Lives in the arena; the store is borrowed. Close it with local_results_close. claims false: what
 * is found is only read, nothing will be made. */
enum status local_results_open(struct store *store, bool claims, struct arena *arena,
                               struct results **out, struct error *err) MUST_CHECK;

/* Lets all claims go. NULL is allowed. */
void local_results_close(struct results *r);

#endif
