/// Finds shared libraries at run time, so that building needs none of them.
#ifndef DEEPEP_SYSTEM_LIBRARIES_H
#define DEEPEP_SYSTEM_LIBRARIES_H

#include <stddef.h>

#pragma clang assume_nonnull begin

/// Opens the first of `names` (ended by NULL) found, in this order: `../lib/deepep/` beside the
/// executable, the folder recorded at set-up, the system's library path. Returns NULL, and a
/// message that names the library and the remedy, when there is none.
void *_Nullable deepep_library_open(
    const char *_Nullable const *_Nonnull names, char *message, size_t message_bytes);

/// The address of `symbol`; when it is missing NULL and a message.
void *_Nullable deepep_library_symbol(
    void *library, const char *symbol, char *message, size_t message_bytes);

#pragma clang assume_nonnull end
#endif
