#include "DeepEPVectorLoops.h"

// Sums of 16-bit numbers. The processors' own conversions are not in all of them, and differ in what becomes of a NaN; so
// numbers are converted by arithmetic on their bits, which gives the same on each.
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#define INLINE static inline __attribute__((always_inline))

// Vectors are passed by their addresses: how they are passed otherwise depends on the processor.
typedef uint32_t words __attribute__((vector_size(64), aligned(2), may_alias));
typedef int32_t signed_words __attribute__((vector_size(64), aligned(2), may_alias));
typedef float floats __attribute__((vector_size(64), aligned(2), may_alias));

// All ones in the lanes that are larger than a limit; both are below 2^31.
#define ABOVE(lanes, limit) ((words)((signed_words)(lanes) > (int32_t)(limit)))
#define CHOOSE(mask, first, second) (((mask) & (first)) | (~(mask) & (second)))

// bfloat16: the upper half of a float32.

INLINE void bfloat16_numbers(const words *bits, floats *numbers) {
  *numbers = (floats)(*bits << 16);
}

// Rounds to nearest, ties to even. Rounding could carry a NaN into the sign; the set bit keeps it one.
INLINE void bfloat16_bits(const floats *numbers, words *bits) {
  words word = (words)*numbers;
  words is_nan = ABOVE(word & 0x7fffffff, 0x7f800000);
  words rounded = word + ((word >> 16) & 1) + 0x7fff;
  *bits = CHOOSE(is_nan, word | 0x400000, rounded) >> 16;
}

// float16, after F. Giesen, "half_to_float_fast4" and "float_to_half_fast3_rtne", 2012.

enum { one = 1 << 23 };

INLINE void float16_numbers(const words *bits, floats *numbers) {
  words shifted = (*bits & 0x7fff) << 13;
  words rebased = shifted + 112u * one;
  // A subnormal number: a one is put in front of its fraction, and taken away.
  words small = (words)((floats)(rebased + one) - 0x1p-14f);
  words large = rebased + (ABOVE(shifted, 31 * one - 1) & (112u * one));
  *numbers = (floats)(CHOOSE(ABOVE(shifted, one - 1), large, small) | (*bits & 0x8000) << 16);
}

INLINE void float16_bits(const floats *numbers, words *bits) {
  words word = (words)*numbers, magnitude = word & 0x7fffffff;
  words special = (ABOVE(magnitude, 255u * one) & 0x200) | 0x7c00;
  words small = (words)((floats)magnitude + 0.5f) - 0x3f000000;
  words normal = (magnitude - 112u * one + ((magnitude >> 13) & 1) + 0xfff) >> 13;
  words finite = CHOOSE(ABOVE(magnitude, 113u * one - 1), normal, small);
  *bits = CHOOSE(ABOVE(magnitude, 143u * one - 1), special, finite) | ((word >> 16) & 0x8000);
}

// A word has two numbers. Those in lower halves are summed in one vector, those in upper halves in another.
#define SUM(format)                                                                              \
  for (size_t start = 0; start < rows.byte_count; start += sizeof(words)) {                      \
    floats low, high, number;                                                                    \
    for (size_t rank = 0; rank < rows.source_count; rank++) {                                    \
      words both = *(const words *)((const char *)rows.sources[rank] + rows.source_offset + start); \
      words half = both & 0xffff;                                                                \
      format##_numbers(&half, &number);                                                          \
      low = rank == 0 ? number : low + number;                                                   \
      half = both >> 16;                                                                         \
      format##_numbers(&half, &number);                                                          \
      high = rank == 0 ? number : high + number;                                                 \
    }                                                                                            \
    if (mean) {                                                                                  \
      low /= (float)rows.source_count;                                                           \
      high /= (float)rows.source_count;                                                          \
    }                                                                                            \
    words lower, upper;                                                                          \
    format##_bits(&low, &lower);                                                                 \
    format##_bits(&high, &upper);                                                                \
    for (size_t rank = 0; rank < rows.destination_count; rank++)                                 \
      *(words *)((char *)rows.destinations[rank] + rows.destination_offset + start) =            \
          lower | upper << 16;                                                                   \
  }

FOR_EACH_PROCESSOR
void deepep_sum_bfloat16(struct deepep_rows rows, bool mean) { SUM(bfloat16) }

FOR_EACH_PROCESSOR
void deepep_sum_float16(struct deepep_rows rows, bool mean) { SUM(float16) }
