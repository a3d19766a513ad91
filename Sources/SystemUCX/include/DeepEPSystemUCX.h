/// The part of UCX that DeepEP uses: messages with labels between workers; its own headers stay behind this one.
#ifndef DEEPEP_SYSTEM_UCX_H
#define DEEPEP_SYSTEM_UCX_H

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
/// Workers of several threads may share one.
deepep_ucx_context *_Nullable deepep_ucx_context_create(
    const deepep_ucx *library, char *message, size_t message_bytes);

/// Writes the transports and devices of a context, "tcp/eth0", one a line; as many as there is room for.
void deepep_ucx_context_devices(
    const deepep_ucx_context *context, char *text, size_t text_bytes);

void deepep_ucx_context_destroy(deepep_ucx_context *context);

/// Makes a worker that can be connected to `peers` others; one thread at a time may use it.
deepep_ucx_worker *_Nullable deepep_ucx_worker_create(
    const deepep_ucx_context *context, int peers, char *message, size_t message_bytes);

/// UCX ends the process if a request of the worker is still under way.
void deepep_ucx_worker_destroy(deepep_ucx_worker *worker);

/// Copies the address by which others connect to the worker, if it fits; returns its bytes, or zero when there is none.
size_t deepep_ucx_worker_address(
    const deepep_ucx_worker *worker, void *address, size_t capacity);

/// Connects to the worker of an address; returns zero or an error.
int deepep_ucx_worker_connect(deepep_ucx_worker *worker, int peer, const void *address);

/// Why a peer cannot be reached any more; zero while it can.
int deepep_ucx_worker_failure(const deepep_ucx_worker *worker, int peer);

/// Posts a message. Running, it gives the request that has to be tested until it is done or cancelled.
int deepep_ucx_send(
    const deepep_ucx_worker *worker, int peer, const void *_Nullable bytes, size_t count,
    uint64_t tag, void *_Nullable *_Nonnull request);

/// Posts memory for the next message with this tag; unless that fails it gives a request as above.
int deepep_ucx_receive(
    const deepep_ucx_worker *worker, void *_Nullable bytes, size_t count, uint64_t tag,
    void *_Nullable *_Nonnull request);

/// The state of a request of a send; what is not running any more is freed.
int deepep_ucx_test_send(const deepep_ucx_worker *worker, void *request);

/// The state of a request of a receive, and how many bytes came; what is not running any more is freed.
int deepep_ucx_test_receive(const deepep_ucx_worker *worker, void *request, size_t *received);

/// Asks for the end of a running request, which is tested as before: it may be under way for a while longer.
void deepep_ucx_cancel(const deepep_ucx_worker *worker, void *request);

/// Moves what can be moved; returns whether anything did.
int deepep_ucx_progress(const deepep_ucx_worker *worker);

/// Waits for all that was sent to a peer to leave this process; a request of a send as above.
int deepep_ucx_flush(
    const deepep_ucx_worker *worker, int peer, void *_Nullable *_Nonnull request);

/// A descriptor for poll(2), which is readable when something happens after ``deepep_ucx_arm``.
int deepep_ucx_descriptor(const deepep_ucx_worker *worker);

/// Asks for the next event; zero when something has happened already, so that there is no reason to sleep.
int deepep_ucx_arm(const deepep_ucx_worker *worker);

#pragma clang assume_nonnull end
#endif
