#define _GNU_SOURCE
#include "UCXLibrary.h"

#include <DeepEPSystemLibraries.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static ucs_status_t start(
    const deepep_ucx *library, bool spares_rendezvous, ucp_context_h *context) {
  ucp_config_t *variables;
  ucs_status_t status = library->ucp_config_read(NULL, NULL, &variables);
  if (status != UCS_OK) return status;
  if (spares_rendezvous) library->ucp_config_modify(variables, "RNDV_THRESH", "inf");
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
    const deepep_ucx *library, const char *thread_name, bool spares_rendezvous, char *message,
    size_t message_bytes) {
  deepep_ucx_context *context = calloc(1, sizeof *context);
  if (!context) return NULL;
  context->library = *library;
  snprintf(context->thread_name, sizeof context->thread_name, "%s", thread_name);
  ucs_status_t status = start(library, spares_rendezvous, &context->context);
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
  context->library.ucp_context_print_info(context->context, stream);
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

// MARK: Worker

deepep_ucx_worker *deepep_ucx_worker_create(
    deepep_ucx_context *context, int peers, char *message, size_t message_bytes) {
  const deepep_ucx *library = &context->library;
  deepep_ucx_worker *worker = calloc(1, sizeof *worker + (size_t)peers * sizeof(peer_state));
  if (!worker) return NULL;
  (worker->library = library, worker->context = context);
  ucp_worker_params_t parameters = {
      .field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE,
      .thread_mode = UCS_THREAD_MODE_SERIALIZED,
  };
  ucs_status_t status =
      library->ucp_worker_create(context->context, &parameters, &worker->worker);
  if (status == UCS_OK) {
    status = library->ucp_worker_get_efd(worker->worker, &worker->descriptor);
    if (status == UCS_OK) {
      pthread_mutex_init(&worker->lock, NULL);
      deepep_ucx_tend(worker);
      return worker;
    }
    library->ucp_worker_destroy(worker->worker);
  }
  snprintf(message, message_bytes, "%s", library->ucs_status_string(status));
  free(worker);
  return NULL;
}

static size_t address(const deepep_ucx_worker *worker, void *address, size_t capacity) {
  ucp_address_t *own;
  size_t count;
  if (worker->library->ucp_worker_get_address(worker->worker, &own, &count) != UCS_OK) return 0;
  if (count <= capacity) memcpy(address, own, count);
  worker->library->ucp_worker_release_address(worker->worker, own);
  return count;
}

size_t deepep_ucx_worker_address(deepep_ucx_worker *worker, void *bytes, size_t capacity) {
  pthread_mutex_lock(&worker->lock);
  size_t count = address(worker, bytes, capacity);
  pthread_mutex_unlock(&worker->lock);
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
  pthread_mutex_lock(&worker->lock);
  ucs_status_t status =
      worker->library->ucp_ep_create(worker->worker, &parameters, &state->endpoint);
  pthread_mutex_unlock(&worker->lock);
  return status;
}

int deepep_ucx_worker_failure(deepep_ucx_worker *worker, int peer) {
  pthread_mutex_lock(&worker->lock);
  ucs_status_t failure = worker->peers[peer].failure;
  pthread_mutex_unlock(&worker->lock);
  return failure;
}

// MARK: Messages

/// What a call that posts something has returned: nothing when it is done, an error, or a request.
static int posted(ucs_status_ptr_t pointer, void **request) {
  *request = UCS_PTR_IS_PTR(pointer) ? pointer : NULL;
  if (*request) return DEEPEP_UCX_RUNNING;
  return pointer ? UCS_PTR_STATUS(pointer) : DEEPEP_UCX_DONE;
}

int deepep_ucx_send(
    deepep_ucx_worker *worker, int peer, const void *bytes, size_t count, uint64_t tag,
    void **request) {
  static const ucp_request_param_t parameters = {0};
  pthread_mutex_lock(&worker->lock);
  int status = posted(
      worker->library->ucp_tag_send_nbx(
          worker->peers[peer].endpoint, bytes, count, tag, &parameters),
      request);
  pthread_mutex_unlock(&worker->lock);
  return status;
}

// UCX 1.13 does not say how long a message is that is received at once, so there is always a request.
int deepep_ucx_receive(
    deepep_ucx_worker *worker, void *bytes, size_t count, uint64_t tag, void **request) {
  static const ucp_request_param_t parameters = {.op_attr_mask = UCP_OP_ATTR_FLAG_NO_IMM_CMPL};
  pthread_mutex_lock(&worker->lock);
  int status = posted(
      worker->library->ucp_tag_recv_nbx(
          worker->worker, bytes, count, tag, UINT64_MAX, &parameters),
      request);
  pthread_mutex_unlock(&worker->lock);
  return status;
}

/// The state of a request, which is freed when it is not running any more.
static int tested(const deepep_ucx_worker *worker, void *request, ucs_status_t status) {
  if (status == UCS_INPROGRESS) return DEEPEP_UCX_RUNNING;
  worker->library->ucp_request_free(request);
  return status;
}

int deepep_ucx_test_send(deepep_ucx_worker *worker, void *request) {
  pthread_mutex_lock(&worker->lock);
  int status = tested(worker, request, worker->library->ucp_request_check_status(request));
  pthread_mutex_unlock(&worker->lock);
  return status;
}

int deepep_ucx_test_receive(deepep_ucx_worker *worker, void *request, size_t *received) {
  ucp_tag_recv_info_t information = {0};
  pthread_mutex_lock(&worker->lock);
  ucs_status_t found = worker->library->ucp_tag_recv_request_test(request, &information);
  *received = information.length;
  int status = tested(worker, request, found);
  pthread_mutex_unlock(&worker->lock);
  return status;
}

void deepep_ucx_cancel(deepep_ucx_worker *worker, void *request) {
  pthread_mutex_lock(&worker->lock);
  worker->library->ucp_request_cancel(worker->worker, request);
  pthread_mutex_unlock(&worker->lock);
}

// MARK: Moving on

int deepep_ucx_progress(deepep_ucx_worker *worker) {
  pthread_mutex_lock(&worker->lock);
  worker->turns++;
  bool has_moved = worker->library->ucp_worker_progress(worker->worker) != 0;
  pthread_mutex_unlock(&worker->lock);
  return has_moved;
}

/// Asks for the next event, unless something has happened already; says whether the rank sleeps from now on.
static bool is_armed(deepep_ucx_worker *worker) {
  pthread_mutex_lock(&worker->lock);
  bool is_armed = worker->library->ucp_worker_arm(worker->worker) == UCS_OK;
  worker->is_asleep = is_armed;
  pthread_mutex_unlock(&worker->lock);
  return is_armed;
}

void deepep_ucx_sleep(deepep_ucx_worker *worker, int waker, int milliseconds) {
  if (!is_armed(worker)) return;
  struct pollfd entries[] = {{waker, POLLIN, 0}, {worker->descriptor, POLLIN, 0}};
  poll(entries, 2, milliseconds);
  pthread_mutex_lock(&worker->lock);
  worker->is_asleep = false;
  pthread_mutex_unlock(&worker->lock);
}
