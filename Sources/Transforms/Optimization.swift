/// Something that lowering does to make a program faster or smaller, and that can be left out.
///
/// Without one the results stay the same, to rounding: so what each is worth can be measured
/// (`deepep benchmark --ablate`).
package enum Optimization: String, CaseIterable, Sendable {
  /// Common subexpressions are computed once, and movement that a `dot` does by itself is gone.
  case simplify
  /// Nodes that walk the same loops become one region; without it, each has its own.
  case fuse
  /// A contraction adds its bias and rounds its result before it writes that, and adds to a sum where
  /// it lies.
  case epilogue
  /// Attention is one region and its scores stay in the cache; without it, its body runs.
  case attention
  /// A value that is cheap to compute is computed again where it is used, and not kept in memory.
  case recompute
  /// Logits are computed and used up in chunks of rows.
  case chunk
  /// Backward computes elements again of others that it needs anyway, instead of keeping both.
  case rematerialize
  /// Small gradients are exchanged together with others.
  case bucket
  /// Sums over all elements of a large tensor run in two steps, the first one in parallel.
  case splitReductions = "split-reductions"
  /// Of the nodes that could run, the one that leaves the fewest bytes alive comes next.
  case order
  /// The new value of a slot is written over the old one; without it, aside and copied at the end.
  case updateInPlace = "update-in-place"
  /// A result takes the memory of an operand that is needed no more.
  case overwrite
  /// Values that are not needed at the same time share memory.
  case shareMemory = "share-memory"
  /// Large contractions are cut into blocks, where that is faster.
  case blocks
  /// Kernels run on all threads of the device.
  case threads
}

extension Set where Element == Optimization {
  /// All of them: what runs unless somebody asks for less.
  package static var all: Set<Optimization> { Set(Optimization.allCases) }

  /// All but one.
  package static func all(but optimization: Optimization) -> Set<Optimization> {
    all.subtracting([optimization])
  }
}
