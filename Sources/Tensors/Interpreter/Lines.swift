import DeepEPElements

/// The lines of a row-major tensor along one dimension.
struct Lines {
  /// The number of elements of a line.
  let length: Int
  /// The distance between neighbours of a line.
  let stride: Int
  /// The position of the first element of each line, in row-major order of the other dimensions.
  let starts: [Int]

  init(_ shape: [Int], along dimension: Int) {
    let stride = shape[(dimension + 1)...].reduce(1, *)
    let block = shape[dimension] * stride
    length = shape[dimension]
    self.stride = stride
    starts = (0..<shape[..<dimension].reduce(1, *)).flatMap { outer in
      (0..<stride).map { outer * block + $0 }
    }
  }

  /// The positions of a line's elements.
  func positions(_ line: Int) -> [Int] {
    (0..<length).map { starts[line] + $0 * stride }
  }
}

extension HostArray {
  /// Whether the element at one position is smaller than that at another; not a number is the
  /// largest, as in PyTorch.
  var isSmaller: (Int, Int) -> Bool {
    switch storage {
    case .floating(let numbers):
      return { numbers[$0] < numbers[$1] || numbers[$1].isNaN && !numbers[$0].isNaN }
    case .integer(let integers):
      guard !element.isSignedInteger else { return { integers[$0] < integers[$1] } }
      return { UInt64(bitPattern: integers[$0]) < UInt64(bitPattern: integers[$1]) }
    }
  }
}
