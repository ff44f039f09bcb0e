/* study_budget: which units a study still hears of, where so many are all it may. */
#include "engine/study/study_state.h"

double study_due(const struct trial *trial, int64_t ahead)
{
    return trial->start + (double)(trial->t + ahead - trial->start_t) * trial->cost;
}

/* Whether another trial's unit, so far ahead, comes before what the trial reports at that time. */
static bool comes_before(const struct trial *other, int64_t ahead, const struct trial *trial,
                         double time)
{
    const double due = study_due(other, ahead);

    return due < time || (due == time && other->number < trial->number);
}

/* How many of another trial's units come before. */
static int64_t count_before(const struct trial *other, const struct trial *trial, double time)
{
    static const double many = 1e12;
    const double about = (time - other->start) / other->cost - (other->t - other->start_t);
    int64_t n;

    if (about > many)
        return (int64_t)many; /* more than any budget */
    n = about < 1 ? 0 : (int64_t)about;
    while (n > 0 && !comes_before(other, n, trial, time)) /* rounding may be one off */
        n--;
    while (comes_before(other, n + 1, trial, time))
        n++;
    return n;
}

/* How many units come before that one, if all running trials go on. */
static int64_t units_before(const struct study *study, const struct trial *trial, int ahead)
{
    const double time = study_due(trial, ahead);
    int64_t n = ahead - 1;

    for (int i = 0; i < study->n_running; i++) {
        const struct trial *other = study->trials[study->running[i]];
        if (other != trial)
            n += count_before(other, trial, time);
    }
    return n;
}

int study_units_left(const struct study *study, const struct trial *trial, int most)
{
    const int64_t left = study->spec->budget - study->n_delivered;
    int low = 0;

    if (study->spec->budget == 0)
        return most;
    while (low < most) { /* the first `low` are left */
        const int middle = low + (most - low + 1) / 2;
        if (units_before(study, trial, middle) < left)
            low = middle;
        else
            most = middle - 1;
    }
    return low;
}
