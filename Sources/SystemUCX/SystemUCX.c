#define _GNU_SOURCE
#include "DeepEPSystemUCX.h"

#include <DeepEPSystemLibraries.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if !__has_include("ucp/api/ucp.h")
#error "run make setup first: it installs UCX's headers (Debian's libucx-dev)"
#endif
#include "ucp/api/ucp.h"

#define FUNCTIONS(F)                                                                        \
  F(ucp_get_version) F(ucs_status_string) F(ucp_config_read) F(ucp_config_release)          \
  F(ucp_init_version) F(ucp_context_print_info) F(ucp_cleanup) F(ucp_worker_create)         \
  F(ucp_worker_destroy) F(ucp_worker_get_address) F(ucp_worker_release_address)             \
  F(ucp_worker_get_efd) F(ucp_worker_arm) F(ucp_worker_progress) F(ucp_ep_flush_nbx)        \
  F(ucp_ep_create) F(ucp_tag_send_nbx) F(ucp_tag_recv_nbx) F(ucp_tag_recv_request_test)     \
  F(ucp_request_check_status) F(ucp_request_cancel) F(ucp_request_free)

struct deepep_ucx {
#define FIELD(name) __typeof__(&name) name;
  FUNCTIONS(FIELD)
#undef FIELD
};

struct deepep_ucx_context {
  const deepep_ucx *library;
  ucp_context_h context;
};

typedef struct {
  ucp_ep_h endpoint;
  ucs_status_t failure;
} peer_state;

struct deepep_ucx_worker {
  const deepep_ucx *library;
  ucp_worker_h worker;
  int descriptor;
  peer_state peers[];
};

// MARK: Library

deepep_ucx *deepep_ucx_open(const char *name, char *message, size_t message_bytes) {
  const char *const names[] = {name ? name : "libucp.so.0", NULL};
  void *library = deepep_library_open(names, message, message_bytes);
  if (!library) return NULL;
  deepep_ucx *table = calloc(1, sizeof *table);
  if (!table) return NULL;
#define LOAD(name)                                                                          \
  table->name =                                                                             \
      (__typeof__(table->name))deepep_library_symbol(library, #name, message, message_bytes); \
  if (!table->name) {                                                                       \
    free(table);                                                                            \
    return NULL;                                                                            \
  }
  FUNCTIONS(LOAD)
#undef LOAD
  return table;
}

void deepep_ucx_free(deepep_ucx *library) { free(library); }

deepep_ucx_version deepep_ucx_get_version(const deepep_ucx *library) {
  deepep_ucx_version version = {0};
  library->ucp_get_version(&version.major, &version.minor, &version.release);
  return version;
}

const char *deepep_ucx_reason(const deepep_ucx *library, int status) {
  return library->ucs_status_string((ucs_status_t)status);
}

// MARK: Context

static ucs_status_t start(const deepep_ucx *library, ucp_context_h *context) {
  ucp_config_t *variables;
  ucs_status_t status = library->ucp_config_read(NULL, NULL, &variables);
  if (status != UCS_OK) return status;
  ucp_params_t parameters = {
      .field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED,
      .features = UCP_FEATURE_TAG | UCP_FEATURE_WAKEUP,
      .mt_workers_shared = 1,
  };
  status = library->ucp_init_version(
      UCP_API_MAJOR, UCP_API_MINOR, &parameters, variables, context);
  library->ucp_config_release(variables);
  return status;
}

deepep_ucx_context *deepep_ucx_context_create(
    const deepep_ucx *library, char *message, size_t message_bytes) {
  deepep_ucx_context *context = calloc(1, sizeof *context);
  if (!context) return NULL;
  context->library = library;
  ucs_status_t status = start(library, &context->context);
  if (status == UCS_OK) return context;
  snprintf(message, message_bytes, "%s", library->ucs_status_string(status));
  free(context);
  return NULL;
}

// UCX tells them to people only: "#   resource 2  :  md 1  dev 2  flags -- tcp/eth0".
void deepep_ucx_context_devices(
    const deepep_ucx_context *context, char *text, size_t text_bytes) {
  char *told = NULL, *rest = NULL;
  size_t length = 0;
  text[0] = 0;
  FILE *stream = open_memstream(&told, &length);
  if (!stream) return;
  context->library->ucp_context_print_info(context->context, stream);
  fclose(stream);
  size_t place = 0;
  for (char *line = strtok_r(told, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    char *name = strrchr(line, ' ');
    if (!name || !strstr(line, " resource ") || !strchr(name, '/')) continue;
    size_t count = strlen(name + 1);
    if (place + count + 2 > text_bytes) break;
    place += (size_t)snprintf(text + place, text_bytes - place, "%s\n", name + 1);
  }
  free(told);
}

void deepep_ucx_context_destroy(deepep_ucx_context *context) {
  context->library->ucp_cleanup(context->context);
  free(context);
}

// MARK: Worker

deepep_ucx_worker *deepep_ucx_worker_create(
    const deepep_ucx_context *context, int peers, char *message, size_t message_bytes) {
  const deepep_ucx *library = context->library;
  deepep_ucx_worker *worker = calloc(1, sizeof *worker + (size_t)peers * sizeof(peer_state));
  if (!worker) return NULL;
  worker->library = library;
  ucp_worker_params_t parameters = {
      .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
      .thread_mode = UCS_THREAD_MODE_SERIALIZED,
  };
  ucs_status_t status =
      library->ucp_worker_create(context->context, &parameters, &worker->worker);
  if (status == UCS_OK) {
    status = library->ucp_worker_get_efd(worker->worker, &worker->descriptor);
    if (status == UCS_OK) return worker;
    library->ucp_worker_destroy(worker->worker);
  }
  snprintf(message, message_bytes, "%s", library->ucs_status_string(status));
  free(worker);
  return NULL;
}

void deepep_ucx_worker_destroy(deepep_ucx_worker *worker) {
  worker->library->ucp_worker_destroy(worker->worker);
  free(worker);
}

size_t deepep_ucx_worker_address(
    const deepep_ucx_worker *worker, void *address, size_t capacity) {
  ucp_address_t *own;
  size_t count;
  if (worker->library->ucp_worker_get_address(worker->worker, &own, &count) != UCS_OK) return 0;
  if (count <= capacity) memcpy(address, own, count);
  worker->library->ucp_worker_release_address(worker->worker, own);
  return count;
}

static void note_failure(void *peer, ucp_ep_h endpoint, ucs_status_t status) {
  (void)endpoint;
  ((peer_state *)peer)->failure = status;
}

// Without error handling by UCX: its transports of shared memory have none, and who watches over ranks is the job.
int deepep_ucx_worker_connect(deepep_ucx_worker *worker, int peer, const void *address) {
  peer_state *state = &worker->peers[peer];
  ucp_ep_params_t parameters = {
      .field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                    UCP_EP_PARAM_FIELD_ERR_HANDLER,
      .address = address,
      .err_mode = UCP_ERR_HANDLING_MODE_NONE,
      .err_handler = {.cb = note_failure, .arg = state},
  };
  return worker->library->ucp_ep_create(worker->worker, &parameters, &state->endpoint);
}

int deepep_ucx_worker_failure(const deepep_ucx_worker *worker, int peer) {
  return worker->peers[peer].failure;
}

// MARK: Messages

/// What a call that posts something has returned: nothing when it is done, an error, or a request.
static int posted(ucs_status_ptr_t pointer, void **request) {
  *request = UCS_PTR_IS_PTR(pointer) ? pointer : NULL;
  if (*request) return DEEPEP_UCX_RUNNING;
  return pointer ? UCS_PTR_STATUS(pointer) : DEEPEP_UCX_DONE;
}

int deepep_ucx_send(
    const deepep_ucx_worker *worker, int peer, const void *bytes, size_t count, uint64_t tag,
    void **request) {
  static const ucp_request_param_t parameters = {0};
  return posted(
      worker->library->ucp_tag_send_nbx(
          worker->peers[peer].endpoint, bytes, count, tag, &parameters),
      request);
}

// UCX 1.13 does not say how long a message is that is received at once, so there is always a request.
int deepep_ucx_receive(
    const deepep_ucx_worker *worker, void *bytes, size_t count, uint64_t tag, void **request) {
  static const ucp_request_param_t parameters = {.op_attr_mask = UCP_OP_ATTR_FLAG_NO_IMM_CMPL};
  return posted(
      worker->library->ucp_tag_recv_nbx(
          worker->worker, bytes, count, tag, UINT64_MAX, &parameters),
      request);
}

/// The state of a request, which is freed when it is not running any more.
static int tested(const deepep_ucx_worker *worker, void *request, ucs_status_t status) {
  if (status == UCS_INPROGRESS) return DEEPEP_UCX_RUNNING;
  worker->library->ucp_request_free(request);
  return status;
}

int deepep_ucx_test_send(const deepep_ucx_worker *worker, void *request) {
  return tested(worker, request, worker->library->ucp_request_check_status(request));
}

int deepep_ucx_test_receive(const deepep_ucx_worker *worker, void *request, size_t *received) {
  ucp_tag_recv_info_t information = {0};
  ucs_status_t status = worker->library->ucp_tag_recv_request_test(request, &information);
  *received = information.length;
  return tested(worker, request, status);
}

void deepep_ucx_cancel(const deepep_ucx_worker *worker, void *request) {
  worker->library->ucp_request_cancel(worker->worker, request);
}

int deepep_ucx_progress(const deepep_ucx_worker *worker) {
  return worker->library->ucp_worker_progress(worker->worker) != 0;
}

int deepep_ucx_flush(const deepep_ucx_worker *worker, int peer, void **request) {
  static const ucp_request_param_t parameters = {0};
  return posted(
      worker->library->ucp_ep_flush_nbx(worker->peers[peer].endpoint, &parameters), request);
}

// MARK: Sleeping

int deepep_ucx_descriptor(const deepep_ucx_worker *worker) { return worker->descriptor; }

int deepep_ucx_arm(const deepep_ucx_worker *worker) {
  return worker->library->ucp_worker_arm(worker->worker) == UCS_OK;
}
