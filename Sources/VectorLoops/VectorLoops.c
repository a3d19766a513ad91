#include "DeepEPVectorLoops.h"

// Each loop is compiled for several processors, and the widest that this one has is taken when the program starts.
// Swift code is compiled for the oldest of them alone, whose vectors have 16 bytes: a sum of four ranks takes twice as long.
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

typedef float float32_vector __attribute__((vector_size(64), aligned(4), may_alias));
typedef double float64_vector __attribute__((vector_size(64), aligned(8), may_alias));

// Two vectors at a time, so that addresses are looked up half as often.
#define SUM(vector, number)                                                                      \
  for (size_t start = 0; start < rows.byte_count; start += deepep_rows_unit) {                   \
    size_t from = rows.source_offset + start, to = rows.destination_offset + start;              \
    const vector *source = (const vector *)((const char *)rows.sources[0] + from);               \
    vector first = source[0], second = source[1];                                                \
    for (size_t rank = 1; rank < rows.source_count; rank++) {                                    \
      source = (const vector *)((const char *)rows.sources[rank] + from);                        \
      first += source[0];                                                                        \
      second += source[1];                                                                       \
    }                                                                                            \
    if (mean) {                                                                                  \
      first /= (number)rows.source_count;                                                        \
      second /= (number)rows.source_count;                                                       \
    }                                                                                            \
    for (size_t rank = 0; rank < rows.destination_count; rank++) {                               \
      vector *destination = (vector *)((char *)rows.destinations[rank] + to);                    \
      destination[0] = first;                                                                    \
      destination[1] = second;                                                                   \
    }                                                                                            \
  }

FOR_EACH_PROCESSOR
void deepep_sum_float32(struct deepep_rows rows, bool mean) { SUM(float32_vector, float) }

FOR_EACH_PROCESSOR
void deepep_sum_float64(struct deepep_rows rows, bool mean) { SUM(float64_vector, double) }
