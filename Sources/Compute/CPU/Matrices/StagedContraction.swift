import DeepEPElements
import DeepEPTensors

/// A contraction in stages, where oneDNN cannot do all of it at once.
///
/// Narrow floats of which the processor has no units are copied to float32 first, multiplied and
/// summed there. An epilogue for which oneDNN has no fast kernel, and the rounding of such sums, is a
/// loop nest afterwards. Copies and sums are in the workspace, row-major, one behind the other; the sums
/// in the result instead if they have its type.
struct StagedContraction {
  private let contraction: Contraction
  private let operandTypes: [Type]
  private let resultType: Type
  /// Whether operands are copied to float32.
  let widens: Bool

  /// Nil if the contraction cannot run in stages.
  ///
  /// - Parameter widens: Whether operands, bfloat16 or float16, are copied to float32.
  init?(
    _ contraction: Contraction, _ operandTypes: [Type], _ resultTypes: [Type], widens: Bool
  ) {
    guard let resultType = resultTypes.first else { return nil }
    let isNarrow = operandTypes.prefix(2).allSatisfy { $0.element.isNarrowFloat }
    let sum = contraction.sumType(operandTypes, resultTypes).element
    guard isNarrow || !widens, sum == .float32 || contraction.epilogue.isEmpty else { return nil }
    self.contraction = contraction
    self.operandTypes = operandTypes
    self.resultType = resultType
    self.widens = widens
  }

  /// The contraction of the copies, or of the operands, without the epilogue.
  var product: Contraction {
    var dot = contraction.dot
    guard widens else {
      return Contraction(dot: dot, left: contraction.left, right: contraction.right)
    }
    dot.element = nil
    return Contraction(
      dot: dot, left: View(contraction.left.shape), right: View(contraction.right.shape))
  }

  /// The types of the copies; none if the operands are multiplied as they are.
  private var copyTypes: [Type] {
    widens ? [contraction.left, contraction.right].map { Type(.float32, $0.shape) } : []
  }

  /// The types of what is multiplied.
  var factorTypes: [Type] { widens ? copyTypes : Array(operandTypes.prefix(2)) }

  /// The type of the sums.
  var sumType: Type {
    widens
      ? resultType.with(element: .float32) : contraction.sumType(operandTypes, [resultType])
  }

  /// Whether the sums are made in the result's memory.
  var sumsAreInResult: Bool {
    resultType == sumType && contraction.epilogue.first != .accumulate
  }

  /// Where the copies, the sums and the product's own workspace begin; after them the whole size.
  func offsets(productWorkspaceBytes: Int) -> [Int] {
    let sums = sumsAreInResult ? [] : [sumType.byteCount]
    let sizes = copyTypes.map(\.byteCount) + sums + [productWorkspaceBytes]
    return sizes.reduce(into: [0]) { offsets, size in
      offsets.append((offsets[offsets.count - 1] + size + 63) / 64 * 64)
    }
  }

  /// A loop nest with the types of its operands, and which operand the result lies over.
  struct Stage {
    var region: Region
    var operandTypes: [Type]
    var overwrites: [Int: Int] = [:]

    var byteCount: Int { (operandTypes + region.resultTypes).reduce(0) { $0 + $1.byteCount } }
  }

  /// The copies of the operands, before the product.
  var copies: [Stage] {
    let views = [contraction.left, contraction.right]
    return zip(zip(operandTypes, views), copyTypes).map { source, copy in
      Stage(
        region: .conversion(of: source.0, seen: source.1, to: copy), operandTypes: [source.0])
    }
  }

  /// The epilogue and the rounding, after the product; nil if nothing is left to do.
  ///
  /// - Parameter overwritesAddend: Whether the result lies over what is added to the sums first.
  func finish(overwritesAddend: Bool) -> Stage? {
    guard resultType != sumType || !contraction.epilogue.isEmpty else { return nil }
    let region = contraction.epilogueRegion(sum: sumType.element, result: resultType)
    return Stage(
      region: region, operandTypes: [sumType] + operandTypes.dropFirst(2),
      overwrites: sumsAreInResult ? [0: 0] : overwritesAddend ? [0: 1] : [:])
  }
}

extension Region {
  /// A copy in another element type, row-major, of what a view shows.
  fileprivate static func conversion(of source: Type, seen view: View, to target: Type) -> Region {
    let terms = { (strides: [Int]) in strides.enumerated().map { IndexTerm($0, stride: $1) } }
    return Region(
      resultTypes: [target], parallel: view.shape,
      body: [
        .define(
          0, source.element,
          .load(Access(.operand(0), Index(offset: view.offset, terms: terms(view.strides))))),
        .define(1, target.element, .convert(0)),
        .store(Access(.result(0), Index(terms: terms(rowMajorStrides(view.shape)))), 1),
      ])
  }
}

/// Runs a contraction in stages.
struct StagedKernel: Kernel {
  /// The copies of the operands; none if these are multiplied as they are.
  let copies: [RegionKernel]
  let product: any Kernel
  /// The epilogue; nil if there is none.
  let finish: RegionKernel?
  /// The number of operands.
  let operandCount: Int
  let sumsAreInResult: Bool
  /// Where in the workspace the copies, the sums and the product's workspace begin.
  let offsets: [Int]

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws {
    let result = buffers[operandCount]
    // There is a workspace unless it would be empty.
    let workspace = (offsets.last ?? 0) > 0 ? buffers[operandCount + 1] : nil
    let places = offsets.map { offset in workspace.map { $0 + offset } }
    var factors = [buffers[0], buffers[1]]
    for (index, copy) in copies.enumerated() {
      call(copy, [buffers[index], places[index]])
      factors[index] = places[index]
    }
    let sums = sumsAreInResult ? result : places[copies.count]
    let productWorkspace = places[places.count - 2]
    try (factors + [sums, productWorkspace]).withUnsafeBufferPointer { all in
      if let start = all.baseAddress { try product.run(start) }
    }
    guard let finish else { return }
    call(finish, [sums] + (2..<operandCount).map { buffers[$0] } + [result])
  }

  private func call(_ kernel: RegionKernel, _ buffers: [UnsafeMutableRawPointer?]) {
    buffers.withUnsafeBufferPointer { all in
      if let start = all.baseAddress { kernel.run(start) }
    }
  }
}
