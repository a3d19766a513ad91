import DeepEPElements
import DeepEPTensors

/// A contraction of narrow floats on a processor that has no units for them: operands are copied to
/// float32, multiplied and summed there, and the sum is rounded once.
///
/// The copies are in the workspace, row-major, one behind the other.
struct WidenedContraction {
  private let contraction: Contraction
  private let operandTypes: [Type]
  private let resultType: Type

  /// Nil if the operands are not bfloat16 or float16.
  init?(_ contraction: Contraction, _ operandTypes: [Type], _ resultTypes: [Type]) {
    guard let resultType = resultTypes.first,
      operandTypes.allSatisfy({ [.bfloat16, .float16].contains($0.element) })
    else { return nil }
    self.contraction = contraction
    self.operandTypes = operandTypes
    self.resultType = resultType
  }

  /// The same contraction of the copies.
  var product: Contraction {
    var dot = contraction.dot
    dot.element = nil
    return Contraction(
      dot: dot, left: View(contraction.left.shape), right: View(contraction.right.shape))
  }

  /// The types of the copies.
  var copyTypes: [Type] {
    [contraction.left, contraction.right].map { Type(.float32, $0.shape) }
  }

  /// The type of the sums.
  var sumType: Type { resultType.with(element: .float32) }

  /// Whether the sums are the result.
  var isWholeSum: Bool { resultType.element == .float32 }

  /// Where the copies, the sums and the product's own workspace begin; after them the whole size.
  func offsets(productWorkspaceBytes: Int) -> [Int] {
    let sizes = copyTypes.map(\.byteCount) + [isWholeSum ? 0 : sumType.byteCount]
    return (sizes + [productWorkspaceBytes]).reduce(into: [0]) { offsets, size in
      offsets.append((offsets[offsets.count - 1] + size + 63) / 64 * 64)
    }
  }

  /// Loop nests with the types of their operands: they copy the operands, and round the sums if those
  /// are not the result.
  var conversions: [(region: Region, operandType: Type)] {
    let views = [contraction.left, contraction.right]
    var all = zip(zip(operandTypes, views), copyTypes).map { source, copy in
      (Region.conversion(of: source.0, seen: source.1, to: copy), source.0)
    }
    if !isWholeSum {
      all.append((.conversion(of: sumType, seen: View(sumType.shape), to: resultType), sumType))
    }
    return all
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

/// Runs a widened contraction.
struct WidenedKernel: Kernel {
  let conversions: [RegionKernel]
  let product: any Kernel
  /// Where in the workspace the copies, the sums and the product's workspace begin.
  let offsets: [Int]

  func run(_ buffers: UnsafePointer<UnsafeMutableRawPointer?>) throws {
    guard let workspace = buffers[3] else { return }
    let (left, right) = (workspace + offsets[0], workspace + offsets[1])
    let sums = conversions.count > 2 ? workspace + offsets[2] : buffers[2]
    for (operand, copy) in [left, right].enumerated() {
      call(conversions[operand], [buffers[operand], copy])
    }
    try [left, right, sums, workspace + offsets[3]].withUnsafeBufferPointer { all in
      if let start = all.baseAddress { try product.run(start) }
    }
    if conversions.count > 2 { call(conversions[2], [sums, buffers[2]]) }
  }

  private func call(_ kernel: RegionKernel, _ buffers: [UnsafeMutableRawPointer?]) {
    buffers.withUnsafeBufferPointer { all in
      if let start = all.baseAddress { kernel.run(start) }
    }
  }
}
