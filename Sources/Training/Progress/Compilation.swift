import DeepEPCompute

/// How the kernels of a program were made.
struct Compilation {
  /// How long it took.
  var seconds: Double
  /// The number of different kernels.
  var kernelCount: Int
  /// Those of them that an earlier process had compiled.
  var keptCount: Int

  init(seconds: Double, _ library: KernelLibrary) {
    self.seconds = seconds
    kernelCount = library.kernelCount
    keptCount = kernelCount - library.compilationCount
  }

  /// For people.
  var text: String {
    "\(Quantity.fixed(seconds, 1)) s, \(kernelCount) kernels (\(keptCount) cached)"
  }
}
