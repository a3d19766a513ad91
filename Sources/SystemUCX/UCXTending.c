// A thread that moves workers on while their ranks are at work elsewhere, and ends them.
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "UCXLibrary.h"

/// UCX calls a message sent of which it has a copy, and needs somebody to look for the rest of the way: when a socket
/// is full, and when it opens or closes connections, which take both sides.
static const struct timespec pause_between = {.tv_nsec = 10 * 1000 * 1000};

/// How often a worker is looked after that its rank has left: meanwhile the others have taken what a socket held.
///
/// UCX's own flush would not do: over sockets it waits for the other side, and fails aloud when that has ended.
enum { REST = 5 };

/// All workers of the process.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static deepep_ucx_worker *first;
static int left_workers;
/// How often they were looked after.
static unsigned rounds;
static bool is_started, is_ending;

// MARK: Ending

static void free_context(deepep_ucx_context *context) {
  context->library.ucp_cleanup(context->context);
  free(context);
}

static void free_worker(deepep_ucx_worker *worker) {
  deepep_ucx_context *context = worker->context;
  worker->library->ucp_worker_destroy(worker->worker);
  pthread_mutex_destroy(&worker->lock);
  free(worker);
  left_workers--;
  if (--context->workers == 0 && context->is_left) free_context(context);
}

void deepep_ucx_worker_destroy(deepep_ucx_worker *worker) {
  pthread_mutex_lock(&lock);
  worker->rest = REST;
  left_workers++;
  pthread_mutex_unlock(&lock);
}

void deepep_ucx_context_destroy(deepep_ucx_context *context) {
  pthread_mutex_lock(&lock);
  context->is_left = true;
  if (context->workers == 0) free_context(context);
  pthread_mutex_unlock(&lock);
}

/// UCX tears itself down when the process exits; what its ranks have sent goes out before, in some rounds.
static void end(void) {
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec++;
  pthread_mutex_lock(&lock);
  unsigned start = rounds;
  while (left_workers > 0 || (first && rounds - start < REST))
    if (pthread_cond_timedwait(&change, &lock, &limit) != 0) break;
  is_ending = true;
  pthread_mutex_unlock(&lock);
}

// MARK: Tending

/// Moves a worker on whose rank has not done so since this thread looked last, and does not sleep until it can.
static void look_after(deepep_ucx_worker *worker) {
  if (pthread_mutex_trylock(&worker->lock) != 0) return;
  if (worker->turns == worker->seen_turns && !worker->is_asleep) {
    for (int i = 0; i < 100 && worker->library->ucp_worker_progress(worker->worker); i++) {}
  }
  worker->seen_turns = worker->turns;
  pthread_mutex_unlock(&worker->lock);
}

static void look_after_all(void) {
  deepep_ucx_worker **place = &first;
  while (*place) {
    deepep_ucx_worker *worker = *place;
    look_after(worker);
    bool is_over = worker->rest > 0 && --worker->rest == 0;
    if (is_over) {
      *place = worker->next;
      free_worker(worker);
    } else {
      place = &worker->next;
    }
  }
  rounds++;
  pthread_cond_broadcast(&change);
}

static void *tend(void *nothing) {
  pthread_mutex_lock(&lock);
  while (!is_ending) {
    while (!first) pthread_cond_wait(&change, &lock);
    look_after_all();
    pthread_mutex_unlock(&lock);
    nanosleep(&pause_between, NULL);
    pthread_mutex_lock(&lock);
  }
  pthread_mutex_unlock(&lock);
  return nothing;
}

static void start(const char *thread_name) {
  pthread_t thread;
  is_started = pthread_create(&thread, NULL, tend, NULL) == 0;
  if (!is_started) return;
  pthread_setname_np(thread, thread_name);
  pthread_detach(thread);
  atexit(end);
}

void deepep_ucx_tend(deepep_ucx_worker *worker) {
  pthread_mutex_lock(&lock);
  if (!is_started) start(worker->context->thread_name);
  worker->context->workers++;
  worker->rest = -1;
  worker->next = first;
  first = worker;
  pthread_cond_broadcast(&change);
  pthread_mutex_unlock(&lock);
}
