/// Where the elements of a rank's part lie in the whole tensor.
extension Shard {
  /// Some elements that are neighbours both in a part and in the whole tensor.
  package struct Run: Hashable, Sendable {
    /// The number of the first one in the part, row-major.
    package var part: Int
    /// The number of the first one in the whole tensor.
    package var whole: Int
    /// How many they are.
    package var count: Int
  }

  /// Calls `body` for all elements of a rank's part, run by run; padding is in no run.
  package func forEachRun(of rank: Int, _ body: (Run) throws -> Void) rethrows {
    let places = places(of: rank)
    // What comes after the last dimension that is cut lies alike in both.
    let isWhole = { (dimension: Int) in places[dimension].elementsEqual(0..<shape[dimension]) }
    guard let last = places.indices.last(where: { !isWhole($0) }) else {
      return try body(Run(part: 0, whole: 0, count: shape.reduce(1, *)))
    }
    let inner = shape[(last + 1)...].reduce(1, *)
    let runs = Self.runs(places[last])
    var row = 0
    try forEachIndex(places[..<last].map(\.count)) { index in
      defer { row += 1 }
      guard let place = Self.place(index, places, shape) else { return }
      for run in runs {
        try body(
          Run(
            part: (row * places[last].count + run.part) * inner,
            whole: (place * shape[last] + run.whole) * inner, count: run.count * inner))
      }
    }
  }

  /// The row-major number of an index of the part's outer dimensions in the whole tensor's; nil for padding.
  private static func place(_ index: [Int], _ places: [[Int]], _ shape: [Int]) -> Int? {
    var number = 0
    for (dimension, own) in index.enumerated() {
      guard places[dimension][own] >= 0 else { return nil }
      number = number * shape[dimension] + places[dimension][own]
    }
    return number
  }

  private static func runs(_ places: [Int]) -> [Run] {
    var runs: [Run] = []
    for (own, place) in places.enumerated() where place >= 0 {
      if let last = runs.last, last.part + last.count == own, last.whole + last.count == place {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(Run(part: own, whole: place, count: 1))
      }
    }
    return runs
  }

  // MARK: Bytes

  /// Copies a rank's part of a tensor out of the whole one; padding is zero.
  package func copy(
    from whole: UnsafeRawBufferPointer, toPart part: UnsafeMutableRawBufferPointer, of rank: Int,
    elementBytes: Int
  ) {
    _ = part.initializeMemory(as: UInt8.self, repeating: 0)
    forEachRun(of: rank) { run in
      let bytes = whole[run.whole * elementBytes..<(run.whole + run.count) * elementBytes]
      UnsafeMutableRawBufferPointer(rebasing: part[(run.part * elementBytes)...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes))
    }
  }

  /// Copies a rank's part of a tensor to its place in the whole one.
  package func copy(
    fromPart part: UnsafeRawBufferPointer, of rank: Int,
    to whole: UnsafeMutableRawBufferPointer, elementBytes: Int
  ) {
    forEachRun(of: rank) { run in
      let bytes = part[run.part * elementBytes..<(run.part + run.count) * elementBytes]
      UnsafeMutableRawBufferPointer(rebasing: whole[(run.whole * elementBytes)...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes))
    }
  }
}
