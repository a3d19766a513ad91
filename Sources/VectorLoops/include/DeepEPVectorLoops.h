#ifndef DEEPEP_VECTOR_LOOPS_H
#define DEEPEP_VECTOR_LOOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Numbers of several ranks that are summed, and where the sums go.
///
/// A destination may be a source: numbers are read before they are written.
struct deepep_rows {
  const void *const *sources;
  size_t source_count;
  /// In bytes, into each of the sources.
  size_t source_offset;
  void *const *destinations;
  size_t destination_count;
  /// In bytes, into each of the destinations.
  size_t destination_offset;
  /// A multiple of `deepep_rows_unit`.
  size_t byte_count;
};

/// What is summed at a time, in bytes.
enum { deepep_rows_unit = 128 };

/// Sums float32, or takes their mean, lane by lane in the order of the sources.
void deepep_sum_float32(struct deepep_rows rows, bool mean);

/// Sums float64, or takes their mean, lane by lane in the order of the sources.
void deepep_sum_float64(struct deepep_rows rows, bool mean);

/// Sums bfloat16, or takes their mean, in float32 in the order of the sources, rounded once: to nearest, ties to even.
void deepep_sum_bfloat16(struct deepep_rows rows, bool mean);

/// Sums float16, or takes their mean, in float32 in the order of the sources, rounded once: to nearest, ties to even.
void deepep_sum_float16(struct deepep_rows rows, bool mean);

#endif
