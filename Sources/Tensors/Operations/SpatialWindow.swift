/// How a window moves over the spatial dimensions of a tensor: one number for each of them.
///
/// Tap `k` of the window at place `o` sees element `o · stride + k · dilation - low`; what lies outside
/// of the tensor is padding.
public struct SpatialWindow: Hashable, Codable, Sendable {
  /// The distance between windows.
  public var strides: [Int]
  /// The elements of padding before the first.
  public var paddingLow: [Int]
  /// The elements of padding after the last.
  public var paddingHigh: [Int]
  /// The distance between taps.
  public var dilations: [Int]

  /// Describes a window over `rank` dimensions; lists of one number hold for all of them.
  ///
  /// - Parameters:
  ///   - rank: The number of spatial dimensions, one to three.
  ///   - strides: The distance between windows.
  ///   - padding: The elements of padding on both sides.
  ///   - paddingHigh: The elements of padding after the last, where they differ.
  ///   - dilations: The distance between taps.
  public init(
    rank: Int, strides: [Int] = [1], padding: [Int] = [0], paddingHigh: [Int]? = nil,
    dilations: [Int] = [1]
  ) {
    let spread = { (list: [Int]) in
      list.count == 1 ? Array(repeating: list[0], count: max(0, rank)) : list
    }
    self.strides = spread(strides)
    paddingLow = spread(padding)
    self.paddingHigh = spread(paddingHigh ?? padding)
    self.dilations = spread(dilations)
  }

  /// The number of spatial dimensions.
  var rank: Int { strides.count }

  /// The number of windows along each dimension.
  ///
  /// - Throws: ``ShapeError`` if the lists do not fit one another or no window fits.
  func outputSizes(_ name: String, input: [Int], taps: [Int]) throws -> [Int] {
    let lists = [paddingLow, paddingHigh, dilations, input, taps]
    guard (1...3).contains(rank), lists.allSatisfy({ $0.count == rank }) else {
      throw ShapeError(
        name,
        "sizes \(input), window \(taps), strides \(strides), padding \(paddingLow) and "
          + "\(paddingHigh) and dilations \(dilations) must all have one number for each of one to "
          + "three spatial dimensions")
    }
    guard (strides + dilations + taps).allSatisfy({ (1...1 << 30).contains($0) }),
      (paddingLow + paddingHigh).allSatisfy({ (0...1 << 30).contains($0) }),
      input.allSatisfy({ (0...1 << 48).contains($0) })
    else {
      throw ShapeError(
        name,
        "window \(taps), strides \(strides) and dilations \(dilations) must be positive, "
          + "and padding \(paddingLow) and \(paddingHigh) not negative")
    }
    return try (0..<rank).map { dimension in
      let padded = input[dimension] + paddingLow[dimension] + paddingHigh[dimension]
      let span = dilations[dimension] * (taps[dimension] - 1) + 1
      guard padded >= span else {
        throw ShapeError(
          name, "a window of \(span) does not fit into \(padded) elements of \(input) with padding")
      }
      return (padded - span) / strides[dimension] + 1
    }
  }

  /// All pairs of a window and a tap that sees an element.
  ///
  /// Their positions are row-major over the spatial dimensions. The taps of a window come in order.
  func contacts(input: [Int], taps: [Int], output: [Int]) -> [Contact] {
    let dimensions = (0..<rank).map { dimension in
      (0..<output[dimension]).flatMap { window in
        (0..<taps[dimension]).compactMap { tap -> Contact? in
          let element =
            window * strides[dimension] + tap * dilations[dimension] - paddingLow[dimension]
          guard (0..<input[dimension]).contains(element) else { return nil }
          return Contact(window: window, tap: tap, element: element)
        }
      }
    }
    var all = [Contact(window: 0, tap: 0, element: 0)]
    for (dimension, own) in dimensions.enumerated() {
      all = all.flatMap { outer in
        own.map { inner in
          Contact(
            window: outer.window * output[dimension] + inner.window,
            tap: outer.tap * taps[dimension] + inner.tap,
            element: outer.element * input[dimension] + inner.element)
        }
      }
    }
    return all
  }
}

/// A window, a tap of it, and the element that the tap sees.
struct Contact: Hashable {
  var window: Int
  var tap: Int
  var element: Int
}
