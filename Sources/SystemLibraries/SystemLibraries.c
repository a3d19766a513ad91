#include "DeepEPSystemLibraries.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if !__has_include("deepep_paths.h")
#error "run make setup first: it fetches the libraries and records where they are"
#endif
#include "deepep_paths.h"


static void *open_in(const char *folder, const char *name) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path) return NULL;
  return dlopen(path, RTLD_LAZY | RTLD_LOCAL);
}

static void *open_beside_executable(const char *name) {
  char folder[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - sizeof "/../lib/deepep");
  if (length <= 0) return NULL;
  folder[length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) return NULL;
  strcpy(slash, "/../lib/deepep");
  return open_in(folder, name);
}

void *deepep_library_open(const char *const *names, char *message, size_t message_bytes) {
  for (const char *const *name = names; *name; name++) {
    void *library = open_beside_executable(*name);
    if (!library) library = open_in(DEEPEP_LIBRARY_FOLDER, *name);
    if (!library) library = dlopen(*name, RTLD_LAZY | RTLD_LOCAL);
    if (library) return library;
  }
  const char *reason = dlerror();
  snprintf(message, message_bytes, "%s cannot be loaded (%s)", names[0], reason ? reason : "not found");
  return NULL;
}

void *deepep_library_symbol(
    void *library, const char *symbol, char *message, size_t message_bytes) {
  void *address = dlsym(library, symbol);
  if (!address) snprintf(message, message_bytes, "the library has no function %s", symbol);
  return address;
}
