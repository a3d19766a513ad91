/// The part of MPI that DeepEP uses: messages with tags between the processes that a launcher has started.
///
/// No header of an MPI is needed: what differs between Open MPI and MPICH is a table of handles each.
#ifndef DEEPEP_SYSTEM_MPI_H
#define DEEPEP_SYSTEM_MPI_H

#include <stddef.h>

#pragma clang assume_nonnull begin

/// The MPI of this process. There can be only one, which is initialised once, and finalised when the process exits.
typedef struct deepep_mpi deepep_mpi;
typedef struct deepep_mpi_request deepep_mpi_request;

/// Whose handles a library has; MPICH's are those of Intel MPI, MVAPICH and Cray MPICH as well.
enum { DEEPEP_MPI_UNKNOWN, DEEPEP_MPI_OPEN_MPI, DEEPEP_MPI_MPICH };

/// What functions return besides MPI's errors, which are negative here.
enum { DEEPEP_MPI_DONE = 0, DEEPEP_MPI_RUNNING = 1 };

/// Opens the first library of `names` (ended by NULL) that is found; NULL and a message when there is none, or one
/// before MPI 3. Later calls return what the first one that succeeded did.
deepep_mpi *_Nullable deepep_mpi_open(
    const char *_Nullable const *_Nonnull names, char *message, size_t message_bytes);

/// Looks at the first library of `names` that is found, which does not become the MPI of this process: returns whose
/// handles it has, and writes what it says of itself. A negative number and a message as above.
int deepep_mpi_look(
    const char *_Nullable const *_Nonnull names, char *version, size_t version_bytes,
    char *message, size_t message_bytes);

int deepep_mpi_family(const deepep_mpi *mpi);

/// What the library says of itself.
const char *deepep_mpi_version(const deepep_mpi *mpi);

// MARK: Life

/// Begins to initialise MPI, on a thread of its own, unless that has been done.
///
/// The thread stays: MPI calls it its main thread. It makes all other calls where the library does not grant
/// MPI_THREAD_MULTIPLE, moves messages on while nobody else does, and finalises MPI when the process exits well.
/// It has a name of up to 15 characters, and so have the threads that MPI starts.
void deepep_mpi_start(deepep_mpi *mpi, const char *name);

/// Running, done, or the error with which initialising has ended.
int deepep_mpi_started(deepep_mpi *mpi);

/// This process among those of the launcher, and how many there are; once MPI has started.
int deepep_mpi_rank(const deepep_mpi *mpi);
int deepep_mpi_size(const deepep_mpi *mpi);

/// The largest tag that a message can have.
int deepep_mpi_tag_limit(const deepep_mpi *mpi);

/// Whether all threads may call MPI at once; otherwise its main thread does it for them.
int deepep_mpi_is_multiple(const deepep_mpi *mpi);

/// A number that this process has not had before, from 0.
int deepep_mpi_next_number(deepep_mpi *mpi);

/// Leaves MPI alone from now on, also when the process exits: others may not come to any end.
void deepep_mpi_abandon(deepep_mpi *mpi);

/// MPI's words for a negative status.
void deepep_mpi_reason(const deepep_mpi *mpi, int status, char *message, size_t message_bytes);

// MARK: Messages

/// Posts a message for another process; unless that fails it gives a request that has to be tested until it is done.
/// MPI gets it in pieces of as many bytes as its receiver names too.
int deepep_mpi_send(
    deepep_mpi *mpi, const void *_Nullable bytes, size_t count, int piece_bytes, int process, int tag,
    deepep_mpi_request *_Nullable *_Nonnull request);

/// Posts memory for the next message of a process with this tag; a request as above.
int deepep_mpi_receive(
    deepep_mpi *mpi, void *_Nullable bytes, size_t count, int piece_bytes, int process, int tag,
    deepep_mpi_request *_Nullable *_Nonnull request);

/// The state of a request, and of a receive how many bytes came; what is not running any more is freed.
int deepep_mpi_test(deepep_mpi *mpi, deepep_mpi_request *request, size_t *received);

/// Asks for the end of a receive that is running; it is tested as before.
void deepep_mpi_cancel(deepep_mpi *mpi, deepep_mpi_request *request);

// MARK: Collectives

/// Some processes, for collectives of MPI's own.
typedef struct deepep_mpi_group deepep_mpi_group;

/// What elements are summed as; bytes where they are not.
enum {
  DEEPEP_MPI_BYTE, DEEPEP_MPI_INT32, DEEPEP_MPI_INT64, DEEPEP_MPI_FLOAT32, DEEPEP_MPI_FLOAT64,
  DEEPEP_MPI_ELEMENTS
};

enum {
  DEEPEP_MPI_ALL_REDUCE, DEEPEP_MPI_REDUCE_SCATTER, DEEPEP_MPI_ALL_GATHER, DEEPEP_MPI_BROADCAST,
  DEEPEP_MPI_ALL_TO_ALL
};

/// A collective. `count` is that of a rank's block where there is one for each rank, of all elements elsewhere.
/// An all-reduce whose source is its destination works in place; a broadcast has a destination only.
typedef struct deepep_mpi_collective {
  int kind, element, root, count;
  const void *_Nullable source;
  void *_Nullable destination;
} deepep_mpi_collective;

/// Makes a group of processes, each of which makes it with the same tag; waits for them. NULL and MPI's error where
/// that fails. A group stays until MPI is finalised: its processes need not let go of their groups in one order.
deepep_mpi_group *_Nullable deepep_mpi_group_create(
    deepep_mpi *mpi, const int *processes, int count, int tag, int *status);

/// Does a collective, for which it waits; for libraries that all threads may call.
int deepep_mpi_collect(const deepep_mpi_group *group, const deepep_mpi_collective *collective);

#pragma clang assume_nonnull end
#endif
