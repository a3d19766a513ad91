import DeepEPCompute
import DeepEPElements
import DeepEPTensors
import Foundation

/// A folder of kept kernels, and what was done to it.
final class CacheFolder {
  let path: String

  /// A folder that is not there yet, below others that are not.
  init() { path = NSTemporaryDirectory() + "deepep-\(UUID())/a/kernels" }

  deinit {
    let top = URL(fileURLWithPath: path).deletingLastPathComponent().deletingLastPathComponent()
    try? FileManager.default.removeItem(at: top)
  }

  var cache: KernelCache { .folder(path) }

  var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  /// The paths of all files.
  var files: [String] { names.map { "\(path)/\($0)" } }

  /// What the files take on disk.
  var byteCount: Int {
    files.reduce(0) { sum, file in
      var status = stat()
      return stat(file, &status) == 0 ? sum + Int(status.st_blocks) * 512 : sum
    }
  }
}

/// A kernel for each number, and what it computes.
struct CountedKernel {
  private static let inputs = scrambled(16)
  let region: Region
  let expected: [Double]

  init(_ number: Int) {
    region = Region(
      resultTypes: [Type(.float64, [16])], parallel: [16],
      body: [
        .define(0, .float64, .load(Access(.operand(0), SampleRegions.index((0, 1))))),
        .define(1, .float64, .constant(Double(number))),
        .define(2, .float64, .binary(.multiply, 0, 1)),
        .store(Access(.result(0), SampleRegions.index((0, 1))), 2),
      ])
    expected = Self.inputs.map { $0 * Double(number) }
  }

  /// Whether it computes the right numbers.
  func isRight(_ machine: Machine) throws -> Bool {
    try machine.run(region, [Numbers(.float64, Self.inputs)])[0].values == expected
  }
}
