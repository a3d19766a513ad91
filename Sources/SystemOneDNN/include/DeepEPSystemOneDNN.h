/// The part of oneDNN 3 that DeepEP uses; its own headers stay behind this one.
#ifndef DEEPEP_SYSTEM_ONEDNN_H
#define DEEPEP_SYSTEM_ONEDNN_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

enum { DEEPEP_ONEDNN_MAXIMUM_DIMENSIONS = 6, DEEPEP_ONEDNN_MAXIMUM_STEPS = 4 };

typedef enum deepep_onednn_element {
  DEEPEP_ONEDNN_FLOAT32,
  DEEPEP_ONEDNN_BFLOAT16,
  DEEPEP_ONEDNN_FLOAT16,
} deepep_onednn_element;

/// The widest vectors that may be used.
typedef enum deepep_onednn_vectors {
  DEEPEP_ONEDNN_ALL_VECTORS,
  DEEPEP_ONEDNN_AVX2,
  DEEPEP_ONEDNN_AVX512,
} deepep_onednn_vectors;

/// How an operand lies in memory; strides in elements.
typedef struct deepep_onednn_operand {
  deepep_onednn_element element;
  int dimensions;
  int64_t shape[DEEPEP_ONEDNN_MAXIMUM_DIMENSIONS];
  int64_t strides[DEEPEP_ONEDNN_MAXIMUM_DIMENSIONS];
} deepep_onednn_operand;

typedef enum deepep_onednn_function {
  /// Adds what is in the result's memory before.
  DEEPEP_ONEDNN_SUM,
  /// Adds an operand.
  DEEPEP_ONEDNN_ADD,
  /// Multiplies by an operand.
  DEEPEP_ONEDNN_MULTIPLY,
} deepep_onednn_function;

/// What is done with a product before it is written; dimensions of one are repeated.
typedef struct deepep_onednn_step {
  deepep_onednn_function function;
  deepep_onednn_operand operand;
} deepep_onednn_step;

typedef struct deepep_onednn deepep_onednn;
typedef struct deepep_matmul deepep_matmul;

/// Opens the library and makes the processor's engine; NULL and a message when that fails, as it does when
/// the process has computed with wider vectors.
deepep_onednn *_Nullable deepep_onednn_open(
    deepep_onednn_vectors widest, char *message, size_t message_bytes);

/// Makes a matrix multiplication; NULL and a message when oneDNN refuses the operands.
deepep_matmul *_Nullable deepep_matmul_create(
    const deepep_onednn *library, const deepep_onednn_operand *left,
    const deepep_onednn_operand *right, const deepep_onednn_operand *result,
    const deepep_onednn_step *_Nullable steps, int step_count, char *message,
    size_t message_bytes);

void deepep_matmul_destroy(deepep_matmul *matmul);

/// The bytes of workspace that a call needs.
int64_t deepep_matmul_workspace_bytes(const deepep_matmul *matmul);

/// oneDNN's name of the kernel it chose.
const char *deepep_matmul_kernel(const deepep_matmul *matmul);

/// Multiplies; returns oneDNN's status, zero for success. The operands are one for each step; a sum has
/// none that is read.
int deepep_matmul_execute(
    deepep_matmul *matmul, void *left, void *right, void *result, void *_Nullable workspace,
    void *_Nullable const *_Nullable step_operands);

#pragma clang assume_nonnull end
#endif
