/// A compiled kernel: the buffers (operands in order, then results in order) and the range of the
/// linearised parallel loops to run.
package typealias KernelFunction =
  @convention(c) @Sendable (UnsafePointer<UnsafeMutableRawPointer?>, Int, Int) -> Void
