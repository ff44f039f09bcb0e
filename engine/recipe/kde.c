/* kde: one pass over the rows, one exponential each. */
#include "engine/recipe/kde.h"

#include "base/real.h"

static const double root_2pi = 0x1.40d931ff62706p+1;

static double row_density(const struct kde *kde, const double *row, const double *x)
{
    double exponent = 0, factor = 1;

    for (size_t j = 0; j < kde->n_axes; j++) {
        const struct kde_axis *a = &kde->axes[j];
        if (a->category) {
            factor *= row[j] == x[j] ? 1 - a->h : a->miss;
        } else {
            double z = (row[j] - x[j]) / a->h;
            exponent -= 0.5 * z * z;
        }
    }
    return factor * real_quick_exp(exponent);
}

double kde_density(const struct kde *kde, const double *x)
{
    double sum = 0, volume = (double)kde->n_rows;

    for (size_t j = 0; j < kde->n_axes; j++)
        if (!kde->axes[j].category)
            volume *= kde->axes[j].h * root_2pi;
    for (size_t i = 0; i < kde->n_rows; i++)
        sum += row_density(kde, kde->rows + i * kde->n_axes, x);
    return sum / volume;
}
