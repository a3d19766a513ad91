import DeepEPPlans
import DeepEPTensors

/// Finds the first instruction whose result is not finite.
///
/// Infinity counts unless the instruction has it from a constant, as masks do, or from an operand where it was such.
struct FirstNonFinite {
  /// What was found, after how many instructions; nil if nothing was.
  private(set) var finding: Finding?
  private var count = 0
  /// Memory that holds infinity on purpose.
  private var masks: Set<Placement> = []

  mutating func look(at instruction: Instruction, _ results: [UnsafeRawBufferPointer]) {
    guard finding == nil else { return }
    count += 1
    let isMasked =
      instruction.operation.hasInfinity || instruction.operands.contains { masks.contains($0) }
    for (index, bytes) in results.enumerated() {
      let type = instruction.resultTypes[index]
      let found = NonFiniteElements(type.element, bytes)
      masks.remove(instruction.results[index])
      if found.isEmpty { continue }
      if found.nanCount == 0, isMasked {
        masks.insert(instruction.results[index])
      } else {
        finding = Finding(
          place: count,
          text: "\(type) of '\(instruction.operation.functions)' in \(instruction.origin.place): "
            + found.text(shape: type.shape))
        return
      }
    }
  }
}

extension Origin {
  /// For people: the module, the part of the step, and the line where one is known.
  var place: String {
    let line = source.map { ", \($0.file):\($0.line)" } ?? ""
    return "\(path.isEmpty ? "the model" : path) (\(phase.rawValue)\(line))"
  }
}

extension Operation {
  /// Whether it writes infinity where nothing has gone wrong.
  var hasInfinity: Bool {
    switch self {
    case let constant as Constant: constant.numbers.contains { $0.isInfinite }
    case let region as Region: region.expressions.contains { $0.isInfinity }
    default: false
    }
  }

  /// What it computes: its name, or the functions of a region.
  fileprivate var functions: String {
    guard let region = self as? Region else { return name }
    var names: [String] = []
    for expression in region.expressions {
      if let name = expression.function, names.last != name { names.append(name) }
    }
    return names.isEmpty ? name : names.joined(separator: ", ")
  }
}

extension Region {
  /// What its statements compute, from the first to the last.
  fileprivate var expressions: [Expression] { body.flatMap(\.expressions) }
}

extension Statement {
  fileprivate var expressions: [Expression] {
    switch self {
    case .define(_, _, let expression): [expression]
    case .loop(let loop): loop.body.flatMap(\.expressions)
    default: []
    }
  }
}

extension Expression {
  fileprivate var isInfinity: Bool {
    if case .constant(let number) = self { number.isInfinite } else { false }
  }

  fileprivate var function: String? {
    switch self {
    case .unary(let function, _): function.rawValue
    case .binary(let function, _, _): function.rawValue
    default: nil
    }
  }
}
