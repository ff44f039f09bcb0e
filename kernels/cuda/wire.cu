/* wire: a list of what is to move, and the two ways. Start at wire_flush. */
#include "kernels/cuda/wire.h"

#include <atomic>
#include <stdlib.h>

#include "kernels/cuda/nccl.h"
#include "kernels/ranks.h"

namespace
{

constexpr size_t PIECES_MAX = 4096;

struct piece {
    size_t peer, bytes;
    const void *from;
    void *to;
};

struct list {
    size_t n;
    struct piece pieces[PIECES_MAX];
};

} // namespace

struct cuda_wire {
    struct list sends, receives;
    /* NCCL */
    struct nccl nccl;
    struct nccl_comm *comm; /* NULL: copies */
    std::atomic<int> use;   /* who may call it: see enum use */
    /* Copies: what is sent is ready; what was received has been copied. */
    cudaEvent_t ready, copied;
    void *warm; /* of wire_warm, where it failed: others may still copy from it */
};

namespace
{

/* ---- NCCL ---- */

/*
 * A communicator is one thread's at a time. Its rank takes it for a flush; who tells of a failure
 * aborts it when it is idle, and else leaves that to its rank. Then it is nobody's.
 */
enum use { IDLE, BUSY, BUSY_UNWANTED, ABORTED };

bool change(struct cuda_wire *w, int from, int to)
{
    return w->use.compare_exchange_strong(from, to);
}

void check_nccl(struct cuda *c, int failed)
{
    size_t available, total;

    if (failed == 0)
        return;
    /* a broken card fails every call: this one says how */
    cuda_check(c, cudaMemGetInfo(&available, &total), "NCCL");
    cuda_fail(c, ERR_SYSTEM, "NCCL: %s", c->wire->nccl.get_error_string(failed));
}

void move_by_nccl(struct cuda *c)
{
    struct cuda_wire *w = c->wire;
    int failed = w->nccl.group_start();

    for (size_t i = 0; i < w->sends.n && !failed; i++) {
        const struct piece *p = &w->sends.pieces[i];
        failed = w->nccl.send(p->from, p->bytes, NCCL_BYTES, (int)p->peer, w->comm, c->stream);
    }
    for (size_t i = 0; i < w->receives.n && !failed; i++) {
        const struct piece *p = &w->receives.pieces[i];
        failed = w->nccl.recv(p->to, p->bytes, NCCL_BYTES, (int)p->peer, w->comm, c->stream);
    }
    const int ended = w->nccl.group_end();
    check_nccl(c, failed ? failed : ended);
}

/* Another rank has failed: what waits for it on this device ends. */
void stop(void *context)
{
    struct cuda_wire *w = static_cast<struct cuda_wire *>(context);

    while (w->use != ABORTED && w->use != BUSY_UNWANTED) {
        if (change(w, IDLE, ABORTED))
            (void)w->nccl.comm_abort(w->comm);
        else
            (void)change(w, BUSY, BUSY_UNWANTED);
    }
}

/* The end of this rank's use. */
void leave(struct cuda_wire *w)
{
    if (change(w, BUSY, IDLE))
        return;
    w->use = ABORTED;
    (void)w->nccl.comm_abort(w->comm);
}

enum status open_nccl(struct cuda *c, struct error *err)
{
    struct cuda_wire *w = c->wire;
    struct {
        struct nccl_id id;
        int failed;
    } first = {};
    int failed;

    TRY(nccl_open(&w->nccl, err));
    if (c->rank == 0)
        first.failed = w->nccl.get_unique_id(&first.id);
    ranks_show(c->ranks, c->rank, &first);
    TRY(ranks_meet(c->ranks, c->rank, err));
    first = *static_cast<decltype(first) *>(ranks_shown(c->ranks, 0));
    TRY(ranks_meet(c->ranks, c->rank, err));
    if (!(failed = first.failed))
        failed = w->nccl.comm_init_rank(&w->comm, (int)c->n_ranks, first.id, (int)c->rank);
    return failed ? cuda_library_failure(c->place, "NCCL", w->nccl.get_error_string(failed), err)
                  : OK;
}

/* ---- copies ---- */

/* The n-th piece that a rank sends to this one. */
const struct piece *sent_to(const struct cuda_wire *from, size_t rank, size_t n)
{
    for (size_t i = 0; i < from->sends.n; i++)
        if (from->sends.pieces[i].peer == rank && n-- == 0)
            return &from->sends.pieces[i];
    return NULL;
}

void copy_all(struct cuda *c)
{
    struct cuda_wire *w = c->wire;
    size_t taken[RANKS_MAX] = {};

    for (size_t i = 0; i < w->receives.n; i++) {
        const struct piece *to = &w->receives.pieces[i];
        const struct cuda *peer = c->peers[to->peer];
        const struct piece *from = sent_to(peer->wire, c->rank, taken[to->peer]++);
        if (!from || from->bytes != to->bytes) {
            cuda_fail(c, ERR_SYSTEM, "ranks disagree on what is sent");
            return;
        }
        cuda_check(
            c,
            cudaMemcpyPeerAsync(to->to, c->device, from->from, peer->device, to->bytes, c->stream),
            "a copy between ranks");
    }
}

void wait_for_all(struct cuda *c, cudaEvent_t cuda_wire::*event)
{
    for (size_t i = 0; i < c->n_ranks; i++) {
        if (i != c->rank)
            cuda_check(c, cudaStreamWaitEvent(c->stream, c->peers[i]->wire->*event, 0), "ranks");
    }
}

void move_by_copies(struct cuda *c)
{
    struct cuda_wire *w = c->wire;

    cuda_check(c, cudaEventRecord(w->ready, c->stream), "ranks");
    cuda_meet(c);
    if (cuda_broken(c))
        return;
    wait_for_all(c, &cuda_wire::ready);
    copy_all(c);
    cuda_check(c, cudaEventRecord(w->copied, c->stream), "ranks");
    cuda_meet(c);
    if (!cuda_broken(c))
        wait_for_all(c, &cuda_wire::copied);
}

/* Whether any two ranks are on one device. */
bool devices_are_shared(const struct cuda *c)
{
    for (size_t i = 0; i < c->n_ranks; i++)
        for (size_t j = 0; j < i; j++)
            if (*static_cast<int *>(ranks_shown(c->ranks, i)) ==
                *static_cast<int *>(ranks_shown(c->ranks, j)))
                return true;
    return false;
}

void add(struct list *l, struct cuda *c, struct piece p)
{
    if (p.bytes == 0)
        return;
    if (l->n == PIECES_MAX)
        cuda_fail(c, ERR_SYSTEM, "more pieces between ranks than %zu", PIECES_MAX);
    else
        l->pieces[l->n++] = p;
}

} // namespace

enum status wire_open(struct cuda *c, struct error *err)
{
    struct cuda_wire *w = static_cast<struct cuda_wire *>(calloc(1, sizeof *w));
    cudaError_t e;
    bool shared;

    if (!(c->wire = w))
        return error_memory(err);
    e = cudaEventCreateWithFlags(&w->ready, cudaEventDisableTiming);
    if (e == cudaSuccess)
        e = cudaEventCreateWithFlags(&w->copied, cudaEventDisableTiming);
    if (e != cudaSuccess)
        return cuda_failure(c->place, e, "cannot open the device", err);
    ranks_show(c->ranks, c->rank, &c->device);
    TRY(ranks_meet(c->ranks, c->rank, err));
    shared = devices_are_shared(c);
    TRY(ranks_meet(c->ranks, c->rank, err));
    if (shared)
        return OK;
    TRY(open_nccl(c, err));
    ranks_on_failure(c->ranks, c->rank, stop, w);
    return OK;
}

void wire_close(struct cuda *c)
{
    struct cuda_wire *w = c->wire;

    if (!w)
        return;
    ranks_on_failure(c->ranks, c->rank, NULL, NULL);
    if (w->comm && w->use != ABORTED)
        (void)w->nccl.comm_destroy(w->comm);
    if (w->ready)
        (void)cudaEventDestroy(w->ready);
    if (w->copied)
        (void)cudaEventDestroy(w->copied);
    (void)cudaFree(w->warm);
    free(w);
}

void wire_send(struct cuda *c, size_t peer, const void *from, size_t bytes)
{
    add(&c->wire->sends, c, {peer, bytes, from, NULL});
}

void wire_receive(struct cuda *c, size_t peer, void *to, size_t bytes)
{
    add(&c->wire->receives, c, {peer, bytes, NULL, to});
}

void wire_flush(struct cuda *c)
{
    struct cuda_wire *w = c->wire;

    ranks_beat(c->ranks, c->rank);
    if (cuda_broken(c)) {
        /* what others wait for, ranks_fail ends */
    } else if (!w->comm) {
        move_by_copies(c);
    } else if (change(w, IDLE, BUSY)) {
        move_by_nccl(c);
        leave(w);
    } else {
        cuda_meet(c); /* which fails */
    }
    w->sends.n = w->receives.n = 0;
}

/* Connections, and what the library needs of the device's memory for them, before ours is taken. */
enum status wire_warm(struct cuda *c, struct error *err)
{
    constexpr size_t bytes = 1 << 18;
    struct cuda_wire *w = c->wire;
    cudaError_t e = cudaMalloc(&w->warm, (c->n_ranks + 1) * bytes);
    char *at = static_cast<char *>(w->warm);

    if (e != cudaSuccess)
        return cuda_failure(c->place, e, "cannot join the ranks", err);
    for (size_t i = 0; i < c->n_ranks; i++)
        if (i != c->rank) {
            wire_send(c, i, at, bytes);
            wire_receive(c, i, at + (i + 1) * bytes, bytes);
        }
    wire_flush(c);
    TRY(cuda_sync(&c->base, err));
    (void)cudaFree(w->warm);
    w->warm = NULL;
    return OK;
}
