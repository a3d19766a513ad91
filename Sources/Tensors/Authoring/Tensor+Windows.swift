extension Tensor {
  /// The convolution of this tensor, `[batch, channels, spatial...]`, in one to three spatial
  /// dimensions, as PyTorch defines it.
  ///
  /// Of the lists, one number holds for all spatial dimensions.
  ///
  /// - Parameters:
  ///   - weight: `[outputs, channels / groups, taps...]`.
  ///   - strides: The distance between places of the weight.
  ///   - padding: The zeros on both sides.
  ///   - paddingHigh: The zeros after the last element, where they differ.
  ///   - dilations: The distance between taps.
  ///   - groups: Into how many groups channels and outputs are divided.
  /// - Returns: `[batch, outputs, spatial...]`.
  public func convolution(
    _ weight: some TensorConvertible, strides: [Int] = [1], padding: [Int] = [0],
    paddingHigh: [Int]? = nil, dilations: [Int] = [1], groups: Int = 1, file: String = #fileID,
    line: Int = #line
  ) -> Tensor {
    let window = SpatialWindow(
      rank: rank - 2, strides: strides, padding: padding, paddingHigh: paddingHigh,
      dilations: dilations)
    return apply(
      Convolution(window: window, groups: groups), weight.tensor,
      source: SourceLocation(file: file, line: line))
  }

  /// The largest element under each window over the spatial dimensions of `[batch, channels,
  /// spatial...]`.
  ///
  /// Of the lists, one number holds for all spatial dimensions. What is not a number counts as the
  /// largest, and padding never wins.
  ///
  /// - Parameters:
  ///   - taps: The size of the window.
  ///   - strides: The distance between windows; by default their size.
  ///   - padding: The padding on both sides.
  ///   - paddingHigh: The padding after the last element, where it differs.
  ///   - dilations: The distance between taps.
  public func maximumPooled(
    _ taps: [Int], strides: [Int]? = nil, padding: [Int] = [0], paddingHigh: [Int]? = nil,
    dilations: [Int] = [1], file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let window = SpatialWindow(
      rank: rank - 2, strides: strides ?? taps, padding: padding, paddingHigh: paddingHigh,
      dilations: dilations)
    let pool = MaximumPool(taps: spatial(taps), window: window)
    return apply(pool, source: SourceLocation(file: file, line: line))
  }

  /// The mean of the elements under each window over the spatial dimensions of `[batch, channels,
  /// spatial...]`.
  ///
  /// Of the lists, one number holds for all spatial dimensions.
  ///
  /// - Parameters:
  ///   - taps: The size of the window.
  ///   - strides: The distance between windows; by default their size.
  ///   - padding: The padding on both sides.
  ///   - paddingHigh: The padding after the last element, where it differs.
  ///   - countsPadding: Whether padding counts, as zeros.
  public func averagePooled(
    _ taps: [Int], strides: [Int]? = nil, padding: [Int] = [0], paddingHigh: [Int]? = nil,
    countsPadding: Bool = true, file: String = #fileID, line: Int = #line
  ) -> Tensor {
    let window = SpatialWindow(
      rank: rank - 2, strides: strides ?? taps, padding: padding, paddingHigh: paddingHigh)
    let pool = AveragePool(taps: spatial(taps), window: window, countsPadding: countsPadding)
    return apply(pool, source: SourceLocation(file: file, line: line))
  }

  /// One number for each spatial dimension.
  private func spatial(_ list: [Int]) -> [Int] {
    list.count == 1 ? Array(repeating: list[0], count: max(0, rank - 2)) : list
  }
}
