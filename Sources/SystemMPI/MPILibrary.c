#include "MPILibrary.h"

#include <DeepEPSystemLibraries.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// MARK: Handles

// In the order of the enumeration.
static const char *const open_mpi_elements[] = {"byte", "int32_t", "int64_t", "float", "double"};

/// The handle of a name of Open MPI's headers; zero and a message if the library lacks it.
static handle open_mpi(void *library, const char *name, char *message, size_t message_bytes) {
  char symbol[64];
  snprintf(symbol, sizeof symbol, "ompi_mpi_%s", name);
  return (handle)deepep_library_symbol(library, symbol, message, message_bytes);
}

static bool find_open_mpi(void *library, constants *found, char *message, size_t message_bytes) {
  *found = (constants){.tag_limit_key = 0, .in_place = (void *)1};
  found->world = open_mpi(library, "comm_world", message, message_bytes);
  found->errors_return = open_mpi(library, "errors_return", message, message_bytes);
  found->sum = open_mpi(library, "op_sum", message, message_bytes);
  bool is_complete = found->world && found->errors_return && found->sum;
  for (int i = 0; i < DEEPEP_MPI_ELEMENTS && is_complete; i++) {
    found->elements[i] = open_mpi(library, open_mpi_elements[i], message, message_bytes);
    is_complete = found->elements[i] != 0;
  }
  return is_complete;
}

static const constants mpich = {
    .world = 0x44000000,
    .errors_return = 0x54000001,
    .elements = {0x4c00010d, 0x4c000439, 0x4c00083a, 0x4c00040a, 0x4c00080b},
    .sum = 0x58000003,
    .tag_limit_key = 0x64400001,
    .in_place = (void *)-1,
};

static int family(const char *version) {
  if (strstr(version, "Open MPI")) return DEEPEP_MPI_OPEN_MPI;
  const char *const relatives[] = {"MPICH", "Intel(R) MPI", "MVAPICH"};
  for (size_t i = 0; i < sizeof relatives / sizeof *relatives; i++)
    if (strstr(version, relatives[i])) return DEEPEP_MPI_MPICH;
  return DEEPEP_MPI_UNKNOWN;
}

// MARK: Opening

/// The first line, without what follows the version: compilers, a copyright.
static void read_version(deepep_mpi *mpi) {
  char text[8192] = {0};
  int count = 0;
  mpi->Get_library_version(text, &count);
  mpi->family = family(text);
  text[strcspn(text, "\n,")] = 0;
  size_t place = 0;
  for (char *c = text; *c && place + 1 < sizeof mpi->version; c++) {
    bool is_space = *c == ' ' || *c == '\t';
    if (!is_space || (place && mpi->version[place - 1] != ' '))
      mpi->version[place++] = is_space ? ' ' : *c;
  }
}

static bool load(deepep_mpi *mpi, void *library, char *message, size_t message_bytes) {
#define LOAD(name, ...)                                                                     \
  mpi->name =                                                                               \
      (int (*)(__VA_ARGS__))deepep_library_symbol(library, "MPI_" #name, message, message_bytes); \
  if (!mpi->name) return false;
  FUNCTIONS(LOAD)
#undef LOAD
  int major = 0, minor = 0;
  mpi->Get_version(&major, &minor);
  read_version(mpi);
  if (major < 3) {
    snprintf(message, message_bytes, "it knows MPI %d.%d, and 3.0 is needed", major, minor);
    return false;
  }
  mpi->constants = mpich;
  return mpi->family != DEEPEP_MPI_OPEN_MPI ||
         find_open_mpi(library, &mpi->constants, message, message_bytes);
}

/// Plug-ins of an MPI may look for its functions among those of the whole process.
static void make_global(const char *const *names) {
  for (; *names; names++) dlopen(*names, RTLD_LAZY | RTLD_GLOBAL | RTLD_NOLOAD);
}

static deepep_mpi *load_first(const char *const *names, char *message, size_t message_bytes) {
  void *library = deepep_library_open(names, message, message_bytes);
  if (!library) return NULL;
  deepep_mpi *mpi = calloc(1, sizeof *mpi);
  if (mpi && load(mpi, library, message, message_bytes)) return mpi;
  free(mpi);
  return NULL;
}

static deepep_mpi *open_first(const char *const *names, char *message, size_t message_bytes) {
  deepep_mpi *mpi = load_first(names, message, message_bytes);
  if (!mpi) return NULL;
  make_global(names);
  pthread_mutex_init(&mpi->lock, NULL);
  pthread_mutex_init(&mpi->turn, NULL);
  pthread_cond_init(&mpi->change, NULL);
  return mpi;
}

deepep_mpi *deepep_mpi_open(const char *const *names, char *message, size_t message_bytes) {
  // A process has one MPI, whoever asks for it.
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static deepep_mpi *one;
  pthread_mutex_lock(&lock);
  if (!one) one = open_first(names, message, message_bytes);
  pthread_mutex_unlock(&lock);
  return one;
}

int deepep_mpi_look(
    const char *const *names, char *version, size_t version_bytes, char *message,
    size_t message_bytes) {
  deepep_mpi *mpi = load_first(names, message, message_bytes);
  if (!mpi) return -1;
  int family = mpi->family;
  snprintf(version, version_bytes, "%s", mpi->version);
  free(mpi);
  return family;
}

int deepep_mpi_family(const deepep_mpi *mpi) { return mpi->family; }
const char *deepep_mpi_version(const deepep_mpi *mpi) { return mpi->version; }
