import DeepEPCompute
import DeepEPElements
import DeepEPTensors

extension CPUDevice {
  /// What a device makes of a contraction.
  ///
  /// - Parameter overwrites: The operand in whose memory the result is made.
  func run(
    _ contraction: Contraction, _ operands: [HostArray], _ types: [Type], overwrites: Int? = nil
  ) throws -> HostArray {
    let operandTypes = operands.map(\.type)
    let choice = try choice(for: contraction, operands: operandTypes, results: types)
    let request = KernelRequest(
      operation: contraction, operandTypes: operandTypes, resultTypes: types,
      overwrites: overwrites.map { [0: $0] } ?? [:])
    let kernel = try kernels([request])[0]
    let sizes = operands.map(\.bytes.count) + [types[0].byteCount, choice.workspaceBytes]
    let owned: [UnsafeMutableRawPointer] = sizes.map {
      .allocate(byteCount: $0 + 64, alignment: 64)
    }
    defer { owned.forEach { $0.deallocate() } }
    for (buffer, operand) in zip(owned, operands) {
      operand.bytes.withUnsafeBytes { bytes in
        if let start = bytes.baseAddress { buffer.copyMemory(from: start, byteCount: bytes.count) }
      }
    }
    var buffers: [UnsafeMutableRawPointer?] = owned
    if let overwrites { buffers[operands.count] = owned[overwrites] }
    try buffers.withUnsafeBufferPointer { all in
      if let start = all.baseAddress { try kernel.run(start) }
    }
    return HostArray(
      types[0].element, types[0].shape,
      bytes: UnsafeRawBufferPointer(
        start: buffers[operands.count], count: types[0].byteCount))
  }
}

extension ElementType {
  /// The distance of neighbours around a number.
  func unit(at number: Double) -> Double {
    let (bits, least) =
      switch self {
      case .bfloat16: (7, -126)
      case .float16: (10, -14)
      case .float64: (52, -1022)
      default: (23, -126)
      }
    let exponent = number == 0 ? least : max(Int(number.exponent), least)
    return Double(sign: .plus, exponent: exponent - bits, significand: 1)
  }
}
