import DeepEPPlans
import Glibc

/// Memory of this process that is in use no more.
enum FreedMemory {
  private typealias Trim = @convention(c) (Int) -> Int32

  /// Gives it back to the system, which the allocator does by itself only at the end of its heaps: malloc_trim(3).
  ///
  /// Lowering and compiling take many times what they leave. Beside a small plan that is not worth the milliseconds.
  /// Other C libraries than glibc have no such call.
  static func giveBack(beside plan: Plan) {
    guard plan.peakBytes >= 64 << 20 else { return }
    guard let trim = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(trim, to: Trim.self)(0)
  }
}
