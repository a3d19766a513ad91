#include "DeepEPSystemOneDNN.h"

#include <DeepEPSystemLibraries.h>
#include <stdio.h>
#include <stdlib.h>

#if !__has_include("oneapi/dnnl/dnnl.h")
#error "run make setup first: it fetches oneDNN's headers"
#endif
#include "oneapi/dnnl/dnnl.h"

#define FUNCTIONS(F)                                                                       \
  F(engine_create) F(stream_create) F(memory_desc_create_with_strides)                     \
  F(memory_desc_destroy) F(memory_create) F(memory_destroy) F(memory_set_data_handle)      \
  F(primitive_attr_create) F(primitive_attr_destroy) F(primitive_attr_set_scratchpad_mode) \
  F(matmul_primitive_desc_create) F(primitive_desc_destroy) F(primitive_desc_query)        \
  F(primitive_desc_query_md) F(memory_desc_get_size) F(primitive_create)                   \
  F(primitive_destroy) F(primitive_execute) F(post_ops_create) F(post_ops_destroy)          \
  F(post_ops_append_sum) F(post_ops_append_binary) F(primitive_attr_set_post_ops)          \
  F(set_max_cpu_isa) F(get_effective_cpu_isa)

struct deepep_onednn {
#define FIELD(name) __typeof__(&dnnl_##name) name;
  FUNCTIONS(FIELD)
#undef FIELD
  dnnl_engine_t engine;
  dnnl_stream_t stream;
};

struct deepep_matmul {
  const deepep_onednn *library;
  dnnl_primitive_attr_t attributes;
  dnnl_memory_desc_t descriptions[3];
  dnnl_primitive_desc_t description;
  dnnl_primitive_t primitive;
  dnnl_memory_t memories[4];
  int step_count;
  dnnl_memory_desc_t step_descriptions[DEEPEP_ONEDNN_MAXIMUM_STEPS];
  dnnl_memory_t step_memories[DEEPEP_ONEDNN_MAXIMUM_STEPS];
  int64_t workspace_bytes;
  const char *kernel;
};

/// Whether no wider vectors are used from now on. oneDNN takes a limit only before its first work.
static int limit(const deepep_onednn *library, deepep_onednn_vectors widest) {
  if (widest == DEEPEP_ONEDNN_ALL_VECTORS) return 1;
  dnnl_cpu_isa_t isa =
      widest == DEEPEP_ONEDNN_AVX2 ? dnnl_cpu_isa_avx2 : dnnl_cpu_isa_avx512_core;
  library->set_max_cpu_isa(isa);
  return (library->get_effective_cpu_isa() & ~isa) == 0;
}

deepep_onednn *deepep_onednn_open(
    deepep_onednn_vectors widest, char *message, size_t message_bytes) {
  static const char *const names[] = {"libdnnl.so.3", NULL};
  void *library = deepep_library_open(names, message, message_bytes);
  if (!library) return NULL;
  deepep_onednn *table = calloc(1, sizeof *table);
  if (!table) return NULL;
#define LOAD(name)                                                                          \
  table->name = (__typeof__(table->name))deepep_library_symbol(                             \
      library, "dnnl_" #name, message, message_bytes);                                      \
  if (!table->name) {                                                                       \
    free(table);                                                                            \
    return NULL;                                                                            \
  }
  FUNCTIONS(LOAD)
#undef LOAD
  if (!limit(table, widest)) {
    snprintf(message, message_bytes, "this process has computed with wider vectors already");
    free(table);
    return NULL;
  }
  if (table->engine_create(&table->engine, dnnl_cpu, 0) != dnnl_success ||
      table->stream_create(&table->stream, table->engine, dnnl_stream_in_order) != dnnl_success) {
    snprintf(message, message_bytes, "oneDNN has no engine for this processor");
    free(table);
    return NULL;
  }
  return table;
}

static const char *reason(dnnl_status_t status) {
  switch (status) {
    case dnnl_out_of_memory: return "out of memory";
    case dnnl_invalid_arguments: return "invalid arguments";
    case dnnl_unimplemented: return "not implemented on this processor";
    default: return "internal error";
  }
}

static dnnl_status_t describe(
    const deepep_onednn *library, const deepep_onednn_operand *operand, dnnl_memory_desc_t *out) {
  static const dnnl_data_type_t elements[] = {
      [DEEPEP_ONEDNN_FLOAT32] = dnnl_f32,
      [DEEPEP_ONEDNN_BFLOAT16] = dnnl_bf16,
      [DEEPEP_ONEDNN_FLOAT16] = dnnl_f16,
  };
  dnnl_dims_t shape = {0}, strides = {0};
  if (operand->dimensions > DEEPEP_ONEDNN_MAXIMUM_DIMENSIONS) return dnnl_invalid_arguments;
  for (int dimension = 0; dimension < operand->dimensions; dimension++) {
    shape[dimension] = operand->shape[dimension];
    strides[dimension] = operand->strides[dimension];
  }
  return library->memory_desc_create_with_strides(
      out, operand->dimensions, shape, elements[operand->element], strides);
}

static dnnl_status_t append_step(
    deepep_matmul *matmul, dnnl_post_ops_t operations, const deepep_onednn_step *step) {
  const deepep_onednn *library = matmul->library;
  dnnl_memory_desc_t *description = &matmul->step_descriptions[matmul->step_count++];
  if (step->function == DEEPEP_ONEDNN_SUM)
    return library->post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
  dnnl_status_t status = describe(library, &step->operand, description);
  if (status != dnnl_success) return status;
  dnnl_alg_kind_t kind =
      step->function == DEEPEP_ONEDNN_ADD ? dnnl_binary_add : dnnl_binary_mul;
  return library->post_ops_append_binary(operations, kind, *description);
}

static dnnl_status_t set_steps(
    deepep_matmul *matmul, const deepep_onednn_step *steps, int step_count) {
  if (step_count > DEEPEP_ONEDNN_MAXIMUM_STEPS) return dnnl_invalid_arguments;
  const deepep_onednn *library = matmul->library;
  dnnl_post_ops_t operations;
  dnnl_status_t status = library->post_ops_create(&operations);
  if (status != dnnl_success) return status;
  for (int index = 0; index < step_count && status == dnnl_success; index++)
    status = append_step(matmul, operations, &steps[index]);
  if (status == dnnl_success)
    status = library->primitive_attr_set_post_ops(matmul->attributes, operations);
  library->post_ops_destroy(operations);
  return status;
}

static dnnl_status_t make_primitive(
    deepep_matmul *matmul, const deepep_onednn_operand *const operands[3],
    const deepep_onednn_step *steps, int step_count) {
  const deepep_onednn *library = matmul->library;
  dnnl_status_t status = library->primitive_attr_create(&matmul->attributes);
  if (status == dnnl_success)
    status = library->primitive_attr_set_scratchpad_mode(
        matmul->attributes, dnnl_scratchpad_mode_user);
  if (status == dnnl_success && step_count > 0) status = set_steps(matmul, steps, step_count);
  for (int index = 0; index < 3 && status == dnnl_success; index++)
    status = describe(library, operands[index], &matmul->descriptions[index]);
  if (status == dnnl_success)
    status = library->matmul_primitive_desc_create(
        &matmul->description, library->engine, matmul->descriptions[0], matmul->descriptions[1],
        NULL, matmul->descriptions[2], matmul->attributes);
  if (status == dnnl_success)
    status = library->primitive_create(&matmul->primitive, matmul->description);
  return status;
}

static dnnl_status_t make_memories(deepep_matmul *matmul) {
  const deepep_onednn *library = matmul->library;
  dnnl_status_t status = dnnl_success;
  for (int index = 0; index < 3 && status == dnnl_success; index++)
    status = library->memory_create(
        &matmul->memories[index], matmul->descriptions[index], library->engine, DNNL_MEMORY_NONE);
  for (int index = 0; index < matmul->step_count && status == dnnl_success; index++)
    if (matmul->step_descriptions[index])
      status = library->memory_create(
          &matmul->step_memories[index], matmul->step_descriptions[index], library->engine,
          DNNL_MEMORY_NONE);
  const_dnnl_memory_desc_t workspace = library->primitive_desc_query_md(
      matmul->description, dnnl_query_scratchpad_md, 0);
  matmul->workspace_bytes = workspace ? (int64_t)library->memory_desc_get_size(workspace) : 0;
  if (status == dnnl_success && workspace)
    status = library->memory_create(
        &matmul->memories[3], workspace, library->engine, DNNL_MEMORY_NONE);
  library->primitive_desc_query(
      matmul->description, dnnl_query_impl_info_str, 0, &matmul->kernel);
  return status;
}

deepep_matmul *deepep_matmul_create(
    const deepep_onednn *library, const deepep_onednn_operand *left,
    const deepep_onednn_operand *right, const deepep_onednn_operand *result,
    const deepep_onednn_step *steps, int step_count, char *message, size_t message_bytes) {
  deepep_matmul *matmul = calloc(1, sizeof *matmul);
  if (!matmul) return NULL;
  matmul->library = library;
  matmul->kernel = "unknown";
  const deepep_onednn_operand *const operands[3] = {left, right, result};
  dnnl_status_t status = make_primitive(matmul, operands, steps, step_count);
  if (status == dnnl_success) status = make_memories(matmul);
  if (status == dnnl_success) return matmul;
  snprintf(message, message_bytes, "%s", reason(status));
  deepep_matmul_destroy(matmul);
  return NULL;
}

void deepep_matmul_destroy(deepep_matmul *matmul) {
  const deepep_onednn *library = matmul->library;
  for (int index = 0; index < 4; index++)
    if (matmul->memories[index]) library->memory_destroy(matmul->memories[index]);
  for (int index = 0; index < matmul->step_count; index++) {
    if (matmul->step_memories[index]) library->memory_destroy(matmul->step_memories[index]);
    if (matmul->step_descriptions[index])
      library->memory_desc_destroy(matmul->step_descriptions[index]);
  }
  if (matmul->primitive) library->primitive_destroy(matmul->primitive);
  if (matmul->description) library->primitive_desc_destroy(matmul->description);
  for (int index = 0; index < 3; index++)
    if (matmul->descriptions[index]) library->memory_desc_destroy(matmul->descriptions[index]);
  if (matmul->attributes) library->primitive_attr_destroy(matmul->attributes);
  free(matmul);
}

int64_t deepep_matmul_workspace_bytes(const deepep_matmul *matmul) {
  return matmul->workspace_bytes;
}

const char *deepep_matmul_kernel(const deepep_matmul *matmul) { return matmul->kernel; }

int deepep_matmul_execute(
    deepep_matmul *matmul, void *left, void *right, void *result, void *workspace,
    void *const *step_operands) {
  const deepep_onednn *library = matmul->library;
  void *handles[4 + DEEPEP_ONEDNN_MAXIMUM_STEPS] = {left, right, result};
  dnnl_exec_arg_t arguments[4 + DEEPEP_ONEDNN_MAXIMUM_STEPS] = {
      {DNNL_ARG_SRC, matmul->memories[0]},
      {DNNL_ARG_WEIGHTS, matmul->memories[1]},
      {DNNL_ARG_DST, matmul->memories[2]}};
  int count = 3;
  if (matmul->memories[3]) {
    handles[count] = workspace;
    arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, matmul->memories[3]};
  }
  for (int step = 0; step < matmul->step_count; step++) {
    if (!matmul->step_memories[step]) continue;
    handles[count] = step_operands[step];
    arguments[count++] = (dnnl_exec_arg_t){
        DNNL_ARG_ATTR_MULTIPLE_POST_OP(step) | DNNL_ARG_SRC_1, matmul->step_memories[step]};
  }
  for (int index = 0; index < count; index++) {
    dnnl_status_t status = library->memory_set_data_handle(arguments[index].memory, handles[index]);
    if (status != dnnl_success) return status;
  }
  return library->primitive_execute(matmul->primitive, library->stream, count, arguments);
}
