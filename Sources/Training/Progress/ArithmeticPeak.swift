import DeepEPCompute

/// What processors reach in float32 when nothing but arithmetic limits them.
package enum ArithmeticPeak {
  /// Long enough for some runs of the loop, short enough for the start of every run.
  private static let seconds = 0.02

  /// The measured rate of a device's threads, in units of 10^9 operations a second.
  package static func gigaflops(of device: CPUDevice) throws -> Double {
    try MultiplyAddProbe(compiler: device.compiler, pool: device.pool).gigaflops(seconds: seconds)
  }

  /// The measured rate of a number of threads, before there is a device for a run.
  package static func gigaflops(threads: Int, kernelCache: KernelCache) throws -> Double {
    try gigaflops(
      of: CPUDevice(threadCount: threads, kernels: KernelLibrary(cache: kernelCache)))
  }
}
