import DeepEPElements
import DeepEPTensors

/// Writes the entry that gives every slot its first value.
package struct InitializerWriter {
  private let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  /// The program with an entry ``EntryName/initialize``.
  package func adding(to program: Program) throws -> Program {
    var program = program
    var entry = Entry(name: .initialize)
    let trace = Trace(isRoot: true)
    // Memory is zero before anything is written to it.
    for (index, slot) in program.slots.enumerated() where slot.initializer != .zeros {
      trace.origin.path = slot.name
      let key = StableHash.key(seed, slot.name)
      let numbering = Array(slot.type.shape.indices)
      let tensor = tensor(slot.initializer, slot.type.shape, numbering, key, trace)
        .converted(to: slot.type.element)
      let value = trace.adopt(tensor)
      if let error = trace.error { throw error }
      if let value { entry.updates.append(SlotUpdate(slot: index, value: value)) }
    }
    entry.graph = trace.graph
    program.entries.append(entry)
    return program
  }

  private func tensor(
    _ initializer: Initializer, _ shape: [Int], _ numbering: [Int], _ key: UInt64, _ trace: Trace
  ) -> Tensor {
    switch initializer {
    case .constant(let number):
      return trace.apply(Constant(type: Type(.float32, shape), numbers: [number]), [])[0]
    case .word(let word):
      return trace.scalar(word).broadcast(to: shape)
    case .uniform(let bound, let stream):
      let numbers = trace.elementNumbers(shape, order: numbering)
      let unit = fraction(numbers, stream.key(key))
      return (unit * 2 - 1) * bound
    case .normal(let deviation, let stream):
      // Box and Muller: A Note on the Generation of Random Normal Deviates, 1958.
      let (key, numbers) = (stream.key(key), trace.elementNumbers(shape, order: numbering))
      let radius = (-2 * (1 - fraction(numbers, key)).logarithm()).squareRoot()
      let angle = fraction(numbers, Random.mix(key &+ 1)) * (2 * Double.pi)
      return radius * angle.cosine() * deviation
    case .transposed(let inner):
      return tensor(inner, shape, numbering.reversed(), key, trace)
    }
  }

  /// Uniform numbers in `0 ..< 1`: the top 24 bits of each word.
  private func fraction(_ numbers: Tensor, _ key: UInt64) -> Tensor {
    let words = numbers.trace.scalar(key).apply(Random(), numbers)
    let top = words.binary(.shiftRight, words.filled(with: 40)).converted(to: .int32)
    return top.converted(to: .float32) * 0x1p-24
  }
}

extension RandomStream {
  fileprivate func key(_ own: UInt64) -> UInt64 {
    switch self {
    case .byName: own
    case .number(let number): number
    }
  }
}

extension StableHash {
  /// The key of a slot's random stream in a run.
  static func key(_ seed: UInt64, _ name: String) -> UInt64 {
    var hash = StableHash()
    hash.add(name)
    return Random.mix(hash.value ^ Random.mix(seed &+ Random.increment))
  }
}

extension Trace {
  /// A `uint64` scalar; two halves, because a constant holds doubles.
  fileprivate func scalar(_ word: UInt64) -> Tensor {
    let type = Type(.uint64, [])
    let half = { (bits: UInt64) in
      self.apply(Constant(type: type, numbers: [Double(bits)]), [])[0]
    }
    let high = half(word >> 32).binary(.shiftLeft, half(32))
    return high.binary(.or, half(word & 0xffff_ffff))
  }
}
