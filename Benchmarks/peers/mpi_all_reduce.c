// An all-reduce of float32 over MPI, timed as `deepep benchmark all-reduce` times its own: mpi_all_reduce BYTES [ROUNDS].
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int count, char **words) {
  MPI_Init(&count, &words);
  int rank, ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  size_t bytes = count > 1 ? strtoul(words[1], NULL, 10) : 4096;
  int rounds = count > 2 ? atoi(words[2]) : bytes > (8u << 20) ? 15 : 60;
  if (rounds < 1 || rounds > 60) rounds = 60;
  int repeats = bytes < (16u << 20) ? (int)((16u << 20) / bytes) : 1;
  if (repeats > 1000) repeats = 1000;
  float *values = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  memset(values, 0, bytes);
  double times[64];
  for (int round = -2; round < rounds; round++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime(), slowest;
    for (int i = 0; i < repeats; i++)
      MPI_Allreduce(MPI_IN_PLACE, values, (int)(bytes / 4), MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    double own = (MPI_Wtime() - start) / repeats;
    MPI_Allreduce(&own, &slowest, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    if (round >= 0) times[round] = slowest;
  }
  qsort(times, rounds, sizeof times[0], compare);
  if (rank == 0) {
    char version[MPI_MAX_LIBRARY_VERSION_STRING];
    int length;
    MPI_Get_library_version(version, &length);
    printf("{\"seconds_median\": %.9g, \"seconds_best\": %.9g, \"version\": \"%.14s\"}\n",
           times[rounds / 2], times[0], version);
  }
  MPI_Finalize();
  return 0;
}
