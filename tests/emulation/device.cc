/* device: memory that the host cannot touch, streams that are late, launches. Start at drain. */
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "fibers.h"

namespace
{

constexpr size_t page = 4096, shared_guard = 256;

/* An event as it was recorded once. */
struct moment {
    cudaStream_t stream;
    std::atomic<bool> done{false};
};

struct piece {
    size_t bytes, asked;
    int device; /* -1: managed memory, which the host may touch */
};

std::mutex memory_lock;
std::map<void *, piece> pieces;
std::map<int, size_t> taken;
int open_count; /* who works on memory now */

std::atomic<long> calls;
std::atomic<bool> broken;

struct fault {
    long at;
    cudaError_t error;
    bool sticky;
};
thread_local int this_device;

long number_of(const char *name, long otherwise)
{
    const char *value = getenv(name);

    return value && *value ? strtol(value, nullptr, 0) : otherwise;
}

/* HPO_EMULATION_DEVICES, else as many as CUDA_VISIBLE_DEVICES names. */
int device_count()
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int n = 1;

    for (; visible && *visible; visible++)
        n += *visible == ',';
    return static_cast<int>(number_of("HPO_EMULATION_DEVICES", n));
}

/* The fault that is wanted; changed by emulated_fail_at between operations only. */
fault &wanted()
{
    static fault f{number_of("HPO_EMULATION_FAIL", 0),
                   static_cast<cudaError_t>(number_of("HPO_EMULATION_ERROR", cudaErrorUnknown)),
                   true};

    return f;
}

/* Counts a call that may fail. */
cudaError_t count_call()
{
    const fault &f = wanted();
    const long n = ++calls;

    if (n == number_of("HPO_EMULATION_HANG", 0))
        for (;;)
            (void)pause();
    if (f.at > 0 && n == f.at && f.sticky)
        broken = true;
    return broken || (f.at > 0 && n == f.at) ? f.error : cudaSuccess;
}

/* What a wait ends with: the work of another thread may have broken the device meanwhile. */
cudaError_t end_of_wait()
{
    return broken ? wanted().error : cudaSuccess;
}

/* Of a device: the number at its place in a list; that of the last for those behind it. */
long listed(const char *name, int device, long otherwise)
{
    const char *value = getenv(name);

    for (int i = 0; value && i < device && strchr(value, ','); i++)
        value = strchr(value, ',') + 1;
    return value && *value ? strtol(value, nullptr, 0) : otherwise;
}

/* Is there a driver, new enough? */
cudaError_t ask_driver()
{
    const cudaError_t e = count_call();

    return e == cudaSuccess && number_of("HPO_EMULATION_DRIVER", 13000) < 13000
               ? cudaErrorInsufficientDriver
               : e;
}

void protect(int how)
{
    for (const auto &p : pieces)
        if (p.second.device >= 0 && mprotect(p.first, p.second.bytes, how) != 0)
            abort();
}

/* Devices' memory is open while one lives. */
struct opened {
    opened()
    {
        std::lock_guard<std::mutex> hold(memory_lock);
        if (open_count++ == 0)
            protect(PROT_READ | PROT_WRITE);
    }
    ~opened()
    {
        std::lock_guard<std::mutex> hold(memory_lock);
        if (--open_count == 0)
            protect(PROT_NONE);
    }
};

} // namespace

struct emulated_stream {
    std::mutex executing, adding;
    std::deque<std::function<void()>> queue;
};

struct emulated_event {
    std::shared_ptr<moment> last;
};

namespace
{

/* Does the next thing that the stream was given; false where there is none. */
bool step(cudaStream_t s)
{
    std::function<void()> work;

    {
        std::lock_guard<std::mutex> hold(s->adding);
        if (s->queue.empty())
            return false;
        work = std::move(s->queue.front());
        s->queue.pop_front();
    }
    if (!broken) /* a device does nothing more after such an error */
        work();
    return true;
}

/* Does all that the stream was given. */
void drain(cudaStream_t s)
{
    std::lock_guard<std::mutex> execute(s->executing);
    opened memory;

    while (step(s))
        ;
}

/* The same up to a moment. Where another thread empties the stream it is waited for without the
 * lock: that thread may be waiting for a moment of ours. */
void drain_to(const moment &m)
{
    while (!m.done && !broken) {
        if (!m.stream->executing.try_lock()) {
            (void)usleep(50);
            continue;
        }
        {
            opened memory;
            while (!m.done && !broken && step(m.stream))
                ;
        }
        m.stream->executing.unlock();
    }
}

cudaError_t enqueue(cudaStream_t s, std::function<void()> work)
{
    const cudaError_t e = count_call();

    if (e != cudaSuccess)
        return e;
    {
        std::lock_guard<std::mutex> hold(s->adding);
        s->queue.push_back(std::move(work));
    }
    if (number_of("CUDA_LAUNCH_BLOCKING", 0))
        drain(s);
    return cudaSuccess;
}

size_t whole_pages(size_t bytes)
{
    return (bytes + page - 1) / page * page;
}

size_t memory_of_a_device()
{
    return static_cast<size_t>(number_of("HPO_EMULATION_MEMORY", 8L << 30));
}

cudaError_t take(void **out, size_t bytes, int device)
{
    const size_t whole = whole_pages(bytes > 0 ? bytes : 1);
    std::lock_guard<std::mutex> hold(memory_lock);

    if (device >= 0 && bytes > memory_of_a_device() - taken[device])
        return cudaErrorMemoryAllocation;
    auto *at = static_cast<char *>(mmap(nullptr, whole + 2 * page, PROT_NONE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (at == MAP_FAILED)
        return cudaErrorMemoryAllocation;
    *out = at + page;
    if (mprotect(*out, whole, PROT_READ | PROT_WRITE) != 0)
        return cudaErrorMemoryAllocation;
    memset(*out, 0xff, whole); /* what is not cleared is a NaN */
    if (device >= 0 && open_count == 0 && mprotect(*out, whole, PROT_NONE) != 0)
        return cudaErrorMemoryAllocation;
    pieces[*out] = piece{whole, bytes, device};
    taken[device] += bytes;
    return cudaSuccess;
}

/* One block after another, each with shared memory that nobody has written. */
void run_grid(dim3 grid, dim3 threads, size_t shared, const std::function<void()> &body)
{
    static thread_local std::vector<char> memory;
    const unsigned n = grid.x * grid.y * grid.z;
    const fibers_order order = fibers_order_wanted();

    memory.resize(shared + 2 * shared_guard + 64);
    char *at = memory.data() + shared_guard;
    at += 64 - reinterpret_cast<uintptr_t>(at) % 64;
    for (unsigned i = 0; i < n; i++) {
        const unsigned b = fibers_place(order, i, n);
        emulated_place place{};
        memset(memory.data(), 0xff, memory.size());
        place.block = dim3(b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y);
        place.threads = threads;
        place.blocks = grid;
        place.shared = at;
        fibers_run(place, body);
        for (size_t j = 0; j < 64; j++)
            if (static_cast<unsigned char>(at[shared + j]) != 0xff ||
                static_cast<unsigned char>(at[-1 - static_cast<long>(j)]) != 0xff) {
                (void)fprintf(stderr, "emulation: shared memory is written outside of it\n");
                abort();
            }
    }
}

} // namespace

/* ---- launches ---- */

cudaError_t emulated_launch(dim3 grid, dim3 block, size_t shared, cudaStream_t stream,
                            std::function<void()> body)
{
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 || grid.z > 65535 ||
        block.x * block.y * block.z > FIBERS_MAX || shared > 227 << 10)
        return cudaErrorInvalidValue;
    return enqueue(stream, [=] { run_grid(grid, block, shared, body); });
}

cudaError_t emulated_enqueue(cudaStream_t stream, void (*work)(const void *context),
                             const void *context, size_t bytes)
{
    std::vector<char> copy(static_cast<const char *>(context),
                           static_cast<const char *>(context) + bytes);

    return enqueue(stream, [=] { work(copy.data()); });
}

long emulated_fail_at(long n, cudaError_t error, int sticky)
{
    const long were = calls;

    wanted() = fault{n, error, sticky != 0};
    calls = 0;
    broken = false;
    return were;
}

/* ---- devices ---- */

cudaError_t cudaGetDeviceCount(int *n)
{
    const cudaError_t e = ask_driver();

    *n = device_count();
    return e != cudaSuccess ? e : *n > 0 ? cudaSuccess : cudaErrorNoDevice;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *out, int device)
{
    const long capability = listed("HPO_EMULATION_CLASS", device, 90);

    *out = cudaDeviceProp{};
    (void)snprintf(out->name, sizeof out->name, "emulated device");
    out->uuid.bytes[15] = static_cast<char>(device + 1);
    out->totalGlobalMem = memory_of_a_device();
    out->major = static_cast<int>(capability / 10);
    out->minor = static_cast<int>(capability % 10);
    out->multiProcessorCount = 4;
    out->pciBusID = device + 1;
    return count_call();
}

cudaError_t cudaDriverGetVersion(int *out)
{
    *out = static_cast<int>(number_of("HPO_EMULATION_DRIVER", 13000));
    return count_call();
}

cudaError_t cudaRuntimeGetVersion(int *out)
{
    *out = 13000;
    return count_call();
}

cudaError_t cudaSetDevice(int device)
{
    const cudaError_t e = ask_driver();
    const char *mode = getenv("HPO_EMULATION_MODE");

    if (e == cudaSuccess && (device < 0 || device >= device_count()))
        return cudaErrorInvalidDevice;
    if (e == cudaSuccess && device == 0 && mode && strcmp(mode, "exclusive") == 0)
        return cudaErrorDevicesUnavailable;
    this_device = device;
    return e;
}

cudaError_t cudaGetDevice(int *device)
{
    *device = this_device;
    return count_call();
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total)
{
    std::lock_guard<std::mutex> hold(memory_lock);

    *total = memory_of_a_device();
    *free = *total - taken[this_device];
    return count_call();
}

/* ---- memory ---- */

cudaError_t cudaMalloc(void **out, size_t bytes)
{
    const cudaError_t e = count_call();

    return e != cudaSuccess ? e : take(out, bytes, this_device);
}

cudaError_t cudaFree(void *at)
{
    std::lock_guard<std::mutex> hold(memory_lock);
    const auto found = pieces.find(at);

    if (!at)
        return cudaSuccess;
    if (found == pieces.end())
        return cudaErrorInvalidValue;
    taken[found->second.device] -= found->second.asked;
    (void)munmap(static_cast<char *>(at) - page, found->second.bytes + 2 * page);
    pieces.erase(found);
    return cudaSuccess;
}

cudaError_t cudaMallocManaged(void **out, size_t bytes, unsigned flags)
{
    (void)flags;
    return take(out, bytes, -1);
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags)
{
    const cudaError_t e = count_call();

    (void)flags;
    if (e == cudaSuccess && !(*out = malloc(bytes > 0 ? bytes : 1)))
        return cudaErrorMemoryAllocation;
    return e;
}

cudaError_t cudaFreeHost(void *at)
{
    free(at);
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *at, int byte, size_t bytes, cudaStream_t stream)
{
    return enqueue(stream, [=] { memset(at, byte, bytes); });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    (void)kind;
    return enqueue(stream, [=] { memcpy(to, from, bytes); });
}

cudaError_t cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device,
                                size_t bytes, cudaStream_t stream)
{
    (void)to_device;
    (void)from_device;
    return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
}

/* ---- streams and events ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    const cudaError_t e = count_call();

    (void)flags;
    *out = e == cudaSuccess ? new emulated_stream : nullptr;
    return e;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    drain(stream);
    delete stream;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    const cudaError_t e = count_call();

    if (e != cudaSuccess)
        return e;
    drain(stream);
    return end_of_wait();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    const cudaError_t e = count_call();

    (void)flags;
    *out = e == cudaSuccess ? new emulated_event : nullptr;
    return e;
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    auto m = std::make_shared<moment>();

    m->stream = stream;
    event->last = m;
    return enqueue(stream, [=] { m->done = true; });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    const auto m = event->last;

    (void)flags;
    return m ? enqueue(stream, [=] { drain_to(*m); }) : cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    const cudaError_t e = count_call();

    if (e != cudaSuccess)
        return e;
    if (event->last)
        drain_to(*event->last);
    return end_of_wait();
}

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorInvalidDevice:
        return "invalid device ordinal";
    case cudaErrorNoDevice:
        return "no CUDA-capable device is detected";
    case cudaErrorInsufficientDriver:
        return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorECCUncorrectable:
        return "uncorrectable ECC error encountered";
    case cudaErrorDevicesUnavailable:
        return "CUDA-capable device(s) is/are busy or unavailable";
    case cudaErrorLaunchFailure:
        return "unspecified launch failure";
    default:
        return "unknown error";
    }
}
