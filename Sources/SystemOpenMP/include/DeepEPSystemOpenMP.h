/// The thread pool of GNU OpenMP, which oneDNN's build shares.
#ifndef DEEPEP_SYSTEM_OPENMP_H
#define DEEPEP_SYSTEM_OPENMP_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A compiled kernel: its buffers and the part of its iterations to run.
typedef void (*deepep_kernel)(
    void *_Nullable const *_Nonnull buffers, intptr_t begin, intptr_t end)
    __attribute__((swift_attr("@Sendable")));

/// Any function that a member of the pool runs: a context, and the member's number.
typedef void (*deepep_task)(void *context, intptr_t thread)
    __attribute__((swift_attr("@Sendable")));

typedef struct deepep_openmp deepep_openmp;

/// Opens the library; NULL and a message when it is missing.
deepep_openmp *_Nullable deepep_openmp_open(char *message, size_t message_bytes);

/// Sets the number of threads that oneDNN uses when called from this thread.
void deepep_openmp_set_threads(const deepep_openmp *openmp, int threads);

/// Runs a kernel over [0, count) in `threads` contiguous parts; on this thread alone where one
/// thread or one iteration is all there is.
void deepep_openmp_run(
    const deepep_openmp *openmp, deepep_kernel kernel, void *_Nullable const *_Nonnull buffers,
    intptr_t count, int threads);

/// Runs a function once on each of `threads` threads.
void deepep_openmp_each(
    const deepep_openmp *openmp, deepep_task task, void *context, int threads);

#pragma clang assume_nonnull end
#endif
