import DeepEPCommunication
import DeepEPCompute
import DeepEPTraining
import Glibc

/// `deepep doctor`: what this machine has, and what is missing with the line that installs it.
struct Doctor {
  var threads: Int?

  static func command(output: TerminalOutput) -> Subcommand {
    Subcommand(
      "doctor", summary: "Say what this machine has, and what is missing.", defaults: Doctor(),
      parameters: [
        .option("threads", \.threads, .positiveInteger, "threads to measure; by default all cores")
      ],
      examples: [""]
    ) { options in try options.run(output: output) }
  }

  func run(output: TerminalOutput) throws {
    let processor = Processor()
    try output.write(Self.row("processor", Self.text(processor)))
    try output.write(Self.row("memory", Self.memory))
    try output.write(Self.row("gpu", Self.graphicsProcessors))
    let kernels = Result { try KernelLibrary() }
    let device = Result { try CPUDevice(threadCount: threads, kernels: kernels.get()) }
    try output.write(Self.row("llvm", Self.state(kernels, "kernels are compiled with it")))
    try output.write(Self.row("onednn", Self.state(device, "contractions run on it")))
    if case .success(let device) = device {
      let probe = try MultiplyAddProbe(compiler: device.compiler, pool: device.pool)
      let gigaflops = Quantity.number(probe.gigaflops())
      try output.write(
        Self.row("peak", "\(gigaflops) GFLOP/s fp32 (measured, \(device.pool.threadCount) threads)")
      )
    }
    try output.write(Self.row("ucx", Self.ucx))
    for mpi in MPI.installations() { try output.write(Self.row("mpi", Self.text(mpi))) }
  }

  private static func row(_ name: String, _ text: String) -> String {
    name + String(repeating: " ", count: max(1, 11 - name.count)) + text + "\n"
  }

  private static func text(_ processor: Processor) -> String {
    let units = processor.narrowUnits.map(\.rawValue).sorted()
    let narrow = units.isEmpty ? "no 16-bit units" : "multiplies \(units.joined(separator: ", "))"
    return "\(processor.name), \(processor.logicalCoreCount) cores, "
      + "\(processor.vectorClass.rawValue), \(narrow)"
  }

  private static func state<Value>(_ result: Result<Value, any Error>, _ purpose: String) -> String
  {
    switch result {
    case .success: "found: \(purpose)"
    case .failure(let error): "missing: \(error)"
    }
  }

  /// What `communication` may be beside sockets and shared memory.
  private static var ucx: String {
    do {
      let ucx = try UCXInstallation()
      let fabric = ucx.fabric.map { "the fabric \($0)" } ?? "no fabric but TCP"
      return "\(ucx.version) sees \(fabric): \(ucx.devices.joined(separator: ", "))"
    } catch { return "missing: \(error)" }
  }

  private static func text(_ mpi: Result<String, CommunicationError>) -> String {
    switch mpi {
    case .success(let version): "found: \(version), for ranks that its launcher has started"
    case .failure(let error): "missing: \(error)"
    }
  }

  private static var memory: String {
    "\(Quantity.bytes(HostMemory.bytes)), \(Quantity.bytes(HostMemory.availableBytes)) free"
  }

  /// What NVIDIA's driver lists; there is a folder for each device.
  private static var graphicsProcessors: String {
    guard let folder = opendir("/proc/driver/nvidia/gpus") else {
      return "none: no driver of NVIDIA is loaded"
    }
    defer { closedir(folder) }
    var count = 0
    while let entry = readdir(folder) { count += entry.pointee.d_name.0 == 0x2E ? 0 : 1 }
    return "\(count) of NVIDIA (not used yet: DeepEP runs on the processor)"
  }
}
