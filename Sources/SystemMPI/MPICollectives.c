#include <stdlib.h>

#include "MPILibrary.h"

struct deepep_mpi_group {
  const deepep_mpi *mpi;
  handle communicator;
};

static int create(
    const deepep_mpi *mpi, const int *processes, int count, int tag, handle *communicator) {
  handle all = 0, some = 0;
  int error = mpi->Comm_group(mpi->communicator, &all);
  if (error) return error;
  error = mpi->Group_incl(all, count, processes, &some);
  if (!error) {
    error = mpi->Comm_create_group(mpi->communicator, some, tag, communicator);
    mpi->Group_free(&some);
  }
  mpi->Group_free(&all);
  return error ? error : mpi->Comm_set_errhandler(*communicator, mpi->constants.errors_return);
}

deepep_mpi_group *deepep_mpi_group_create(
    deepep_mpi *mpi, const int *processes, int count, int tag, int *status) {
  deepep_mpi_group *group = calloc(1, sizeof *group);
  if (!group) return NULL;
  group->mpi = mpi;
  *status = -create(mpi, processes, count, tag, &group->communicator);
  if (!*status) return group;
  free(group);
  return NULL;
}

static int collect(const deepep_mpi_group *group, const deepep_mpi_collective *all) {
  const deepep_mpi *mpi = group->mpi;
  handle among = group->communicator;
  handle element = mpi->constants.elements[all->element];
  handle sum = mpi->constants.sum;
  const void *source = all->source;
  switch (all->kind) {
    case DEEPEP_MPI_ALL_REDUCE:
      if (source == all->destination) source = mpi->constants.in_place;
      return mpi->Allreduce(source, all->destination, all->count, element, sum, among);
    case DEEPEP_MPI_REDUCE_SCATTER:
      return mpi->Reduce_scatter_block(
          source, all->destination, all->count, element, sum, among);
    case DEEPEP_MPI_ALL_GATHER:
      return mpi->Allgather(
          source, all->count, element, all->destination, all->count, element, among);
    case DEEPEP_MPI_BROADCAST:
      return mpi->Bcast(all->destination, all->count, element, all->root, among);
    // DEEPEP_MPI_ALL_TO_ALL.
    default:
      return mpi->Alltoall(
          source, all->count, element, all->destination, all->count, element, among);
  }
}

int deepep_mpi_collect(const deepep_mpi_group *group, const deepep_mpi_collective *collective) {
  return -collect(group, collective);
}
