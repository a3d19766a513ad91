import DeepEPCompute
import DeepEPExecution
import DeepEPTensors

/// A device on which code can ask for the values of tensors, outside of training.
///
/// ```swift
/// let device = try Device()
/// let norm = try device.run { try Tensor([3, 4]).power(2).sum().squareRoot().scalar() }
/// ```
///
/// Parameters have the first values of a training run with the same seed; they keep them as long as
/// the device lives. What is computed is compiled once for each structure, and the last 256 are kept.
///
/// Used by one thread.
public final class Device {
  private let parameters: ParameterStore
  private let evaluator: DeviceEvaluator

  /// Opens the processor.
  ///
  /// - Parameters:
  ///   - threads: The number of threads; by default all cores.
  ///   - seed: What random first values of parameters depend on.
  ///   - kernelCache: Where compiled kernels are kept for the next run.
  /// - Throws: An error that says which library is missing.
  public init(
    threads: Int? = nil, seed: UInt64 = 0, kernelCache: KernelCache = .standard
  ) throws {
    let device = try CPUDevice(
      threadCount: threads, kernels: KernelLibrary(cache: kernelCache))
    let parameters = ParameterStore(seed: seed, device: device)
    self.parameters = parameters
    evaluator = DeviceEvaluator(on: device, state: parameters.state) { parameter in
      try parameters.slot(of: parameter.parameter)
    }
  }

  /// How many programs were compiled: the number of different structures that were asked for.
  public var compilationCount: Int { evaluator.compilationCount }

  /// Runs code that may ask for values.
  ///
  /// - Parameters:
  ///   - model: Its parameters get their names, on which random first values depend; others are
  ///     numbered in the order of their first use.
  ///   - body: The code. Tensors that it returns cannot be asked afterwards.
  /// - Returns: What the code returns.
  /// - Throws: What the code throws.
  public func run<Result>(
    _ model: (any Module)? = nil, _ body: () throws -> Result
  ) throws -> Result {
    if let model { parameters.name(model.parameters) }
    return try Evaluation(evaluator).scope(body)
  }
}

/// The values of parameters outside of training, made when they are first asked for.
private final class ParameterStore {
  let state = SharedState()
  private var firstValues: FirstValues
  // Held, so that no other parameter can take the identity of one that is gone.
  private var names: [(parameter: Parameter, name: String)] = []

  init(seed: UInt64, device: CPUDevice) {
    firstValues = FirstValues(seed: seed, device: device)
  }

  func name(_ parameters: [NamedParameter]) {
    for named in parameters { _ = name(of: named.parameter, wanted: named.name) }
  }

  /// The name of a parameter: the one that it has, or the wanted one if it is free.
  private func name(of parameter: Parameter, wanted: String) -> String {
    if let known = names.first(where: { $0.parameter === parameter }) { return known.name }
    let isTaken = names.contains { $0.name == wanted }
    let name = isTaken ? "\(wanted).\(names.count)" : wanted
    names.append((parameter, name))
    return name
  }

  func slot(of parameter: Parameter) throws -> Int {
    let name = name(of: parameter, wanted: "parameter.\(names.count)")
    let index = try state.index(of: Slot(name: name, parameter))
    try firstValues.fill(state)
    return index
  }
}
