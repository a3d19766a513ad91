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

// A file that is there but cannot be loaded says more than one that is not there.
static void *open_in(
    const char *folder, const char *name, char *message, size_t message_bytes) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  if (length < 0 || (size_t)length >= sizeof path || access(path, R_OK) != 0) return NULL;
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  const char *reason = library ? NULL : dlerror();
  if (reason) snprintf(message, message_bytes, "%s", reason);
  return library;
}

static void *open_beside_executable(
    const char *name, char *message, size_t message_bytes) {
  char folder[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - sizeof "/../lib/deepep");
  if (length <= 0) return NULL;
  folder[length] = 0;
  char *slash = strrchr(folder, '/');
  if (!slash) return NULL;
  strcpy(slash, "/../lib/deepep");
  return open_in(folder, name, message, message_bytes);
}

void *deepep_library_open(const char *const *names, char *message, size_t message_bytes) {
  message[0] = 0;
  for (const char *const *name = names; *name; name++) {
    void *library = open_beside_executable(*name, message, message_bytes);
    if (!library) library = open_in(DEEPEP_LIBRARY_FOLDER, *name, message, message_bytes);
    if (!library) library = dlopen(*name, RTLD_LAZY | RTLD_LOCAL);
    if (library) return library;
    const char *reason = dlerror();
    // The first name is the usual one.
    if (!message[0]) snprintf(message, message_bytes, "%s", reason ? reason : *name);
  }
  return NULL;
}

void *deepep_library_symbol(
    void *library, const char *symbol, char *message, size_t message_bytes) {
  void *address = dlsym(library, symbol);
  if (!address) snprintf(message, message_bytes, "the library has no function %s", symbol);
  return address;
}
