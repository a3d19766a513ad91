import DeepEPElements

/// The sum of products of two operands over the loops that the result does not have.
///
/// Each dimension carries a label; dimensions with the same label are walked together, as in
/// Einstein's notation: `bthd,bshd->bhts`. Every label of the result is in an operand, and every
/// label of only one operand is in the result.
package struct Dot: Operation {
  /// The label of each dimension of the left operand.
  package var left: [Int]
  /// The label of each dimension of the right operand.
  package var right: [Int]
  /// The label of each dimension of the result.
  package var result: [Int]
  /// The element type of the result, in which sums are rounded; nil: that of the operands.
  package var element: ElementType?
  package var name: String { "dot" }
  package var combination: Reduction? { .sum }

  package init(left: [Int], right: [Int], result: [Int], element: ElementType? = nil) {
    self.left = left
    self.right = right
    self.result = result
    self.element = element
  }

  /// The labels as letters, such as `ab,bc->ac`.
  package var notation: String {
    let letters = { (labels: [Int]) in
      String(String.UnicodeScalarView(labels.compactMap { Unicode.Scalar(UInt32(97 + $0)) }))
    }
    return "\(letters(left)),\(letters(right))->\(letters(result))"
  }

  package func resultTypes(of operands: [Type]) throws -> [Type] {
    try expect(operands, count: 2)
    try expectWide(operands)
    let sizes = try labelSizes(operands)
    let (leftSet, rightSet, resultSet) = (Set(left), Set(right), Set(result))
    guard resultSet.isSubset(of: leftSet.union(rightSet)), resultSet.count == result.count,
      leftSet.symmetricDifference(rightSet).isSubset(of: resultSet)
    else { throw ShapeError(name, "the labels \(notation) are not a contraction") }
    let own = operands[0].element
    if let element, !element.isFloatingPoint || !own.isFloatingPoint {
      throw ShapeError(name, "sums of \(own.rawValue) are not \(element.rawValue)")
    }
    return [operands[0].with(shape: result.map { sizes[$0] ?? 0 }).with(element: element ?? own)]
  }

  /// Numbers of 8 bits are stored, not multiplied: sums of products would keep nothing of them.
  private func expectWide(_ operands: [Type]) throws {
    let isNarrow = operands.contains { [.float8e4m3, .float8e5m2].contains($0.element) }
    guard isNarrow else { return }
    throw ShapeError(
      name,
      "there are no products of 8-bit floats, \(operands[0]) and \(operands[1]); make both wider "
        + "first, with converted(to: .bfloat16), or with dequantized(scales:block:as:) if they have scales"
    )
  }

  private func labelSizes(_ operands: [Type]) throws -> [Int: Int] {
    guard operands[0].element == operands[1].element, operands[0].rank == left.count,
      operands[1].rank == right.count, Set(left).count == left.count,
      Set(right).count == right.count
    else {
      throw ShapeError(name, "\(operands[0]) and \(operands[1]) do not fit \(notation)")
    }
    var sizes = Dictionary(uniqueKeysWithValues: zip(left, operands[0].shape))
    for (label, size) in zip(right, operands[1].shape) {
      guard sizes[label] ?? size == size else {
        throw ShapeError(
          name, "\(operands[0]) and \(operands[1]) differ in a dimension that they share")
      }
      sizes[label] = size
    }
    return sizes
  }

  package func factors(operands: [Type], results: [Type]) -> Factors {
    let labels = Array(Set(left + right)).sorted()
    let place = Dictionary(uniqueKeysWithValues: labels.enumerated().map { ($1, $0) })
    let walk = { (dimensions: [Int]) in dimensions.map { place[$0].map { [$0] } ?? [] } }
    var sizes = labels.map { _ in 1 }
    for (label, size) in zip(left + right, operands[0].shape + operands[1].shape) {
      if let factor = place[label] { sizes[factor] = size }
    }
    return Factors(
      sizes: sizes, operands: [walk(left), walk(right)], results: [walk(result)], flopsPerPoint: 2)
  }

  package func evaluate(_ operands: [HostArray], types: [Type]) -> [HostArray] {
    let factors = factors(operands: operands.map(\.type), results: types)
    let strides = zip(factors.operands, operands.map(\.shape)).map {
      factorStrides($0, $1, factors)
    }
    let target = factorStrides(factors.results[0], types[0].shape, factors)
    return [
      sumOfProducts(operands[0], operands[1], types[0]) { visit in
        forEachIndex(factors.sizes) { index in
          let place = { (strides: [Int]) in zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 } }
          visit(place(target), place(strides[0]), place(strides[1]))
        }
      }
    ]
  }

  private func factorStrides(_ walk: [[Int]], _ shape: [Int], _ factors: Factors) -> [Int] {
    var strides = factors.sizes.map { _ in 0 }
    for (factor, stride) in zip(walk, rowMajorStrides(shape)) { strides[factor[0]] = stride }
    return strides
  }

  package func elementsBeyondExtent(
    along dimension: Int, ofOperand operand: Int, _ type: Type
  ) -> ElementsBeyondExtent { .replaced(by: 0) }

  package func gradient(byOperand operand: Int, _ context: GradientContext) -> Tensor? {
    let other = context.operands[1 - operand]
    let gradient = context.gradient.converted(to: other.type.element)
    let dot =
      operand == 0
      ? Dot(left: result, right: right, result: left)
      : Dot(left: left, right: result, result: right)
    return operand == 0
      ? gradient.apply(dot, other) : other.apply(dot, gradient)
  }
}

/// Adds products of elements up: integers wrap, floats are summed in double and rounded once.
///
/// - Parameter places: Calls its argument with the places in the result, in `x` and in `y` of each
///   product.
func sumOfProducts(
  _ x: HostArray, _ y: HostArray, _ type: Type,
  _ places: ((_ result: Int, _ left: Int, _ right: Int) -> Void) -> Void
) -> HostArray {
  if case (.integer(let x), .integer(let y)) = (x.storage, y.storage) {
    var totals = [Int64](repeating: 0, count: type.elementCount)
    places { totals[$0] &+= x[$1] &* y[$2] }
    return HostArray(type.element, type.shape, integers: totals)
  }
  let (x, y) = (x.doubles, y.doubles)
  var totals = [Double](repeating: 0, count: type.elementCount)
  places { totals[$0] += x[$1] * y[$2] }
  return HostArray(type.element, type.shape, totals)
}

extension Dot {
  /// Reads Einstein's notation; nil if the text has another form.
  package init?(_ notation: String) {
    let sides = notation.split(separator: ">", omittingEmptySubsequences: false)
    guard sides.count == 2, sides[0].hasSuffix("-") else { return nil }
    let operands = sides[0].dropLast().split(separator: ",", omittingEmptySubsequences: false)
    guard operands.count == 2 else { return nil }
    let labels = { (text: Substring) in text.utf8.map { Int($0) - 97 } }
    self.init(left: labels(operands[0]), right: labels(operands[1]), result: labels(sides[1]))
    guard (left + right + result).allSatisfy({ (0..<26).contains($0) }) else { return nil }
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let notation = try container.decode(String.self, forKey: .labels)
    guard var dot = Dot(notation) else {
      throw ShapeError("dot", "'\(notation)' is not of the form ab,bc->ac")
    }
    dot.element = try container.decodeIfPresent(ElementType.self, forKey: .element)
    self = dot
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(notation, forKey: .labels)
    try container.encodeIfPresent(element, forKey: .element)
  }

  private enum CodingKeys: String, CodingKey { case labels, element }
}
