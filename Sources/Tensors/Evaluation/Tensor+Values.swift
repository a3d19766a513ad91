import DeepEPElements

/// Values while model code runs: for control flow that depends on data.
///
/// Asking computes what the value depends on, and nothing else, on the device of the training run (or
/// of `Device.run`); the program for it is compiled once for each structure and kept. In training, a
/// model that asks is traced again for every batch, with that batch. What the code writes becomes the
/// training step: gradients follow the path that was taken, and compiled steps are kept by their
/// structure too. So a model costs as many compilations as it has different paths.
///
/// ```swift
/// struct Refiner: DynamicModule {
///   let layer = Linear(8, 8)
///   func output(for x: Tensor) throws -> Tensor {
///     var x = x
///     for _ in 0..<(try x.mean().integer()) { x = x + layer(x).relu() }
///     return x
///   }
/// }
/// ```
///
/// A number that was asked for and is put into a tensor by arithmetic, as in `x * 0.5`, is written
/// into the program: each new number is a new structure. Pass it in instead: `x * Tensor(passing: s)`.
/// Gradients do not flow through a number that was asked for.
extension Tensor {
  /// The only number of this tensor, computed now.
  ///
  /// - Throws: ``TraceError`` for a tensor of more or fewer numbers, a mistake made earlier, or if there
  ///   is no device to ask; the device's errors.
  public func scalar(file: String = #fileID, line: Int = #line) throws -> Double {
    let source = SourceLocation(file: file, line: line)
    let array = try values(source, needsOne: true)
    return array.doubles[0]
  }

  /// The only number of this tensor as an integer, its fraction cut off, computed now.
  ///
  /// - Throws: As ``scalar(file:line:)``, and for a number that no integer is near.
  public func integer(file: String = #fileID, line: Int = #line) throws -> Int {
    let source = SourceLocation(file: file, line: line)
    let array = try values(source, needsOne: true)
    if !array.element.isFloatingPoint { return Int(array.integers[0]) }
    guard let integer = Int(exactly: array.doubles[0].rounded(.towardZero)) else {
      throw trace.mistake("\(array.doubles[0]) is no integer", source)
    }
    return integer
  }

  /// All numbers of this tensor, computed now.
  ///
  /// - Throws: As ``scalar(file:line:)``.
  public func array(file: String = #fileID, line: Int = #line) throws -> HostArray {
    try values(SourceLocation(file: file, line: line), needsOne: false)
  }

  /// This tensor, computed now: values that are asked for later start from it.
  ///
  /// In a loop that asks for a value each time, it keeps the work, and the number of structures, from
  /// growing with the number of rounds. The training step still computes the whole path, so that
  /// gradients are right.
  ///
  /// - Throws: As ``scalar(file:line:)``.
  public func materialized(file: String = #fileID, line: Int = #line) throws -> Tensor {
    _ = try values(SourceLocation(file: file, line: line), needsOne: false)
    return self
  }

  /// A scalar tensor whose number is handed to the program at each run, and not written into it.
  public init(passing number: Double, element: ElementType = .float32) {
    self.init(passing: [number], shape: [], element: element)
  }

  /// A tensor whose numbers are handed to the program at each run, and not written into it.
  ///
  /// In training, a model that passes numbers is traced again for every batch.
  ///
  /// - Parameters:
  ///   - numbers: As many as the shape says, row-major.
  ///   - shape: The sizes of the dimensions; by default one dimension.
  ///   - element: The element type, to which they are rounded.
  public init(passing numbers: [Double], shape: [Int]? = nil, element: ElementType = .float32) {
    self = Trace().pass(numbers, Type(element, shape ?? [numbers.count]))
  }

  /// What code that may throw makes of this tensor; an error poisons the result, and tracing throws it.
  ///
  /// So model code whose signature does not throw can ask for values.
  public func attempting(_ body: (Tensor) throws -> Tensor) -> Tensor {
    do {
      return try body(self)
    } catch {
      trace.fail(error)
      return Tensor(trace, nil)
    }
  }

  private func values(_ source: SourceLocation, needsOne: Bool) throws -> HostArray {
    guard let value else {
      throw trace.error ?? trace.mistake("the value of a wrong operation is asked for", source)
    }
    if needsOne, type.elementCount != 1 {
      throw trace.mistake("a scalar is asked for, but \(type) has \(type.elementCount)", source)
    }
    return try trace.array(of: value, source)
  }
}

/// A module whose code asks for values: its control flow depends on data.
public protocol DynamicModule: Module {
  /// The module's output for an input.
  ///
  /// - Throws: What asking for values throws; tracing throws it on.
  func output(for input: Tensor) throws -> Tensor
}

extension DynamicModule {
  /// The module's output; poisoned if ``output(for:)`` throws.
  public func callAsFunction(_ input: Tensor) -> Tensor { input.attempting(output) }
}
