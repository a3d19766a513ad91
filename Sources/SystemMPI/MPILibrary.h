/// An MPI as it was opened: its functions, and the handles that are constants of its headers.
#ifndef DEEPEP_MPI_LIBRARY_H
#define DEEPEP_MPI_LIBRARY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "DeepEPSystemMPI.h"

/// A communicator, a request …: a pointer of Open MPI's; of MPICH's an int, which calls take from the low half of a
/// register, and which is written to the first half of a word that was zero (on little-endian machines the low one).
typedef uintptr_t handle;

/// Larger than either library's.
typedef struct {
  uint64_t words[8];
} status_words;

#define FUNCTIONS(F)                                                                        \
  F(Get_library_version, char *, int *)                                                     \
  F(Get_version, int *, int *)                                                              \
  F(Initialized, int *)                                                                     \
  F(Finalized, int *)                                                                       \
  F(Init_thread, int *, char ***, int, int *)                                               \
  F(Query_thread, int *)                                                                    \
  F(Finalize, void)                                                                         \
  F(Error_string, int, char *, int *)                                                       \
  F(Comm_dup, handle, handle *)                                                             \
  F(Comm_set_errhandler, handle, handle)                                                    \
  F(Comm_get_attr, handle, int, void *, int *)                                              \
  F(Comm_rank, handle, int *)                                                               \
  F(Comm_size, handle, int *)                                                               \
  F(Isend, const void *, int, handle, int, int, handle, handle *)                           \
  F(Irecv, void *, int, handle, int, int, handle, handle *)                                 \
  F(Test, handle *, int *, status_words *)                                                  \
  F(Cancel, handle *)                                                                       \
  F(Get_count, const status_words *, handle, int *)                                         \
  F(Iprobe, int, int, handle, int *, status_words *)                                        \
  F(Comm_group, handle, handle *)                                                           \
  F(Group_incl, handle, int, const int *, handle *)                                         \
  F(Group_free, handle *)                                                                   \
  F(Comm_create_group, handle, handle, int, handle *)                                       \
  F(Allreduce, const void *, void *, int, handle, handle, handle)                           \
  F(Reduce_scatter_block, const void *, void *, int, handle, handle, handle)                \
  F(Allgather, const void *, int, handle, void *, int, handle, handle)                      \
  F(Bcast, void *, int, handle, int, handle)                                                \
  F(Alltoall, const void *, int, handle, void *, int, handle, handle)

enum { THREAD_MULTIPLE = 3 };

typedef struct {
  handle world, errors_return;
  handle elements[DEEPEP_MPI_ELEMENTS], sum;
  int tag_limit_key;
  void *in_place;
} constants;

struct deepep_mpi {
#define FIELD(name, ...) int (*name)(__VA_ARGS__);
  FUNCTIONS(FIELD)
#undef FIELD
  int family;
  char version[512];
  constants constants;

  /// What starting has found.
  handle communicator;
  int rank, size, tag_limit;
  bool is_multiple;

  /// The main thread, and what it is asked to do.
  pthread_t thread;
  char thread_name[16];
  pthread_mutex_t lock, turn;
  pthread_cond_t change;
  int started;
  bool has_thread, is_ending;
  void (*task)(deepep_mpi *, void *);
  void *argument;
  atomic_bool is_abandoned;
  atomic_int number;
};

/// Runs something where MPI may be called: here, or on the main thread.
void deepep_mpi_run(deepep_mpi *mpi, void (*task)(deepep_mpi *, void *), void *argument);

#endif
