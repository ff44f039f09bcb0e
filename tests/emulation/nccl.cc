/*
 * nccl: a library that stands for NCCL where devices are emulated. A group of sends and receives is
 * one operation of its stream, and waits there for the other ranks' until one aborts.
 *
 * HPO_EMULATION_NCCL=refuse: a communicator cannot be made.
 */
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_runtime.h"
#include "kernels/cuda/nccl.h"

namespace
{

struct post {
    const void *from;
    size_t bytes;
    bool taken;
};

/* What all communicators of one id share. */
struct meeting {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::pair<int, int>, std::deque<std::shared_ptr<post>>> boxes; /* from, to */
    int joined = 0;
    bool aborted = false;
};

struct move {
    bool send;
    int peer;
    const void *from;
    void *to;
    size_t bytes;
};

/* The moves of one group. */
struct group {
    std::shared_ptr<meeting> with;
    int rank;
    std::vector<move> moves;
};

std::mutex meetings_lock;
std::map<std::string, std::weak_ptr<meeting>> meetings;
int last_id;

} // namespace

struct nccl_comm {
    std::shared_ptr<meeting> with;
    int rank, ranks;
};

namespace
{

thread_local int depth;
thread_local std::vector<move> listed;
thread_local nccl_comm *listed_on;
thread_local cudaStream_t listed_in;

void run(const void *context)
{
    std::unique_ptr<group> g(*static_cast<group *const *>(context));
    meeting &m = *g->with;
    std::vector<std::shared_ptr<post>> sent;
    std::unique_lock<std::mutex> hold(m.mutex);

    for (const move &i : g->moves)
        if (i.send) {
            sent.push_back(std::make_shared<post>(post{i.from, i.bytes, false}));
            m.boxes[{g->rank, i.peer}].push_back(sent.back());
        }
    m.changed.notify_all();
    for (const move &i : g->moves) {
        if (i.send)
            continue;
        auto &box = m.boxes[{i.peer, g->rank}];
        m.changed.wait(hold, [&] { return m.aborted || !box.empty(); });
        if (m.aborted)
            return;
        if (box.front()->bytes != i.bytes)
            abort(); /* the ranks disagree: a real one would hang or write elsewhere */
        memcpy(i.to, box.front()->from, i.bytes);
        box.front()->taken = true;
        box.pop_front();
        m.changed.notify_all();
    }
    for (const auto &i : sent)
        m.changed.wait(hold, [&] { return m.aborted || i->taken; });
}

int list(nccl_comm *comm, cudaStream_t stream, const move &m)
{
    if (depth == 0 || (listed_on && (listed_on != comm || listed_in != stream)))
        return 5; /* ncclInvalidUsage */
    listed_on = comm;
    listed_in = stream;
    listed.push_back(m);
    return 0;
}

} // namespace

extern "C" {

int ncclGetVersion(int *out);
int ncclGetUniqueId(nccl_id *out);
int ncclCommInitRank(nccl_comm **out, int ranks, nccl_id id, int rank);
int ncclCommDestroy(nccl_comm *comm);
int ncclCommAbort(nccl_comm *comm);
int ncclSend(const void *from, size_t n, int type, int peer, nccl_comm *comm, cudaStream_t stream);
int ncclRecv(void *to, size_t n, int type, int peer, nccl_comm *comm, cudaStream_t stream);
int ncclGroupStart(void);
int ncclGroupEnd(void);
const char *ncclGetErrorString(int error);

int ncclGetVersion(int *out)
{
    *out = 22809;
    return 0;
}

int ncclGetUniqueId(nccl_id *out)
{
    std::lock_guard<std::mutex> hold(meetings_lock);

    memset(out, 0, sizeof *out);
    last_id++;
    memcpy(out->bytes, &last_id, sizeof last_id);
    return 0;
}

int ncclCommInitRank(nccl_comm **out, int ranks, nccl_id id, int rank)
{
    const char *how = getenv("HPO_EMULATION_NCCL");
    const std::string name(id.bytes, sizeof id.bytes);
    std::shared_ptr<meeting> m;

    if (how && strcmp(how, "refuse") == 0)
        return 2; /* ncclSystemError */
    {
        std::lock_guard<std::mutex> hold(meetings_lock);
        m = meetings[name].lock();
        if (!m)
            meetings[name] = m = std::make_shared<meeting>();
    }
    std::unique_lock<std::mutex> hold(m->mutex);
    m->joined++;
    m->changed.notify_all();
    m->changed.wait(hold, [&] { return m->joined == ranks; });
    *out = new nccl_comm{m, rank, ranks};
    return 0;
}

int ncclCommDestroy(nccl_comm *comm)
{
    delete comm;
    return 0;
}

int ncclCommAbort(nccl_comm *comm)
{
    std::shared_ptr<meeting> m = comm->with;
    std::lock_guard<std::mutex> hold(m->mutex);

    m->aborted = true;
    m->changed.notify_all();
    return 0;
}

int ncclSend(const void *from, size_t n, int type, int peer, nccl_comm *comm, cudaStream_t stream)
{
    return type != NCCL_BYTES ? 4 : list(comm, stream, move{true, peer, from, nullptr, n});
}

int ncclRecv(void *to, size_t n, int type, int peer, nccl_comm *comm, cudaStream_t stream)
{
    return type != NCCL_BYTES ? 4 : list(comm, stream, move{false, peer, nullptr, to, n});
}

int ncclGroupStart(void)
{
    depth++;
    return 0;
}

int ncclGroupEnd(void)
{
    cudaError_t e = cudaSuccess;

    if (--depth > 0)
        return 0;
    if (listed_on) {
        group *g = new group{listed_on->with, listed_on->rank, listed};
        e = emulated_enqueue(listed_in, run, &g, sizeof(group *));
    }
    listed.clear();
    listed_on = nullptr;
    return e == cudaSuccess ? 0 : 1; /* ncclUnhandledCudaError */
}

const char *ncclGetErrorString(int error)
{
    switch (error) {
    case 0:
        return "no error";
    case 1:
        return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case 2:
        return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case 5:
        return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    default:
        return "unknown result code";
    }
}
}
