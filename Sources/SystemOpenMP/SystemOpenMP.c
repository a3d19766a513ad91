#include "DeepEPSystemOpenMP.h"

#include <DeepEPSystemLibraries.h>
#include <stdlib.h>

struct deepep_openmp {
  void (*parallel)(void (*)(void *), void *, unsigned, unsigned);
  int (*thread_number)(void);
  int (*team_size)(void);
  void (*set_threads)(int);
  void (*set_dynamic)(int);
};

// A thread that waits for others turns this often before it sleeps, which is long enough where all of them run. The
// library's own number takes milliseconds, in which a thread that shares its core with another program could have
// moved to this one. What a user has set stays; the library reads it when it is opened.
static void wait_briefly(void) {
  if (!getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "5000", 0);
}

deepep_openmp *deepep_openmp_open(char *message, size_t message_bytes) {
  static const char *const names[] = {"libgomp.so.1", NULL};
  wait_briefly();
  void *library = deepep_library_open(names, message, message_bytes);
  if (!library) return NULL;
  deepep_openmp table = {
      deepep_library_symbol(library, "GOMP_parallel", message, message_bytes),
      deepep_library_symbol(library, "omp_get_thread_num", message, message_bytes),
      deepep_library_symbol(library, "omp_get_num_threads", message, message_bytes),
      deepep_library_symbol(library, "omp_set_num_threads", message, message_bytes),
      deepep_library_symbol(library, "omp_set_dynamic", message, message_bytes),
  };
  if (!table.parallel || !table.thread_number || !table.team_size) return NULL;
  if (!table.set_threads || !table.set_dynamic) return NULL;
  deepep_openmp *openmp = malloc(sizeof *openmp);
  if (openmp) *openmp = table;
  return openmp;
}

void deepep_openmp_set_threads(const deepep_openmp *openmp, int threads) {
  openmp->set_dynamic(0);
  openmp->set_threads(threads);
}

typedef struct {
  const deepep_openmp *openmp;
  deepep_kernel kernel;
  void *const *buffers;
  intptr_t count;
} range_job;

// The team may be smaller than asked for, so the parts follow its real size.
static void run_part(void *data) {
  const range_job *job = data;
  intptr_t team = job->openmp->team_size(), thread = job->openmp->thread_number();
  intptr_t share = job->count / team, rest = job->count % team;
  intptr_t begin = thread * share + (thread < rest ? thread : rest);
  intptr_t end = begin + share + (thread < rest ? 1 : 0);
  if (begin < end) job->kernel(job->buffers, begin, end);
}

void deepep_openmp_run(
    const deepep_openmp *openmp, deepep_kernel kernel, void *const *buffers, intptr_t count,
    int threads) {
  if (count <= 0) return;
  if (threads <= 1 || count == 1) {
    kernel(buffers, 0, count);
    return;
  }
  range_job job = {openmp, kernel, buffers, count};
  openmp->parallel(run_part, &job, (unsigned)threads, 0);
}

typedef struct {
  const deepep_openmp *openmp;
  deepep_task task;
  void *context;
} each_job;

static void run_each(void *data) {
  const each_job *job = data;
  job->task(job->context, job->openmp->thread_number());
}

void deepep_openmp_each(
    const deepep_openmp *openmp, deepep_task task, void *context, int threads) {
  each_job job = {openmp, task, context};
  openmp->parallel(run_each, &job, (unsigned)(threads < 1 ? 1 : threads), 0);
}
