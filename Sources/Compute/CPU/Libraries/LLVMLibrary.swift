import DeepEPSystemLLVM

/// LLVM, opened, with what it says about this machine.
final class LLVMLibrary: Sendable {
  // The table is written once, when it is opened, and LLVM's functions may be called from any thread.
  nonisolated(unsafe) private let table: UnsafePointer<deepep_llvm>
  let processorName: String
  let processorFeatures: String
  let triple: String
  /// The library's version, such as 22.1.0.
  let version: String

  /// Opens the library, for this machine or for less than it has.
  init(vectors limit: VectorLimit? = nil) throws {
    table = try LibraryError.opening("LLVM (libllvm22)") { deepep_llvm_open($0, $1) }
    let functions = table.pointee
    func take(_ text: UnsafeMutablePointer<CChar>) -> String {
      defer { functions.DisposeMessage(text) }
      return String(cString: text)
    }
    processorName = take(functions.GetHostCPUName())
    let features = take(functions.GetHostCPUFeatures())
    processorFeatures = limit?.limiting(features) ?? features
    triple = take(functions.GetDefaultTargetTriple())
    var (major, minor, patch): (UInt32, UInt32, UInt32) = (0, 0, 0)
    functions.GetVersion(&major, &minor, &patch)
    version = "\(major).\(minor).\(patch)"
  }

  var functions: deepep_llvm { table.pointee }

  func has(_ feature: String) -> Bool {
    processorFeatures.split(separator: ",").contains { $0 == "+" + feature }
  }

  func check(_ error: LLVMErrorRef?, _ place: String) throws {
    guard let error else { return }
    let text = functions.GetErrorMessage(error)
    defer { functions.DisposeErrorMessage(text) }
    throw KernelError(what: String(cString: text), place: place, fix: KernelError.report)
  }

  /// Turns a message that LLVM allocated into an error.
  func failure(_ message: UnsafeMutablePointer<CChar>?, _ place: String) -> KernelError {
    guard let message else {
      return KernelError(what: "LLVM failed", place: place, fix: KernelError.report)
    }
    defer { functions.DisposeMessage(message) }
    return KernelError(what: String(cString: message), place: place, fix: KernelError.report)
  }
}

extension KernelError {
  static let report = "this is a fault of DeepEP's kernel emitter: please report the region"
}
