/// The part of UCX that DeepEP uses: messages with labels between workers; its own headers stay behind this one.
#ifndef DEEPEP_SYSTEM_UCX_H
#define DEEPEP_SYSTEM_UCX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct deepep_ucx deepep_ucx;
typedef struct deepep_ucx_context deepep_ucx_context;
typedef struct deepep_ucx_worker deepep_ucx_worker;

typedef struct deepep_ucx_version {
  unsigned major, minor, release;
} deepep_ucx_version;

/// What functions return besides UCX's errors, which are negative.
enum { DEEPEP_UCX_DONE = 0, DEEPEP_UCX_RUNNING = 1 };

/// Opens the library of this name, or Debian's where it is NULL; NULL and a message when it is missing.
deepep_ucx *_Nullable deepep_ucx_open(
    const char *_Nullable name, char *message, size_t message_bytes);

/// Frees what opening has allocated; the library itself stays.
void deepep_ucx_free(deepep_ucx *library);

deepep_ucx_version deepep_ucx_get_version(const deepep_ucx *library);

/// UCX's words for a negative status.
const char *deepep_ucx_reason(const deepep_ucx *library, int status);

/// Opens the transports and devices that UCX's own variables allow; NULL and a message when there are none.
/// Workers of several threads may share one. A thread with this name, of up to 15 characters, looks after them. With
/// `spares_rendezvous` UCX sends messages of any size without asking the other side first, whatever its variables say.
deepep_ucx_context *_Nullable deepep_ucx_context_create(
    const deepep_ucx *library, const char *thread_name, bool spares_rendezvous, char *message,
    size_t message_bytes);

/// Writes the transports and devices of a context, "tcp/eth0", one a line; as many as there is room for.
void deepep_ucx_context_devices(
    const deepep_ucx_context *context, char *text, size_t text_bytes);

/// Ends a context, as soon as its workers have ended.
void deepep_ucx_context_destroy(deepep_ucx_context *context);

/// Makes a worker that can be connected to `peers` others. While no thread of its rank is at work with it, one of this
/// shim moves on what is left.
deepep_ucx_worker *_Nullable deepep_ucx_worker_create(
    deepep_ucx_context *context, int peers, char *message, size_t message_bytes);

/// Ends a worker a little later, when what was sent has gone out. UCX ends the process if a request of it is still under
/// way.
void deepep_ucx_worker_destroy(deepep_ucx_worker *worker);

/// Copies the address by which others connect to the worker, if it fits; returns its bytes, or zero when there is none.
size_t deepep_ucx_worker_address(deepep_ucx_worker *worker, void *bytes, size_t capacity);

/// Connects to the worker of an address; returns zero or an error.
int deepep_ucx_worker_connect(deepep_ucx_worker *worker, int peer, const void *address);

/// Why a peer cannot be reached any more; zero while it can.
int deepep_ucx_worker_failure(deepep_ucx_worker *worker, int peer);

/// Posts a message. Running, it gives the request that has to be tested until it is done or cancelled.
int deepep_ucx_send(
    deepep_ucx_worker *worker, int peer, const void *_Nullable bytes, size_t count, uint64_t tag,
    void *_Nullable *_Nonnull request);

/// Posts memory for the next message with this tag; unless that fails it gives a request as above.
int deepep_ucx_receive(
    deepep_ucx_worker *worker, void *_Nullable bytes, size_t count, uint64_t tag,
    void *_Nullable *_Nonnull request);

/// The state of a request of a send; what is not running any more is freed.
int deepep_ucx_test_send(deepep_ucx_worker *worker, void *request);

/// The state of a request of a receive, and how many bytes came; what is not running any more is freed.
int deepep_ucx_test_receive(deepep_ucx_worker *worker, void *request, size_t *received);

/// Asks for the end of a running request, which is tested as before: it may be under way for a while longer.
void deepep_ucx_cancel(deepep_ucx_worker *worker, void *request);

/// Moves what can be moved; returns whether anything did.
int deepep_ucx_progress(deepep_ucx_worker *worker);

/// Sleeps until something happens, a descriptor is readable, or the time is over; not at all when something has
/// happened since the last progress.
void deepep_ucx_sleep(deepep_ucx_worker *worker, int waker, int milliseconds);

#pragma clang assume_nonnull end
#endif
