import DeepEPElements
import DeepEPSystemOneDNN
import DeepEPTensors

/// How a matrix, or a batch of them, lies in memory: the last two dimensions are rows and columns.
package struct MatrixOperand: Hashable, Sendable {
  /// The size of each dimension.
  package let shape: [Int]
  /// The distance in elements between neighbours along each dimension.
  package let strides: [Int]
  /// The type of each element.
  package let element: ElementType

  /// Describes an operand; row-major where no strides are given.
  package init(_ shape: [Int], strides: [Int]? = nil, _ element: ElementType = .float32) {
    self.shape = shape
    self.strides = strides ?? rowMajorStrides(shape)
    self.element = element
  }

  var rows: Int { shape[shape.count - 2] }
  var columns: Int { shape[shape.count - 1] }
  var batch: ArraySlice<Int> { shape.dropLast(2) }
}

extension MatrixOperand: CustomStringConvertible {
  /// The element type, shape and strides.
  package var description: String { "\(element.rawValue)\(shape) with strides \(strides)" }
}

extension MatrixOperand {
  /// The operand in the C shim's terms; nil where oneDNN has no such element type.
  var described: deepep_onednn_operand? {
    let code: deepep_onednn_element
    switch element {
    case .float32: code = DEEPEP_ONEDNN_FLOAT32
    case .bfloat16: code = DEEPEP_ONEDNN_BFLOAT16
    case .float16: code = DEEPEP_ONEDNN_FLOAT16
    default: return nil
    }
    var operand = deepep_onednn_operand()
    operand.element = code
    operand.dimensions = Int32(shape.count)
    withUnsafeMutableBytes(of: &operand.shape) { $0.copy(shape) }
    withUnsafeMutableBytes(of: &operand.strides) { $0.copy(strides) }
    return operand
  }
}

extension UnsafeMutableRawBufferPointer {
  fileprivate func copy(_ numbers: [Int]) {
    for (index, number) in numbers.enumerated() {
      storeBytes(of: Int64(number), toByteOffset: index * 8, as: Int64.self)
    }
  }
}
