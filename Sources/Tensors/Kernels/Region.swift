import DeepEPElements

/// A fused loop nest in the kernel IR: what the `fuse` transform makes of element-wise operations,
/// reductions and the movement of elements.
///
/// All iterations of the parallel loops are independent: a device may run them in any order and on
/// any number of threads. Within one of them the body runs in order. Every element of every result
/// is written by exactly one of them: stored once, or stored and then added to by tiles.
package struct Region: Hashable, Codable, Sendable {
  /// The types of the results, all row-major.
  package var resultTypes: [Type]
  /// The extents of the parallel loops, outermost first: loop variables `0 ..< parallel.count`.
  package var parallel: [Int]
  /// Buffers of which every parallel iteration has its own.
  package var scratch: [Scratch]
  /// What one parallel iteration does.
  package var body: [Statement]

  /// Makes a region.
  package init(resultTypes: [Type], parallel: [Int], scratch: [Scratch] = [], body: [Statement]) {
    self.resultTypes = resultTypes
    self.parallel = parallel
    self.scratch = scratch
    self.body = body
  }
}

/// A buffer that is private to one parallel iteration of a region; its content is undefined at the
/// start of each.
package struct Scratch: Hashable, Codable, Sendable {
  /// The type of each element.
  package var element: ElementType
  /// The number of elements.
  package var count: Int

  /// Makes a scratch buffer.
  package init(_ element: ElementType, count: Int) {
    self.element = element
    self.count = count
  }
}

/// A scalar of a region: numbered without gaps from zero, each defined once.
package typealias Register = Int
/// A loop variable of a region: parallel loops first, then inner loops, each numbered once.
package typealias LoopVariable = Int

/// One step of a region's body.
package indirect enum Statement: Hashable, Codable, Sendable {
  /// Computes a scalar.
  case define(Register, ElementType, Expression)
  /// Writes a register's value to memory; the register has the buffer's element type.
  case store(Access, Register)
  /// Combines a register's value into an accumulator of an enclosing loop.
  case accumulate(accumulator: Register, Register)
  /// Runs a body for each value of a variable from zero to the extent.
  case loop(Loop)
  /// Multiplies two small matrices.
  case tileDot(TileDot)
  /// Copies a small matrix with rows and columns exchanged.
  case transpose(TileTranspose)
}

/// A serial loop of a region.
package struct Loop: Hashable, Codable, Sendable {
  /// The variable that counts from zero.
  package var variable: LoopVariable
  /// The number of iterations.
  package var extent: Int
  /// If there is one, the loop ends before this position, too.
  package var bound: Index?
  /// Scalars that the loop reduces into; after the loop they are ordinary registers.
  package var accumulators: [Accumulator]
  /// What each iteration does.
  package var body: [Statement]

  /// Makes a loop.
  package init(
    _ variable: LoopVariable, extent: Int, bound: Index? = nil, accumulators: [Accumulator] = [],
    body: [Statement]
  ) {
    self.variable = variable
    self.extent = extent
    self.bound = bound
    self.accumulators = accumulators
    self.body = body
  }
}

/// A scalar that a loop reduces into.
///
/// It starts at the reduction's identity; the order of the combination is the device's choice.
package struct Accumulator: Hashable, Codable, Sendable {
  /// The register that holds the result after the loop.
  package var register: Register
  /// Its element type.
  package var element: ElementType
  /// How values are combined.
  package var reduction: Reduction

  /// Makes an accumulator.
  package init(_ register: Register, _ element: ElementType, _ reduction: Reduction) {
    self.register = register
    self.element = element
    self.reduction = reduction
  }
}

/// How a scalar of a region is computed.
package enum Expression: Hashable, Codable, Sendable {
  /// An element of a buffer.
  case load(Access)
  /// A number; integer types truncate it.
  case constant(Double)
  /// The value of an index, as an integer of the register's type.
  case index(Index)
  /// A function of one register of the same type.
  case unary(UnaryFunction, Register)
  /// A function of two registers of the same type.
  case binary(BinaryFunction, Register, Register)
  /// A comparison of two registers of the same type; the result is a Boolean.
  case compare(Comparison, Register, Register)
  /// The second register where the first, a Boolean, is true; otherwise the third.
  case select(Register, Register, Register)
  /// A register's value in the type of the result: floats round to nearest even, a float becomes an
  /// integer by truncation towards zero, a number becomes true where it is not zero.
  case convert(Register)
  /// Sixty-four random bits (a `uint64`): `mix(mix(key * G) + (number + 1) * G)`, where `key` is a
  /// `uint64` register, `number` an `int64` one, and `mix` the finaliser of SplitMix64 (see `Random`).
  case random(key: Register, number: Register)
}

/// A place in a buffer.
package struct Access: Hashable, Codable, Sendable {
  /// Which buffer.
  package var buffer: Buffer
  /// Which element of it.
  package var index: Index

  /// Makes an access.
  package init(_ buffer: Buffer, _ index: Index) {
    self.buffer = buffer
    self.index = index
  }
}

/// A buffer that a region reads or writes.
package enum Buffer: Hashable, Codable, Sendable {
  case operand(Int)
  case result(Int)
  case scratch(Int)
}

/// A position in a row-major buffer, in elements: `offset + Σ variable · stride + Σ register · stride`.
package struct Index: Hashable, Codable, Sendable {
  /// The constant part.
  package var offset: Int
  /// The part that depends on loop variables.
  package var terms: [IndexTerm]
  /// The part that depends on values: an integer register, clamped to `0 ..< limit`.
  package var gathers: [GatherTerm]

  /// Makes an index.
  package init(offset: Int = 0, terms: [IndexTerm] = [], gathers: [GatherTerm] = []) {
    self.offset = offset
    self.terms = terms
    self.gathers = gathers
  }
}

/// A loop variable's contribution to an index.
package struct IndexTerm: Hashable, Codable, Sendable {
  /// The loop variable.
  package var variable: LoopVariable
  /// Elements per step of it.
  package var stride: Int

  /// Makes a term.
  package init(_ variable: LoopVariable, stride: Int) {
    self.variable = variable
    self.stride = stride
  }
}

/// A register's contribution to an index.
package struct GatherTerm: Hashable, Codable, Sendable {
  /// An integer register; clamped to `0 ..< limit`, so that no value reads outside the buffer.
  package var register: Register
  /// The number of valid values.
  package var limit: Int
  /// Elements per step of it.
  package var stride: Int

  /// Makes a term.
  package init(_ register: Register, limit: Int, stride: Int) {
    self.register = register
    self.limit = limit
    self.stride = stride
  }
}
