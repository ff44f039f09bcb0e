/*
 * devices: the cards that this process sees, and for each that cannot be used, why. Nothing is
 * opened for it: the CUDA runtime tells of cards and classes, the driver's NVML of the rest.
 *
 * A class is a compute capability as machine code has it: 90 is sm_90. A build has machine code
 * for some, and machine code runs on later minor versions of its own major one.
 *
 * What a card computes with 16-bit operands is its library's, and has the identity of three things.
 * An emulated card (in tests) has the class "emulated" there.
 */
#ifndef KERNELS_CUDA_DEVICES_H
#define KERNELS_CUDA_DEVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernels/ops.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DEVICES_MAX = 64, DEVICE_WORD_MAX = 32, DEVICE_NAME_MAX = 96, DEVICE_PLACE_MAX = 224 };

struct device_identity {
    char sm[DEVICE_WORD_MAX]; /* "sm_90", "emulated" */
    int sms;
    char cublaslt[DEVICE_WORD_MAX]; /* "13.1.0" */
};

struct device {
    int index;                  /* among those that this process sees */
    char uuid[DEVICE_NAME_MAX]; /* "GPU-...", "MIG-..." */
    char name[DEVICE_NAME_MAX];
    int class_number; /* 90 */
    int sms;
    size_t memory, free; /* bytes; free SIZE_MAX: not known */
    bool usable;
    struct error why; /* else */
};

/* Words are "" where they are not known. */
struct devices {
    char driver[DEVICE_WORD_MAX], cublaslt[DEVICE_WORD_MAX], nccl[DEVICE_WORD_MAX];
    bool usable;      /* this build, on this machine: see the cards then */
    struct error why; /* else */
    struct device list[DEVICES_MAX];
    size_t n;
};

void devices_look(struct devices *out);

/* ERR_INPUT: the card cannot compute such products, or nothing at all; with a hint. */
enum status devices_check(int device, enum ops_product product, struct error *err) MUST_CHECK;

/* devices_check, and the identity of a card with 16-bit operands. */
enum status devices_identity(int device, enum ops_product product, struct device_identity *out,
                             struct error *err) MUST_CHECK;

/* How many cards this process sees. */
enum status devices_count(int *out, struct error *err) MUST_CHECK;

/* "device 0 (NAME, GPU-...)": the engine looks for the UUID where a card fails. */
void devices_place(int device, char out[DEVICE_PLACE_MAX]);

/* A failure of the runtime (its number) in opening a card. */
enum status devices_refuse(int failure, int device, struct error *err) MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
