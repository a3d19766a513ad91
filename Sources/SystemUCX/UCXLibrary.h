/// UCX as it was opened, and what was made of it.
#ifndef DEEPEP_UCX_LIBRARY_H
#define DEEPEP_UCX_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>

#include "DeepEPSystemUCX.h"

#if !__has_include("ucp/api/ucp.h")
#error "run make setup first: it installs UCX's headers (Debian's libucx-dev)"
#endif
#include "ucp/api/ucp.h"

#define FUNCTIONS(F)                                                                        \
  F(ucp_get_version) F(ucs_status_string) F(ucp_config_read) F(ucp_config_release)          \
  F(ucp_config_modify) F(ucp_init_version) F(ucp_context_print_info) F(ucp_cleanup)         \
  F(ucp_worker_create) F(ucp_worker_destroy) F(ucp_worker_get_address)                      \
  F(ucp_worker_release_address) F(ucp_worker_get_efd) F(ucp_worker_arm)                     \
  F(ucp_worker_progress) F(ucp_ep_flush_nbx) F(ucp_ep_create) F(ucp_tag_send_nbx)           \
  F(ucp_tag_recv_nbx) F(ucp_tag_recv_request_test) F(ucp_request_check_status)              \
  F(ucp_request_cancel) F(ucp_request_free)

struct deepep_ucx {
#define FIELD(name) __typeof__(&name) name;
  FUNCTIONS(FIELD)
#undef FIELD
};

struct deepep_ucx_context {
  /// A copy, since the end of what was made of a library may come later than that of the table.
  deepep_ucx library;
  ucp_context_h context;
  char thread_name[16];
  /// Those that are not destroyed yet, and whether nobody else needs the context.
  int workers;
  bool is_left;
};

typedef struct {
  ucp_ep_h endpoint;
  ucs_status_t failure;
} peer_state;

struct deepep_ucx_worker {
  const deepep_ucx *library;
  deepep_ucx_context *context;
  ucp_worker_h worker;
  int descriptor;

  /// Calls of a worker exclude one another.
  pthread_mutex_t lock;
  /// How often its rank has moved it on, and how often it had when somebody else looked last.
  unsigned turns, seen_turns;
  /// Whether its rank sleeps, and wakes when something happens.
  bool is_asleep;
  deepep_ucx_worker *next;
  /// How often it is still moved on since its rank has left it; negative while it has not.
  int rest;

  peer_state peers[];
};

/// Lets a worker be moved on while its rank is at work elsewhere, and for a while after it was destroyed.
void deepep_ucx_tend(deepep_ucx_worker *worker);

#endif
