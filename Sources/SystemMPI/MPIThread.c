// MPI's main thread, from MPI_Init_thread to MPI_Finalize.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "MPILibrary.h"

/// What was sent may wait in this process for somebody to move it on, while the rank works elsewhere.
static const long idle_nanoseconds = 10 * 1000 * 1000;

// MARK: Starting

static int look_around(deepep_mpi *mpi) {
  int *limit = NULL, is_set = 0;
  int error = mpi->Comm_set_errhandler(mpi->constants.world, mpi->constants.errors_return);
  // Messages of our own, apart from those of others who use MPI in this process.
  if (!error) error = mpi->Comm_dup(mpi->constants.world, &mpi->communicator);
  if (!error) error = mpi->Comm_set_errhandler(mpi->communicator, mpi->constants.errors_return);
  if (!error) error = mpi->Comm_rank(mpi->communicator, &mpi->rank);
  if (!error) error = mpi->Comm_size(mpi->communicator, &mpi->size);
  // Attributes are those of the world only.
  if (!error)
    error = mpi->Comm_get_attr(mpi->constants.world, mpi->constants.tag_limit_key, &limit, &is_set);
  mpi->tag_limit = !error && is_set && limit ? *limit : 32767;
  return error;
}

/// Returns whether MPI is this thread's to finalise.
static bool start(deepep_mpi *mpi, int *error) {
  int is_started = 0, level = 0;
  mpi->Initialized(&is_started);
  *error = is_started ? mpi->Query_thread(&level)
                      : mpi->Init_thread(NULL, NULL, THREAD_MULTIPLE, &level);
  mpi->is_multiple = level == THREAD_MULTIPLE;
  if (!*error) *error = look_around(mpi);
  return !is_started && !*error;
}

// MARK: Working

static void progress(deepep_mpi *mpi, void *argument) {
  (void)argument;
  int is_there = 0;
  status_words status;
  mpi->Iprobe(mpi->rank, mpi->tag_limit, mpi->communicator, &is_there, &status);
}

/// Waits for the next thing to do, and moves messages on meanwhile; called and returns with the lock.
static void wait_for_task(deepep_mpi *mpi) {
  while (!mpi->task && !mpi->is_ending) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += idle_nanoseconds;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    if (pthread_cond_timedwait(&mpi->change, &mpi->lock, &end) == 0) continue;
    pthread_mutex_unlock(&mpi->lock);
    if (!mpi->is_abandoned) progress(mpi, NULL);
    pthread_mutex_lock(&mpi->lock);
  }
}

static void *main_thread(void *argument) {
  deepep_mpi *mpi = argument;
  int error = 0;
  pthread_setname_np(pthread_self(), mpi->thread_name);
  bool is_own = start(mpi, &error);
  pthread_mutex_lock(&mpi->lock);
  mpi->started = error ? -error : DEEPEP_MPI_DONE;
  while (!error && !mpi->is_ending) {
    wait_for_task(mpi);
    if (!mpi->task) continue;
    mpi->task(mpi, mpi->argument);
    mpi->task = NULL;
    pthread_cond_broadcast(&mpi->change);
  }
  pthread_mutex_unlock(&mpi->lock);
  if (is_own && !mpi->is_abandoned) mpi->Finalize();
  return NULL;
}

void deepep_mpi_run(deepep_mpi *mpi, void (*task)(deepep_mpi *, void *), void *argument) {
  if (mpi->is_multiple) return task(mpi, argument);
  pthread_mutex_lock(&mpi->turn);
  pthread_mutex_lock(&mpi->lock);
  (mpi->task = task, mpi->argument = argument);
  pthread_cond_broadcast(&mpi->change);
  while (mpi->task) pthread_cond_wait(&mpi->change, &mpi->lock);
  pthread_mutex_unlock(&mpi->lock);
  pthread_mutex_unlock(&mpi->turn);
}

// MARK: Life

/// Finalises MPI, which waits for all its processes. One that has failed does not: its launcher ends the others.
static void end(int status, void *argument) {
  deepep_mpi *mpi = argument;
  pthread_mutex_lock(&mpi->lock);
  bool is_well = status == 0 && !mpi->is_abandoned && mpi->started == DEEPEP_MPI_DONE;
  if (!is_well) mpi->is_abandoned = true;
  mpi->is_ending = true;
  pthread_cond_broadcast(&mpi->change);
  pthread_mutex_unlock(&mpi->lock);
  if (is_well) pthread_join(mpi->thread, NULL);
}

void deepep_mpi_start(deepep_mpi *mpi, const char *name) {
  pthread_mutex_lock(&mpi->lock);
  if (!mpi->has_thread) {
    snprintf(mpi->thread_name, sizeof mpi->thread_name, "%s", name);
    mpi->started = DEEPEP_MPI_RUNNING;
    mpi->has_thread = pthread_create(&mpi->thread, NULL, main_thread, mpi) == 0;
    if (mpi->has_thread) on_exit(end, mpi);
    else mpi->started = -1;
  }
  pthread_mutex_unlock(&mpi->lock);
}

int deepep_mpi_started(deepep_mpi *mpi) {
  pthread_mutex_lock(&mpi->lock);
  int started = mpi->started;
  pthread_mutex_unlock(&mpi->lock);
  return started;
}

int deepep_mpi_rank(const deepep_mpi *mpi) { return mpi->rank; }
int deepep_mpi_size(const deepep_mpi *mpi) { return mpi->size; }
int deepep_mpi_tag_limit(const deepep_mpi *mpi) { return mpi->tag_limit; }
int deepep_mpi_is_multiple(const deepep_mpi *mpi) { return mpi->is_multiple; }
int deepep_mpi_next_number(deepep_mpi *mpi) { return atomic_fetch_add(&mpi->number, 1); }
void deepep_mpi_abandon(deepep_mpi *mpi) { mpi->is_abandoned = true; }

void deepep_mpi_reason(const deepep_mpi *mpi, int status, char *message, size_t message_bytes) {
  char text[8192] = {0};
  int count = 0;
  if (mpi->Error_string(-status, text, &count) || !text[0])
    snprintf(text, sizeof text, "error %d", -status);
  // MPICH tells where it was on lines of their own.
  for (char *end = text; (end = strchr(end, '\n'));) *end = ' ';
  snprintf(message, message_bytes, "%s", text);
}
