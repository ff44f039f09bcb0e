/*
 * fibers: a stack for each thread of a block, and a switch between them. A fiber that waits at a
 * barrier hands on to the next that can go on; the last one to arrive releases all.
 */
#include "fibers.h"

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__has_feature) /* clang's way to say what gcc says by a macro */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace
{

constexpr size_t stack_bytes = 256 << 10;

enum state { RUNS, WAITS_BLOCK, WAITS_WARP, ENDED };

/* Saved registers lie on the stack: a context is its pointer. */
struct fiber {
    void *context;
    char *stack;
    void *fake_stack; /* of the address sanitizer */
    enum state state;
    unsigned phase; /* of its warp's exchange */
    emulated_place place;
};

struct warp {
    uint64_t values[2][WARP];
    unsigned arrived, alive;
};

struct block {
    fiber fibers[FIBERS_MAX];
    warp warps[FIBERS_MAX / WARP];
    unsigned order[FIBERS_MAX]; /* who follows whom */
    unsigned n, arrived, alive;
    unsigned turn; /* place in order of the fiber that runs */
    void *host;
    void *host_fake_stack;
    void *host_bottom; /* of the stack of the thread of the host that this block belongs to */
    size_t host_size;
    const std::function<void()> *body;
};

thread_local block *current;

#if defined(__x86_64__)
extern "C" void emulated_switch(void **save, void *to);
__asm__(R"(
    .text
    .globl emulated_switch
    .type emulated_switch, @function
emulated_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulated_switch, .-emulated_switch
)");

void prepare(fiber &f, void (*entry)())
{
    void **top = reinterpret_cast<void **>(f.stack + stack_bytes - 64);

    *--top = nullptr; /* entry never returns */
    *--top = reinterpret_cast<void *>(entry);
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    f.context = top;
}

void change(void **save, void *to)
{
    emulated_switch(save, to);
}
#else
/* Slower, and anywhere. A context is a ucontext_t of its own. */
void prepare(fiber &f, void (*entry)())
{
    auto *c = static_cast<ucontext_t *>(f.context ? f.context : malloc(sizeof(ucontext_t)));

    if (!c || getcontext(c) != 0)
        abort();
    c->uc_stack.ss_sp = f.stack;
    c->uc_stack.ss_size = stack_bytes;
    c->uc_link = nullptr;
    makecontext(c, entry, 0);
    f.context = c;
}

void change(void **save, void *to)
{
    if (!*save && !(*save = malloc(sizeof(ucontext_t))))
        abort();
    if (swapcontext(static_cast<ucontext_t *>(*save), static_cast<ucontext_t *>(to)) != 0)
        abort();
}
#endif

/* What the sanitizer must know of a change of stacks; nothing without it. */
void leave(void **fake, const void *bottom, size_t size)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(fake, bottom, size);
#else
    (void)fake;
    (void)bottom;
    (void)size;
#endif
}

/* A fiber that has ended has left its last frames without returning from them. */
void forget_frames(fiber &f)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(f.stack + stack_bytes - 4096, 4096);
#else
    (void)f;
#endif
}

/* Where the host's stack is, for the way back to it. */
void find_host(block &b)
{
#if defined(__SANITIZE_ADDRESS__)
    pthread_attr_t attributes;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
        pthread_attr_getstack(&attributes, &b.host_bottom, &b.host_size) != 0)
        abort();
    (void)pthread_attr_destroy(&attributes);
#else
    (void)b;
#endif
}

void arrive(void *fake)
{
#if defined(__SANITIZE_ADDRESS__)
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(fake, &bottom, &size);
#else
    (void)fake;
#endif
}

fiber &running(block &b)
{
    return b.fibers[b.order[b.turn]];
}

/* Goes on with the next fiber that can, or with the host where all have ended. */
void next(block &b)
{
    fiber &from = running(b);
    const bool ended = from.state == ENDED;
    unsigned tried = 0;

    if (b.alive == 0) {
        leave(nullptr, b.host_bottom, b.host_size);
        change(&from.context, b.host);
        return;
    }
    do {
        b.turn = b.turn + 1 == b.n ? 0 : b.turn + 1;
        if (tried++ > b.n) {
            (void)fprintf(stderr, "emulation: a barrier that not all threads reach\n");
            abort();
        }
    } while (running(b).state != RUNS);
    fiber &to = running(b);
    emulated_now = &to.place;
    if (&to == &from)
        return;
    leave(ended ? nullptr : &from.fake_stack, to.stack, stack_bytes);
    change(&from.context, to.context);
    arrive(running(b).fake_stack);
}

void release_block(block &b)
{
    if (b.arrived < b.alive)
        return;
    b.arrived = 0;
    for (unsigned i = 0; i < b.n; i++)
        if (b.fibers[i].state == WAITS_BLOCK)
            b.fibers[i].state = RUNS;
}

void release_warp(block &b, unsigned index)
{
    warp &w = b.warps[index];

    if (w.arrived < w.alive)
        return;
    w.arrived = 0;
    for (unsigned i = index * WARP; i < b.n && i < (index + 1) * WARP; i++)
        if (b.fibers[i].state == WAITS_WARP)
            b.fibers[i].state = RUNS;
}

void entry()
{
    block &b = *current;

    arrive(nullptr);
    (*b.body)();
    fiber &f = running(b);
    const unsigned w = static_cast<unsigned>(&f - b.fibers) / WARP;
    f.state = ENDED;
    b.alive--;
    b.warps[w].alive--;
    release_block(b); /* who has ended is not waited for */
    release_warp(b, w);
    next(b);
    abort();
}

unsigned thread_number()
{
    return static_cast<unsigned>(&running(*current) - current->fibers);
}

} // namespace

thread_local emulated_place *emulated_now;

fibers_order fibers_order_wanted()
{
    const char *wish = getenv("HPO_EMULATION_ORDER");

    if (!wish)
        return FORWARD;
    return wish[0] == 'b' ? BACKWARD : wish[0] == 's' ? SHUFFLED : FORWARD;
}

/* The i-th of n: a permutation; shuffled by a step that has no divisor with n in common. */
unsigned fibers_place(fibers_order order, unsigned i, unsigned n)
{
    unsigned step = n * 5 / 8 + 1;

    if (order == FORWARD)
        return i;
    if (order == BACKWARD)
        return n - 1 - i;
    while (std::gcd(step, n) != 1)
        step++;
    return static_cast<unsigned>((static_cast<uint64_t>(i) * step + n / 3) % n);
}

void emulated_barrier()
{
    block &b = *current;

    running(b).state = WAITS_BLOCK;
    b.arrived++;
    release_block(b);
    if (running(b).state != RUNS)
        next(b);
}

unsigned emulated_lane()
{
    return thread_number() % WARP;
}

/* One barrier is enough: a lane that is one exchange ahead writes to the other half. */
uint64_t emulated_shuffle(uint64_t value, unsigned from)
{
    block &b = *current;
    const unsigned number = thread_number();
    warp &w = b.warps[number / WARP];
    fiber &f = b.fibers[number];
    const unsigned phase = f.phase;

    f.phase ^= 1;
    w.values[phase][number % WARP] = value;
    f.state = WAITS_WARP;
    w.arrived++;
    release_warp(b, number / WARP);
    if (f.state != RUNS)
        next(b);
    return w.values[phase][from % WARP];
}

void fibers_run(const emulated_place &place, const std::function<void()> &body)
{
    const fibers_order order = fibers_order_wanted();

    if (!current) {
        if (!(current = static_cast<block *>(calloc(1, sizeof *current))))
            abort();
        find_host(*current);
    }
    block &b = *current;
    b.n = place.threads.x * place.threads.y * place.threads.z;
    if (b.n == 0 || b.n > FIBERS_MAX)
        abort();
    b.arrived = 0;
    b.alive = b.n;
    b.body = &body;
    memset(b.warps, 0xff, sizeof b.warps);
    for (unsigned i = 0; i < b.n; i++) {
        fiber &f = b.fibers[i];
        if (!f.stack)
            f.stack = static_cast<char *>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        if (f.stack == MAP_FAILED)
            abort();
        f.state = RUNS;
        f.phase = 0;
        f.place = place;
        f.place.thread = dim3(i % place.threads.x, i / place.threads.x % place.threads.y,
                              i / place.threads.x / place.threads.y);
        forget_frames(f);
        prepare(f, entry);
        b.order[i] = fibers_place(order, i, b.n);
        if (i % WARP == 0)
            b.warps[i / WARP].arrived = b.warps[i / WARP].alive = 0;
        b.warps[i / WARP].alive++;
    }
    b.turn = 0;
    emulated_now = &running(b).place;
    leave(&b.host_fake_stack, running(b).stack, stack_bytes);
    change(&b.host, running(b).context);
    arrive(b.host_fake_stack);
    emulated_now = nullptr;
}
