import DeepEPElements
import DeepEPTensors

/// Loss scaling: gradients are computed of the loss times a number, so that small ones do not vanish
/// in narrow element types (Micikevicius et al.: Mixed Precision Training, 2018).
///
/// The scale is state. An update whose gradients are not finite is left out: parameters, the
/// optimiser's state and its count of updates stay, and the scale halves, down to one. After a number
/// of good updates in a row it doubles, up to 2⁶⁴.
public struct LossScaling: Hashable, Codable, Sendable {
  /// The scale at the start.
  public var initial: Double
  /// The number of good updates in a row after which the scale doubles.
  public var growthInterval: Int

  /// Describes how losses are scaled; the defaults are those of PyTorch's `GradScaler`.
  public init(initial: Double = 65536, growthInterval: Int = 2000) {
    self.initial = initial
    self.growthInterval = growthInterval
  }

  /// Throws ``TrainingError`` unless the numbers make sense.
  func check() throws {
    guard (1...0x1p64).contains(initial), growthInterval > 0 else {
      throw TrainingError(
        what: "a loss scale of \(initial) that grows after \(growthInterval) updates",
        place: "LossScaling", fix: "use a scale from 1 to 2^64, and an interval of at least 1")
    }
  }

  /// The name of the scale's slot, a float32 scalar.
  package static let scaleName = "optimizer.loss_scale"
  /// The name of the slot that counts good updates in a row, an int32 scalar.
  package static let goodName = "optimizer.good_updates"
  /// The names of the slots, which a run has only if it scales its loss.
  package static let slotNames: Set = [scaleName, goodName]
  /// The name of the result that is one if an update was left out, otherwise zero.
  package static let skippedName = "is_skipped"
  /// The name of the loss that is differentiated.
  static let scaledName = "scaled_loss"

  private var scale: Slot {
    Slot(
      name: Self.scaleName, type: Type(.float32, []), initializer: .constant(initial),
      kind: .statistic)
  }

  private static let good = Slot(
    name: Self.goodName, type: Type(.int32, []), initializer: .zeros, kind: .counter)

  /// The program whose entry ``EntryName/forward`` returns the scaled loss before the loss itself.
  func apply(_ program: Program) throws -> Program {
    var forward = EntryWriter(program, .forward)
    forward.trace.origin.phase = .forward
    let loss = forward.result("loss")
    let scale = forward.read(forward.slot(scale)).converted(to: loss.type.element)
    let own = forward.results
    forward.results = []
    forward.addResult(Self.scaledName, loss * scale)
    forward.results += own
    return try forward.finished()
  }

  /// Gradients of the loss from those of the scaled loss, and whether all of them are finite.
  ///
  /// Writes the new scale.
  func unscaled(
    _ gradients: [ParameterGradient], _ writer: inout EntryWriter
  ) -> (gradients: [ParameterGradient], areFinite: Tensor?) {
    let slot = writer.slot(scale)
    let scale = writer.read(slot)
    let unscaled = gradients.map { gradient in
      ParameterGradient(
        slot: gradient.slot,
        tensor: gradient.tensor / scale.converted(to: gradient.tensor.type.element))
    }
    let marks = unscaled.map(\.tensor.finiteMark)
    guard let first = marks.first else { return (unscaled, nil) }
    let areFinite = marks.dropFirst().reduce(first) { $0.minimum($1) }
      .compare(.greater, first.filled(with: 0))
    follow(scale, slot, areFinite, &writer)
    writer.addResult(
      Self.skippedName, areFinite.select(first.filled(with: 0), first.filled(with: 1)))
    return (unscaled, areFinite)
  }

  private func follow(
    _ scale: Tensor, _ slot: Int, _ areFinite: Tensor, _ writer: inout EntryWriter
  ) {
    let goodSlot = writer.slot(Self.good)
    let good = writer.read(goodSlot) + 1
    let grows = good.compare(.greaterOrEqual, good.filled(with: Double(growthInterval)))
    let larger = (scale * 2).minimum(scale.filled(with: 0x1p64))
    let smaller = (scale * 0.5).maximum(scale.filled(with: 1))
    writer.update(slot, to: areFinite.select(grows.select(larger, scale), smaller))
    let none = good.filled(with: 0)
    writer.update(goodSlot, to: areFinite.select(grows.select(none, good), none))
  }
}

extension Tensor {
  /// An int32 scalar: one if every element is finite, otherwise zero.
  fileprivate var finiteMark: Tensor {
    let size = unary(.absolute)
    return size.compare(.less, size.filled(with: .infinity)).converted(to: .int32)
      .reduced(.minimum, nil)
  }
}
