import DeepEPElements

extension Tensor {
  /// The same elements in another shape; one size may be -1, which is found from the others.
  public func reshaped(
    _ shape: [Int], file: String = #fileID, line: Int = #line
  ) -> Tensor {
    guard self.shape != shape else { return self }
    let known = shape.filter { $0 >= 0 }.reduce(1, *)
    let whole = shape.map { $0 == -1 && known > 0 ? type.elementCount / known : $0 }
    return apply(Reshape(shape: whole), source: SourceLocation(file: file, line: line))
  }

  /// Dimensions in another order: dimension `i` of the result is dimension `permutation[i]`.
  public func transposed(
    _ permutation: [Int], file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(Transpose(permutation: permutation), source: SourceLocation(file: file, line: line))
  }

  /// Repeats the tensor: its dimensions become the given ones of the new shape, by default the last.
  public func broadcast(to shape: [Int], dimensions: [Int]? = nil) -> Tensor {
    guard self.shape != shape else { return self }
    return broadcast(to: shape.map { .fixed($0) }, dimensions: dimensions)
  }

  /// Repeats the tensor along dimensions of which new ones may be bounded by values of its trace.
  package func broadcast(to target: [Dimension], dimensions: [Int]? = nil) -> Tensor {
    guard type.dimensions != target else { return self }
    let last = Array((target.count - min(rank, target.count))..<target.count)
    return apply(Broadcast(to: target, dimensions: dimensions ?? last))
  }

  /// Repeats the tensor: its dimensions become the given ones of another tensor's, extents included.
  package func broadcast(like other: Tensor, dimensions: [Int]) -> Tensor {
    let (source, other) = Trace.together(self, other)
    return source.broadcast(to: other.type.dimensions, dimensions: dimensions)
  }

  /// `sizes` elements along each dimension, from `starts`.
  public func sliced(
    _ starts: [Int], sizes: [Int], file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(Slice(starts: starts, sizes: sizes), source: SourceLocation(file: file, line: line))
  }

  /// `count` equal parts along the last dimension.
  public func split(_ count: Int, file: String = #fileID, line: Int = #line) -> [Tensor] {
    let width = (shape.last ?? 0) / count
    return (0..<count).map { part in
      var (starts, sizes) = (shape.map { _ in 0 }, shape)
      starts[rank - 1] = part * width
      sizes[rank - 1] = width
      return sliced(starts, sizes: sizes, file: file, line: line)
    }
  }

  /// The tensor at `starts` within a larger one of zeros.
  package func padded(_ starts: [Int], in shape: [Int]) -> Tensor {
    apply(Pad(starts: starts, shape: shape))
  }

  /// Tensors one after the other along a dimension.
  public static func concatenated(_ tensors: [Tensor], along dimension: Int) -> Tensor {
    guard let first = tensors.first else { return Tensor([]) }
    return first.applyAll(Concatenate(dimension: dimension), Array(tensors.dropFirst()))[0]
  }

  /// The sum along dimensions, by default all; negative ones count from the end; they disappear.
  public func sum(_ dimensions: [Int]? = nil) -> Tensor { reduced(.sum, dimensions) }
  /// The largest element along dimensions, by default all; they disappear.
  public func largest(_ dimensions: [Int]? = nil) -> Tensor { reduced(.maximum, dimensions) }
  /// The mean along dimensions, by default all; they disappear.
  public func mean(_ dimensions: [Int]? = nil) -> Tensor {
    let reduced = (dimensions ?? Array(0..<rank)).map { $0 < 0 ? $0 + rank : $0 }
    let total = sum(dimensions)
    if let count = boundedCount(along: reduced) { return total / count }
    return total * (Double(max(1, total.type.elementCount)) / Double(max(1, type.elementCount)))
  }

  package func reduced(_ reduction: Reduction, _ dimensions: [Int]?) -> Tensor {
    let all = (dimensions ?? Array(0..<rank)).map { $0 < 0 ? $0 + rank : $0 }.sorted()
    return all.isEmpty ? self : apply(Reduce(reduction: reduction, dimensions: all))
  }

  /// Rows of this table at integer indices.
  public func gather(
    _ indices: Tensor, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    apply(Gather(), indices, source: SourceLocation(file: file, line: line))
  }

  /// This table with rows added to its rows at integer indices.
  package func scatterAdd(_ indices: Tensor, _ updates: Tensor) -> Tensor {
    apply(ScatterAdd(), indices, updates)
  }

  /// The sum of products of two tensors in Einstein's notation, such as `bthd,bshd->bhts`.
  public func einsum(
    _ notation: String, _ other: some TensorConvertible, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let source = SourceLocation(file: file, line: line)
    guard let dot = Dot(notation) else {
      trace.fail(ShapeError("einsum", "'\(notation)' is not of the form ab,bc->ac"), source)
      return Tensor(trace, nil)
    }
    return apply(dot, other.tensor, source: source)
  }

  /// The matrix product of the last dimension with a matrix, or with its transpose.
  ///
  /// - Parameters:
  ///   - matrix: `[input, output]`, or `[output, input]` if it is transposed.
  ///   - transposingRight: Whether the matrix is used transposed.
  /// - Returns: This tensor's shape with the last dimension replaced by `output`.
  public func matmul(
    _ matrix: some TensorConvertible, transposingRight: Bool = false, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let outer = Array(0..<max(0, rank - 1))
    let (input, output) = (outer.count, outer.count + 1)
    let right = transposingRight ? [output, input] : [input, output]
    let dot = Dot(left: outer + [input], right: right, result: outer + [output])
    return apply(dot, matrix.tensor, source: SourceLocation(file: file, line: line))
  }
}
