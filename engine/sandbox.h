/*
 * sandbox: how much an action sees of the machine (docs/sandbox.md). It is in no key: a result is
 * the same with and without.
 */
#ifndef ENGINE_SANDBOX_H
#define ENGINE_SANDBOX_H

enum sandbox {
    SANDBOX_OFF,   /* everything */
    SANDBOX_ON,    /* what it declares; where the kernel cannot hide the rest, everything */
    SANDBOX_STRICT /* what it declares, and it fails as soon as it asks for more */
};

#endif
