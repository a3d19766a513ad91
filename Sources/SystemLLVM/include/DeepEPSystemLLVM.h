/// The few functions of LLVM's C interface that DeepEP calls, declared here because the run-time
/// library comes without headers.
#ifndef DEEPEP_SYSTEM_LLVM_H
#define DEEPEP_SYSTEM_LLVM_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef struct LLVMOpaqueContext *LLVMContextRef;
typedef struct LLVMOpaqueModule *LLVMModuleRef;
typedef struct LLVMOpaqueMemoryBuffer *LLVMMemoryBufferRef;
typedef struct LLVMTarget *LLVMTargetRef;
typedef struct LLVMOpaqueTargetMachine *LLVMTargetMachineRef;
typedef struct LLVMOpaqueTargetData *LLVMTargetDataRef;
typedef struct LLVMOpaquePassBuilderOptions *LLVMPassBuilderOptionsRef;
typedef struct LLVMOpaqueError *LLVMErrorRef;
typedef struct LLVMOrcOpaqueLLJIT *LLVMOrcLLJITRef;
typedef struct LLVMOrcOpaqueJITDylib *LLVMOrcJITDylibRef;
typedef struct LLVMOrcOpaqueDefinitionGenerator *LLVMOrcDefinitionGeneratorRef;

/// Each entry: result, name without the prefix LLVM, parameters.
#define DEEPEP_LLVM_FUNCTIONS(F)                                                              \
  F(void, InitializeX86TargetInfo, (void))                                                    \
  F(void, InitializeX86Target, (void))                                                        \
  F(void, InitializeX86TargetMC, (void))                                                      \
  F(void, InitializeX86AsmPrinter, (void))                                                    \
  F(void, GetVersion, (unsigned *major, unsigned *minor, unsigned *patch))                    \
  F(LLVMContextRef _Nonnull, ContextCreate, (void))                                                    \
  F(void, ContextDispose, (LLVMContextRef))                                                   \
  F(LLVMMemoryBufferRef _Nonnull, CreateMemoryBufferWithMemoryRangeCopy,                               \
    (const char *_Nonnull, size_t, const char *_Nonnull))                                                     \
  F(const char *_Nonnull, GetBufferStart, (LLVMMemoryBufferRef))                                      \
  F(size_t, GetBufferSize, (LLVMMemoryBufferRef))                                             \
  F(void, DisposeMemoryBuffer, (LLVMMemoryBufferRef))                                         \
  F(int, ParseIRInContext,                                                                    \
    (LLVMContextRef, LLVMMemoryBufferRef, LLVMModuleRef _Nullable *_Nonnull,                  \
     char *_Nullable *_Nonnull))                                                              \
  F(void, DisposeModule, (LLVMModuleRef))                                                     \
  F(void, DisposeMessage, (char *))                                                           \
  F(char *_Nonnull, GetDefaultTargetTriple, (void))                                                   \
  F(char *_Nonnull, GetHostCPUName, (void))                                                           \
  F(char *_Nonnull, GetHostCPUFeatures, (void))                                                       \
  F(int, GetTargetFromTriple,                                                                 \
    (const char *, LLVMTargetRef _Nullable *_Nonnull, char *_Nullable *_Nonnull))             \
  F(LLVMTargetMachineRef _Nullable, CreateTargetMachine,                                      \
    (LLVMTargetRef, const char *, const char *, const char *, int level, int relocation,      \
     int codeModel))                                                                          \
  F(void, DisposeTargetMachine, (LLVMTargetMachineRef))                                       \
  F(LLVMTargetDataRef _Nonnull, CreateTargetDataLayout, (LLVMTargetMachineRef))                        \
  F(void, DisposeTargetData, (LLVMTargetDataRef))                                             \
  F(void, SetModuleDataLayout, (LLVMModuleRef, LLVMTargetDataRef))                            \
  F(void, SetTarget, (LLVMModuleRef, const char *))                                           \
  F(LLVMPassBuilderOptionsRef _Nonnull, CreatePassBuilderOptions, (void))                              \
  F(void, DisposePassBuilderOptions, (LLVMPassBuilderOptionsRef))                             \
  F(LLVMErrorRef _Nullable, RunPasses,                                                        \
    (LLVMModuleRef, const char *, LLVMTargetMachineRef, LLVMPassBuilderOptionsRef))           \
  F(int, TargetMachineEmitToMemoryBuffer,                                                     \
    (LLVMTargetMachineRef, LLVMModuleRef, int kind, char *_Nullable *_Nonnull,                \
     LLVMMemoryBufferRef _Nullable *_Nonnull))                                                \
  F(char *_Nonnull, GetErrorMessage, (LLVMErrorRef))                                                  \
  F(void, DisposeErrorMessage, (char *))                                                      \
  F(LLVMErrorRef _Nullable, OrcCreateLLJIT,                                                   \
    (LLVMOrcLLJITRef _Nullable *_Nonnull, void *_Nullable builder))                           \
  F(LLVMErrorRef _Nullable, OrcDisposeLLJIT, (LLVMOrcLLJITRef))                               \
  F(LLVMOrcJITDylibRef _Nonnull, OrcLLJITGetMainJITDylib, (LLVMOrcLLJITRef))                           \
  F(char, OrcLLJITGetGlobalPrefix, (LLVMOrcLLJITRef))                                         \
  F(LLVMErrorRef _Nullable, OrcCreateDynamicLibrarySearchGeneratorForProcess,                 \
    (LLVMOrcDefinitionGeneratorRef _Nullable *_Nonnull, char, void *_Nullable filter,         \
     void *_Nullable context))                                                                \
  F(void, OrcJITDylibAddGenerator, (LLVMOrcJITDylibRef, LLVMOrcDefinitionGeneratorRef))       \
  F(LLVMErrorRef _Nullable, OrcLLJITAddObjectFile,                                            \
    (LLVMOrcLLJITRef, LLVMOrcJITDylibRef, LLVMMemoryBufferRef))                               \
  F(LLVMErrorRef _Nullable, OrcLLJITLookup, (LLVMOrcLLJITRef, uint64_t *, const char *))

/// LLVM's functions by name; all present once opened.
typedef struct deepep_llvm {
#define DEEPEP_LLVM_FIELD(result, name, parameters) result(*_Nonnull name) parameters;
  DEEPEP_LLVM_FUNCTIONS(DEEPEP_LLVM_FIELD)
#undef DEEPEP_LLVM_FIELD
} deepep_llvm;

/// Opens LLVM 22, or 19 where that is missing; NULL and a message when neither is there.
const deepep_llvm *_Nullable deepep_llvm_open(char *message, size_t message_bytes);

#pragma clang assume_nonnull end
#endif
