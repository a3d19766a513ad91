import DeepEPElements
import DeepEPTensors
import DeepEPTransforms

/// A memory that a plan lays out.
package enum Arena: String, Hashable, Codable, Sendable {
  /// Slots: it keeps its content between calls.
  case state
  /// Values of one call.
  case values
}

/// A piece of an arena.
package struct Placement: Hashable, Codable, Sendable {
  package var arena: Arena
  /// The distance from the arena's start; a multiple of 64.
  package var offsetBytes: Int
  package var byteCount: Int

  package init(_ arena: Arena, offsetBytes: Int, byteCount: Int) {
    self.arena = arena
    self.offsetBytes = offsetBytes
    self.byteCount = byteCount
  }
}

/// One kernel call.
package struct Instruction: Sendable {
  package var operation: any Operation
  /// The kernel that the target chose.
  package var kernel: String
  package var operandTypes: [Type]
  package var resultTypes: [Type]
  package var operands: [Placement]
  package var results: [Placement]
  package var workspace: Placement?
  /// Results that take an operand's memory: result to operand.
  package var overwrites: [Int: Int]
  package var origin: Origin
  package var flops: Double
  package var predictedSeconds: Double
  /// Whether it is a collective that goes on beside the instructions after it.
  package var isBeside = false
  /// The instructions that go on beside, and must be over before this one begins.
  package var waits: [Int] = []

  /// The bytes that the instruction reads and writes.
  package var byteCount: Int {
    (operandTypes + resultTypes).reduce(0) { $0 + $1.byteCount }
  }
}

/// A named piece of memory that a caller reads or writes.
package struct NamedPlacement: Hashable, Sendable {
  package var name: String
  package var type: Type
  package var placement: Placement
}

/// An extent of a bounded dimension to be checked when an entry runs.
package struct PlacedCheck: Hashable, Sendable {
  /// What must hold.
  package var check: ExtentCheck
  /// Where the int32 lies.
  package var placement: Placement
  /// The number of instructions after which it is known: zero for inputs and slots.
  package var instructionCount: Int
}

/// The instructions of one entry, in the order in which they run.
package struct Segment: Sendable {
  package var name: EntryName
  package var inputs: [NamedPlacement]
  package var results: [NamedPlacement]
  package var instructions: [Instruction]
  /// Extents to check, in the order in which they are known.
  package var checks: [PlacedCheck] = []
  /// The size of the values' arena that the segment needs.
  package var valueBytes: Int
  /// The most bytes of it that are in use at once: no offsets need less.
  package var liveBytes: Int

  /// Floating-point operations of a call.
  package var flops: Double { instructions.reduce(0) { $0 + $1.flops } }
  /// How long a call is expected to take.
  package var predictedSeconds: Double { instructions.reduce(0) { $0 + $1.predictedSeconds } }
}

/// What runs: for each entry its instructions, with every offset known before anything is allocated.
package struct Plan: Sendable {
  package var slots: [NamedPlacement]
  package var segments: [Segment]
  package var stateBytes: Int

  /// The size of the arena that all segments share for their values.
  package var valueBytes: Int { segments.map(\.valueBytes).max() ?? 0 }
  /// The most memory that running the plan takes.
  package var peakBytes: Int { stateBytes + valueBytes }

  /// The segment of an entry.
  package func segment(_ name: EntryName) -> Segment? { segments.first { $0.name == name } }
}
