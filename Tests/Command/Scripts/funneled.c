// An Open MPI that lets only the thread call it that has started it.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int PMPI_Init_thread(int *, char ***, int, int *);
int PMPI_Isend(const void *, int, void *, int, int, void *, void *);
int PMPI_Irecv(void *, int, void *, int, int, void *, void *);
int PMPI_Test(void *, int *, void *);

static pthread_t main_thread;

static void check(void) {
  if (pthread_equal(main_thread, pthread_self())) return;
  fprintf(stderr, "MPI was called by another thread\n");
  abort();
}

int MPI_Init_thread(int *count, char ***words, int level, int *granted) {
  (void)level;
  main_thread = pthread_self();
  int error = PMPI_Init_thread(count, words, 1, granted);
  *granted = 1;
  return error;
}

int MPI_Isend(
    const void *bytes, int count, void *type, int process, int tag, void *communicator,
    void *request) {
  check();
  return PMPI_Isend(bytes, count, type, process, tag, communicator, request);
}

int MPI_Irecv(
    void *bytes, int count, void *type, int process, int tag, void *communicator, void *request) {
  check();
  return PMPI_Irecv(bytes, count, type, process, tag, communicator, request);
}

int MPI_Test(void *request, int *is_done, void *status) {
  check();
  return PMPI_Test(request, is_done, status);
}
