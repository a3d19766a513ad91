#include "DeepEPSystemLLVM.h"

#include <DeepEPSystemLibraries.h>
#include <dlfcn.h>
#include <stdlib.h>

const deepep_llvm *deepep_llvm_open(char *message, size_t message_bytes) {
  static const char *const names[] = {
      "libLLVM.so.22.1", "libLLVM-22.so", "libLLVM.so.19.1", "libLLVM-19.so", NULL};
  void *library = deepep_library_open(names, message, message_bytes);
  if (!library) return NULL;
  // Compiled kernels call libm where no vector form exists; global, so that they find it.
  dlopen("libm.so.6", RTLD_NOW | RTLD_GLOBAL);
  deepep_llvm *llvm = malloc(sizeof *llvm);
  if (!llvm) return NULL;
#define DEEPEP_LLVM_LOAD(result, name, parameters)                                     \
  llvm->name = deepep_library_symbol(library, "LLVM" #name, message, message_bytes); \
  if (!llvm->name) {                                                                 \
    free(llvm);                                                                      \
    return NULL;                                                                     \
  }
  DEEPEP_LLVM_FUNCTIONS(DEEPEP_LLVM_LOAD)
  llvm->InitializeX86TargetInfo();
  llvm->InitializeX86Target();
  llvm->InitializeX86TargetMC();
  llvm->InitializeX86AsmPrinter();
  return llvm;
}
