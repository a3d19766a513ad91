// A collective of float32 over MPI, timed as `deepep benchmark` times its own: mpi_collective NAME BYTES [ROUNDS].
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// All numbers of the operation: of each rank's buffer, or of the blocks of all.
static int count, block;
static float *values, *others;

static void all_reduce(void) {
  MPI_Allreduce(MPI_IN_PLACE, values, count, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static void reduce_scatter(void) {
  MPI_Reduce_scatter_block(values, others, block, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
}

static void all_gather(void) {
  MPI_Allgather(values, block, MPI_FLOAT, others, block, MPI_FLOAT, MPI_COMM_WORLD);
}

static void all_to_all(void) {
  MPI_Alltoall(values, block, MPI_FLOAT, others, block, MPI_FLOAT, MPI_COMM_WORLD);
}

static const struct {
  const char *name;
  void (*run)(void);
} collectives[] = {
    {"all-reduce", all_reduce},
    {"reduce-scatter", reduce_scatter},
    {"all-gather", all_gather},
    {"all-to-all", all_to_all},
};

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static float *zeros(size_t bytes) {
  bytes = (bytes + 4095) / 4096 * 4096;
  float *start = aligned_alloc(4096, bytes);
  memset(start, 0, bytes);
  return start;
}

int main(int words, char **word) {
  MPI_Init(&words, &word);
  int rank, ranks;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  void (*run)(void) = NULL;
  for (size_t i = 0; words > 2 && i < sizeof collectives / sizeof *collectives; i++)
    if (!strcmp(word[1], collectives[i].name)) run = collectives[i].run;
  if (!run) {
    if (rank == 0) fprintf(stderr, "usage: mpi_collective NAME BYTES [ROUNDS]\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
    return 2;
  }
  size_t bytes = strtoul(word[2], NULL, 10);
  int rounds = words > 3 ? atoi(word[3]) : bytes > (8u << 20) ? 15 : 60;
  if (rounds < 1 || rounds > 60) rounds = 60;
  int repeats = bytes < (16u << 20) ? (int)((16u << 20) / bytes) : 1;
  if (repeats > 1000) repeats = 1000;
  block = (int)(bytes / 4 / ranks);
  count = block * ranks;
  values = zeros(bytes);
  others = zeros(bytes);
  double times[64];
  for (int round = -2; round < rounds; round++) {
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime(), slowest;
    for (int i = 0; i < repeats; i++) run();
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
