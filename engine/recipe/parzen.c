/*
 * parzen: arrays in kernels' order, the prior last, and for each number's axis the points' places
 * in order of their coordinates. Bandwidths and what follows from them are made anew when asked for
 * after a change, where they changed: a new point moves two neighbours. Start at refresh and
 * parzen_log_density.
 */
#include "engine/recipe/parzen.h"

#include <math.h>
#include <string.h>

#include "base/normal.h"
#include "base/real.h"

enum { NEWEST = 25 }; /* so many points weigh 1 */

static const double sqrt_half = 0x1.6a09e667f3bcdp-1;
static const double negligible = -60; /* e^-60 beside 1 */
static const double log_sqrt_2pi = 0x1.d67f1c864beb5p-1;

struct axis {
    struct parzen_axis is;
    double low, high; /* the ends of its kernels: logarithms, half a step further out */
    double *mu;       /* of each kernel; a category's number */
    double *sigma;    /* its bandwidth; 0: not known yet */
    double *scale;    /* 1 / (sigma * the root of 2) */
    double *constant; /* the logarithm of what its density is divided by, negative */
    int32_t *order;   /* of the points, by mu and id */
    double hit, miss; /* a category's log probability: its point's own, another */
};

struct parzen {
    size_t n_axes, capacity; /* capacity: points, without the prior */
    size_t n;                /* points */
    double prior_weight, total;
    bool stale;
    int64_t *id;
    double *weight, *term;
    struct axis axes[];
};

static size_t aligned(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

size_t parzen_size(size_t n_axes, size_t capacity)
{
    const size_t most = 1u << 24;
    size_t kernels = capacity + 1, axis;

    if (n_axes == 0 || n_axes > most || capacity > most)
        return 0;
    axis = 4 * aligned(kernels * sizeof(double)) + aligned(kernels * sizeof(int32_t));
    if (axis > SIZE_MAX / 2 / n_axes)
        return 0;
    return aligned(sizeof(struct parzen) + n_axes * sizeof(struct axis)) +
           3 * aligned(kernels * sizeof(double)) + n_axes * axis;
}

/* The next part of the block. */
static void *take(char **at, size_t n, size_t size)
{
    void *part = *at;

    *at += aligned(n * size);
    return part;
}

/* Where kernels see x. */
static double coordinate(const struct axis *a, double x)
{
    return a->is.log ? real_log(x) : x;
}

/* The block with its parts in place, without points. */
static struct parzen *lay_out(void *memory, size_t n_axes, size_t capacity)
{
    struct parzen *p = memory;
    size_t kernels = capacity + 1;
    char *at = (char *)memory + aligned(sizeof *p + n_axes * sizeof *p->axes);

    *p = (struct parzen){.n_axes = n_axes, .capacity = capacity, .stale = true};
    p->id = take(&at, kernels, sizeof *p->id);
    p->weight = take(&at, kernels, sizeof *p->weight);
    p->term = take(&at, kernels, sizeof *p->term);
    for (size_t j = 0; j < n_axes; j++) {
        struct axis *a = &p->axes[j];
        *a = (struct axis){0};
        a->mu = take(&at, kernels, sizeof *a->mu);
        a->sigma = take(&at, kernels, sizeof *a->sigma);
        a->scale = take(&at, kernels, sizeof *a->scale);
        a->constant = take(&at, kernels, sizeof *a->constant);
        a->order = take(&at, kernels, sizeof *a->order);
    }
    return p;
}

struct parzen *parzen_init(void *memory, const struct parzen_axis *axes, size_t n_axes,
                           size_t capacity, double prior_weight)
{
    struct parzen *p = lay_out(memory, n_axes, capacity);

    p->prior_weight = prior_weight;
    for (size_t j = 0; j < n_axes; j++) {
        struct axis *a = &p->axes[j];
        double half = axes[j].kind == PARZEN_WHOLE ? 0.5 : 0;
        a->is = axes[j];
        a->low = coordinate(a, a->is.low - half);
        a->high = coordinate(a, a->is.high + half);
        a->mu[0] = 0.5 * (a->low + a->high);
        a->sigma[0] = 0;
    }
    return p;
}

struct parzen *parzen_copy(void *memory, size_t capacity, const struct parzen *from)
{
    struct parzen *p = lay_out(memory, from->n_axes, capacity);
    size_t kernels = from->n + 1;

    p->n = from->n;
    p->prior_weight = from->prior_weight;
    memcpy(p->id, from->id, from->n * sizeof *p->id);
    for (size_t j = 0; j < from->n_axes; j++) {
        struct axis *a = &p->axes[j];
        const struct axis *old = &from->axes[j];
        a->is = old->is;
        a->low = old->low;
        a->high = old->high;
        memcpy(a->mu, old->mu, kernels * sizeof *a->mu);
        memcpy(a->sigma, old->sigma, kernels * sizeof *a->sigma);
        memcpy(a->scale, old->scale, kernels * sizeof *a->scale);
        memcpy(a->constant, old->constant, kernels * sizeof *a->constant);
        memcpy(a->order, old->order, from->n * sizeof *a->order);
    }
    return p;
}

size_t parzen_axes(const struct parzen *p)
{
    return p->n_axes;
}

size_t parzen_capacity(const struct parzen *p)
{
    return p->capacity;
}

/* The place of the first point whose id is not smaller. */
static size_t place_of(const struct parzen *p, int64_t id)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->id[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many points of the order stand before the one at `place` with this mu. */
static size_t rank_of(const struct axis *a, size_t n, double mu, int32_t place)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int32_t other = a->order[middle];
        if (a->mu[other] < mu || (a->mu[other] == mu && other < place))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void shift(double *array, size_t from, size_t to, size_t n)
{
    memmove(array + to, array + from, n * sizeof *array);
}

bool parzen_add(struct parzen *p, int64_t id, const double *x)
{
    size_t place = place_of(p, id), behind = p->n + 1 - place;

    if (p->n == p->capacity)
        return false;
    memmove(p->id + place + 1, p->id + place, (p->n - place) * sizeof *p->id);
    p->id[place] = id;
    for (size_t j = 0; j < p->n_axes; j++) {
        struct axis *a = &p->axes[j];
        size_t rank;
        shift(a->mu, place, place + 1, behind);
        shift(a->sigma, place, place + 1, behind);
        shift(a->scale, place, place + 1, behind);
        shift(a->constant, place, place + 1, behind);
        a->mu[place] = coordinate(a, fmin(fmax(x[j], a->is.low), a->is.high));
        a->sigma[place] = 0;
        for (size_t i = 0; i < p->n; i++)
            a->order[i] += a->order[i] >= (int32_t)place;
        rank = rank_of(a, p->n, a->mu[place], (int32_t)place);
        memmove(a->order + rank + 1, a->order + rank, (p->n - rank) * sizeof *a->order);
        a->order[rank] = (int32_t)place;
    }
    p->n++;
    p->stale = true;
    return true;
}

void parzen_remove(struct parzen *p, int64_t id)
{
    size_t place = place_of(p, id), behind = p->n - place;

    if (place == p->n || p->id[place] != id)
        return;
    memmove(p->id + place, p->id + place + 1, (behind - 1) * sizeof *p->id);
    for (size_t j = 0; j < p->n_axes; j++) {
        struct axis *a = &p->axes[j];
        size_t rank = rank_of(a, p->n, a->mu[place], (int32_t)place);
        memmove(a->order + rank, a->order + rank + 1, (p->n - rank - 1) * sizeof *a->order);
        for (size_t i = 0; i < p->n - 1; i++)
            a->order[i] -= a->order[i] > (int32_t)place;
        shift(a->mu, place + 1, place, behind);
        shift(a->sigma, place + 1, place, behind);
        shift(a->scale, place + 1, place, behind);
        shift(a->constant, place + 1, place, behind);
    }
    p->n--;
    p->stale = true;
}

/* The newest 25 weigh 1; before them a straight line up from 1/n. */
static void weigh(struct parzen *p)
{
    size_t ramp = p->n > NEWEST ? p->n - NEWEST : 0;
    double first = p->n > 0 ? 1.0 / (double)p->n : 1;
    double step = ramp > 1 ? (1 - first) / (double)(ramp - 1) : 0;

    p->total = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->weight[i] = i >= ramp ? 1 : ramp > 1 && i == ramp - 1 ? 1 : (double)i * step + first;
        p->total += p->weight[i];
    }
    p->weight[p->n] = p->prior_weight;
    p->total += p->prior_weight;
}

/* Gives the kernel this bandwidth, and what its density is divided by. */
static void set_sigma(struct axis *a, size_t kernel, double sigma)
{
    double mass;

    if (a->sigma[kernel] == sigma)
        return;
    a->sigma[kernel] = sigma;
    a->scale[kernel] = sqrt_half / sigma;
    mass = normal_mass((a->low - a->mu[kernel]) / sigma, (a->high - a->mu[kernel]) / sigma);
    a->constant[kernel] = -real_quick_log(mass);
    if (a->is.kind == PARZEN_CONTINUOUS)
        a->constant[kernel] -= real_quick_log(sigma) + log_sqrt_2pi;
}

/* The bandwidths of one axis of n points. */
static void spread(struct axis *a, size_t n)
{
    double range = a->high - a->low, least = range / (n + 2 < 100 ? (double)(n + 2) : 100);

    for (size_t i = 0; i < n; i++) {
        size_t kernel = (size_t)a->order[i];
        double mu = a->mu[kernel];
        double left = mu - (i > 0 ? a->mu[a->order[i - 1]] : a->low);
        double right = (i + 1 < n ? a->mu[a->order[i + 1]] : a->high) - mu;
        double sigma = fmax(left, right);
        if (n > 1 && i == 0)
            sigma = right;
        if (n > 1 && i == n - 1)
            sigma = left;
        set_sigma(a, kernel, fmin(fmax(sigma, least), range));
    }
    set_sigma(a, n, range);
}

static void refresh(struct parzen *p)
{
    if (!p->stale)
        return;
    p->stale = false;
    weigh(p);
    for (size_t j = 0; j < p->n_axes; j++) {
        struct axis *a = &p->axes[j];
        double choices = a->is.high + 1, share = p->prior_weight / (double)(p->n + 1);
        if (a->is.kind != PARZEN_CATEGORY) {
            spread(a, p->n);
            continue;
        }
        a->hit = real_quick_log((1 + share) / (1 + choices * share));
        a->miss = real_quick_log(share / (1 + choices * share));
    }
}

static void add_continuous(const struct axis *a, size_t kernels, double x, double *restrict term)
{
    const double *mu = a->mu, *scale = a->scale, *constant = a->constant;

    for (size_t i = 0; i < kernels; i++) {
        double z = (x - mu[i]) * scale[i];
        term[i] += constant[i] - z * z;
    }
}

static double whole_term(const struct axis *a, size_t kernel, double low, double high)
{
    double mu = a->mu[kernel], sigma = a->sigma[kernel];

    return a->constant[kernel] +
           real_quick_log(normal_mass((low - mu) / sigma, (high - mu) / sigma));
}

/* Points whose term is below `least` already are passed over. Kernels that are alike stand side by
 * side in the order: one computation for them. */
static void add_whole(const struct axis *a, size_t n, double k, double least, double *restrict term)
{
    const double *mus = a->mu, *sigmas = a->sigma;
    double low = coordinate(a, k - 0.5), high = coordinate(a, k + 0.5);
    double mu = 0, sigma = 0, found = 0;

    for (size_t i = 0; i < n; i++) {
        size_t kernel = (size_t)a->order[i];
        if (term[kernel] < least)
            continue;
        if (mus[kernel] != mu || sigmas[kernel] != sigma) {
            mu = mus[kernel];
            sigma = sigmas[kernel];
            found = whole_term(a, kernel, low, high);
        }
        term[kernel] += found;
    }
}

static void add_category(const struct axis *a, size_t kernels, double x, double *restrict term)
{
    const double *mu = a->mu, hit = a->hit, miss = a->miss;

    for (size_t i = 0; i + 1 < kernels; i++)
        term[i] += mu[i] == x ? hit : miss;
    term[kernels - 1] -= real_quick_log(a->is.high + 1);
}

/*
 * Whole numbers last, for they cost most: a probability's logarithm is at most 0, so a kernel that
 * is negligible beside the prior without them stays so.
 */
static void add_terms(struct parzen *p, const double *x)
{
    double *prior = &p->term[p->n], whole = 0, least;

    for (size_t j = 0; j < p->n_axes; j++) {
        const struct axis *a = &p->axes[j];
        if (a->is.kind == PARZEN_CONTINUOUS)
            add_continuous(a, p->n + 1, x[j], p->term);
        else if (a->is.kind == PARZEN_CATEGORY)
            add_category(a, p->n + 1, x[j], p->term);
        else
            whole += whole_term(a, p->n, coordinate(a, x[j] - 0.5), coordinate(a, x[j] + 0.5));
    }
    *prior += whole;
    least = *prior + negligible;
    for (size_t j = 0; j < p->n_axes; j++)
        if (p->axes[j].is.kind == PARZEN_WHOLE)
            add_whole(&p->axes[j], p->n, x[j], least, p->term);
}

/* The largest of n >= 1 terms, in four lanes that need not wait for each other. */
static double largest(const double *term, size_t n)
{
    double most[4] = {term[0], term[0], term[0], term[0]};
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        for (size_t lane = 0; lane < 4; lane++)
            most[lane] = term[i + lane] > most[lane] ? term[i + lane] : most[lane];
    for (; i < n; i++)
        most[0] = term[i] > most[0] ? term[i] : most[0];
    return fmax(fmax(most[0], most[1]), fmax(most[2], most[3]));
}

double parzen_log_density(struct parzen *p, const double *x)
{
    double most, sum = 0;
    size_t kernels = p->n + 1;

    refresh(p);
    memset(p->term, 0, kernels * sizeof *p->term);
    add_terms(p, x);
    most = largest(p->term, kernels);
    for (size_t i = 0; i < kernels; i++)
        if (p->term[i] - most > negligible)
            sum += p->weight[i] * real_quick_exp(p->term[i] - most);
    return most + real_quick_log(sum / p->total);
}

static double draw_number(const struct axis *a, size_t kernel, double u)
{
    double x = normal_between(a->mu[kernel], a->sigma[kernel], a->low, a->high, u);

    if (a->is.kind == PARZEN_CONTINUOUS)
        return x;
    if (a->is.log)
        x = real_exp(x);
    return fmin(a->is.low + nearbyint(fmax(x - a->is.low, 0)), a->is.high);
}

static double draw_category(const struct parzen *p, const struct axis *a, size_t kernel, double u)
{
    double choices = a->is.high + 1, own = a->mu[kernel];
    double share = p->prior_weight / (double)(p->n + 1);
    double left = u * (1 + choices * share);

    if (kernel == p->n)
        return fmin(floor(u * choices), a->is.high);
    for (int k = 0; k < (int)a->is.high; k++) {
        left -= share + (k == own ? 1 : 0);
        if (left < 0)
            return k;
    }
    return a->is.high;
}

void parzen_draw(struct parzen *p, const double *uniform, double *x)
{
    size_t kernel = 0;
    double left;

    refresh(p);
    left = uniform[0] * p->total;
    while (kernel < p->n && (left -= p->weight[kernel]) >= 0)
        kernel++;
    for (size_t j = 0; j < p->n_axes; j++) {
        const struct axis *a = &p->axes[j];
        if (a->is.kind == PARZEN_CATEGORY)
            x[j] = draw_category(p, a, kernel, uniform[1 + j]);
        else
            x[j] = draw_number(a, kernel, uniform[1 + j]);
    }
}
