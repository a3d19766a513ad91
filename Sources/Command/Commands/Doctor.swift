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
    try output.write(Self.row("memory", HostMemory().text))
    try output.write(Self.row("gpu", Self.graphicsProcessors))
    let kernels = Self.checked { try KernelLibrary() }
    let device = Self.checked { try CPUDevice(threadCount: threads, kernels: kernels.get()) }
    try output.write(Self.row("llvm", Self.state(kernels, "kernels are compiled with it")))
    try output.write(Self.row("onednn", Self.state(device, "contractions run on it")))
    if case .success(let device) = device {
      let probe = try MultiplyAddProbe(compiler: device.compiler, pool: device.pool)
      let gigaflops = Quantity.number(probe.gigaflops())
      try output.write(
        Self.row("peak", "\(gigaflops) GFLOP/s fp32 (measured, \(device.pool.threadCount) threads)")
      )
    }
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

  private static func checked<Value>(_ body: () throws -> Value) -> Result<Value, any Error> {
    Result { try body() }
  }

  private static func state<Value>(_ result: Result<Value, any Error>, _ purpose: String) -> String
  {
    switch result {
    case .success: "found: \(purpose)"
    case .failure(let error): "missing: \(error)"
    }
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

/// The memory of this host, as the kernel counts it.
struct HostMemory {
  /// All of it.
  let bytes: Int
  /// What a process could get now.
  let availableBytes: Int

  /// Reads `/proc/meminfo` (proc(5)).
  init() {
    var text = [UInt8](repeating: 0, count: 4096)
    if let file = fopen("/proc/meminfo", "r") {
      text.removeLast(text.count - fread(&text, 1, text.count, file))
      fclose(file)
    }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
    let bytes = { (name: String) -> Int in
      let line = lines.first { $0.hasPrefix(name) } ?? ""
      return (Int(line.filter(\.isNumber)) ?? 0) << 10
    }
    self.bytes = bytes("MemTotal:")
    availableBytes = bytes("MemAvailable:")
  }

  var text: String { "\(Quantity.bytes(bytes)), \(Quantity.bytes(availableBytes)) free" }
}
