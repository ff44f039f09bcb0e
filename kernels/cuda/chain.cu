/* chain: a guess, what each chunk adds, the walk. Start at chain_add. */
#include "kernels/cuda/chain.h"

#include "kernels/cuda/rows.h"

namespace
{

/* Of a chunk, every lane has `PARTS` threads, one behind the other. */
enum { PARTS = 32, THREADS = CHAIN_LANES * PARTS };

constexpr int64_t WHOLE = 1 << 24; /* S ends below it */

struct chain_shared {
    double sum[THREADS];
    float largest[THREADS];
    int64_t adds[THREADS][2];
};

/* The part of a chunk that this thread has: elements [first, end) of its lane, in their order. */
struct part {
    unsigned lane;
    size_t first, end;
};

FORMULA struct part part_of(size_t n)
{
    const size_t from = (size_t)blockIdx.x * CHAIN_CHUNK;
    const size_t left = n - from, count = left < CHAIN_CHUNK ? left : (size_t)CHAIN_CHUNK;
    const size_t per_lane = (count + CHAIN_LANES - 1) / CHAIN_LANES;
    const size_t step = (per_lane + PARTS - 1) / PARTS;
    const unsigned lane = threadIdx.x % CHAIN_LANES;
    const size_t in_lane = count > lane ? (count - lane - 1) / CHAIN_LANES + 1 : 0;
    const size_t first = threadIdx.x / CHAIN_LANES * step;
    const size_t end = first + step < in_lane ? first + step : in_lane;

    return {lane, from + first * CHAIN_LANES + lane, from + end * CHAIN_LANES + lane};
}

/* Sums in double, in any order: only guesses come of them. */
__global__ void guess_kernel(const float *x, size_t n, struct chain_chunk *chunks)
{
    SHARED(struct chain_shared, s);
    const struct part p = part_of(n);
    const unsigned t = threadIdx.x;
    double sum = 0;
    float largest = 0;

    for (size_t i = p.first; i < p.end; i += CHAIN_LANES) {
        sum += (double)x[i] * (double)x[i];
        largest = lanes_max(lanes_abs(x[i]), largest);
    }
    s->sum[t] = sum;
    s->largest[t] = largest;
    __syncthreads();
    for (unsigned half = THREADS / 2; half >= CHAIN_LANES; half /= 2) {
        if (t < half) {
            s->sum[t] += s->sum[t + half];
            s->largest[t] = lanes_max(s->largest[t], s->largest[t + half]);
        }
        __syncthreads();
    }
    if (t < CHAIN_LANES)
        chunks[blockIdx.x].sum[t] = s->sum[t];
    if (t == 0) {
        for (unsigned l = 1; l < CHAIN_LANES; l++)
            largest = lanes_max(s->largest[l], l == 1 ? s->largest[0] : largest);
        chunks[blockIdx.x].largest = largest;
    }
}

/* What stands before each chunk, as the exponent of a float. One thread a lane. */
__global__ void before_kernel(struct chain_chunk *chunks, size_t n_chunks, const float *state)
{
    const unsigned lane = threadIdx.x;
    double sum = state[lane];

    for (size_t i = 0; i < n_chunks; i++) {
        const double own = chunks[i].sum[lane];
        chunks[i].exponent[lane] = (int32_t)(__float_as_uint((float)sum) >> 23 & 0xff);
        sum += own;
    }
}

/* x² in units of a sum with this exponent, rounded down; what is left over against a half: below
 * it, it, above it. -1: too large, or no number. */
FORMULA int64_t units_of(float x, int32_t exponent, int *rest)
{
    const unsigned bits = __float_as_uint(x) & 0x7fffffff, field = bits >> 23;
    const int power = field > 0 ? (int)field : 1, shift = exponent + 150 - 2 * power;
    const uint64_t mantissa = (bits & 0x7fffff) | (field > 0 ? 0x800000 : 0);
    const uint64_t square = mantissa * mantissa;
    uint64_t left, half;

    *rest = -1;
    if (field == 0xff || (shift <= 0 && square > 0))
        return -1;
    if (shift > 49 || square == 0) /* less than half of a unit */
        return 0;
    left = square & (((uint64_t)1 << shift) - 1);
    half = (uint64_t)1 << (shift - 1);
    *rest = left > half ? 1 : left == half ? 0 : -1;
    return (int64_t)(square >> shift);
}

/* What a part adds to an even and to an odd S. */
FORMULA void add_part(const float *x, const struct part &p, int32_t exponent, int64_t (&adds)[2])
{
    adds[0] = adds[1] = 0;
    for (size_t i = p.first; i < p.end; i += CHAIN_LANES) {
        int rest;
        const int64_t units = units_of(x[i], exponent, &rest);
        if (units < 0 || units >= WHOLE) {
            adds[0] = adds[1] = -1;
            return;
        }
        for (int odd = 0; odd < 2; odd++) {
            const int64_t to = adds[odd] + units; /* a tie goes to the even neighbour */
            adds[odd] = to + (rest > 0 || (rest == 0 && ((to + odd) & 1)));
        }
    }
}

__global__ void adds_kernel(const float *x, size_t n, struct chain_chunk *chunks)
{
    SHARED(struct chain_shared, s);
    const struct part p = part_of(n);
    const unsigned t = threadIdx.x;
    int64_t adds[2];

    add_part(x, p, chunks[blockIdx.x].exponent[p.lane], adds);
    s->adds[t][0] = adds[0];
    s->adds[t][1] = adds[1];
    __syncthreads();
    if (t >= CHAIN_LANES)
        return;
    for (int odd = 0; odd < 2; odd++) {
        int64_t sum = 0;
        for (unsigned part = 0; part < PARTS && sum >= 0; part++) {
            const int64_t next = s->adds[part * CHAIN_LANES + t][(sum + odd) & 1];
            sum = next < 0 || sum + next >= WHOLE ? -1 : sum + next;
        }
        chunks[blockIdx.x].adds[t][odd] = sum;
    }
}

/* The sum behind a chunk, from the one before it. */
FORMULA float walk_chunk(float sum, const float *x, size_t first, size_t end,
                         const struct chain_chunk &chunk, unsigned lane)
{
    const unsigned bits = __float_as_uint(sum);
    const int64_t whole = (bits & 0x7fffff) | 0x800000;
    const int64_t adds = chunk.adds[lane][bits & 1];

    if ((int32_t)(bits >> 23) == chunk.exponent[lane] && chunk.exponent[lane] > 0 && adds >= 0 &&
        whole + adds < WHOLE)
        return __uint_as_float((bits & 0xff800000) | (unsigned)((whole + adds) & 0x7fffff));
    for (size_t i = first + lane; i < end; i += CHAIN_LANES)
        sum = __fmaf_rn(x[i], x[i], sum);
    return sum;
}

/* One thread a lane. */
__global__ void walk_kernel(const float *x, size_t n, const struct chain_chunk *chunks,
                            float *state)
{
    const unsigned lane = threadIdx.x;
    float sum = state[lane], largest = state[CHAIN_LANES];

    for (size_t i = 0, from = 0; from < n; i++, from += CHAIN_CHUNK) {
        const size_t end = n - from < CHAIN_CHUNK ? n : from + CHAIN_CHUNK;
        sum = walk_chunk(sum, x, from, end, chunks[i], lane);
        largest = lanes_max(chunks[i].largest, largest);
    }
    state[lane] = sum;
    if (lane == 0)
        state[CHAIN_LANES] = largest;
}

} // namespace

void chain_add(struct cuda *c, const float *x, size_t n, float *state, struct chain_chunk *chunks)
{
    const unsigned n_chunks = cuda_blocks(n, CHAIN_CHUNK);

    if (n == 0)
        return;
    LAUNCH(c, n_chunks, THREADS, sizeof(struct chain_shared), guess_kernel, x, n, chunks);
    LAUNCH(c, 1, CHAIN_LANES, 0, before_kernel, chunks, (size_t)n_chunks, state);
    LAUNCH(c, n_chunks, THREADS, sizeof(struct chain_shared), adds_kernel, x, n, chunks);
    LAUNCH(c, 1, CHAIN_LANES, 0, walk_kernel, x, n, chunks, state);
}
