import DeepEPTensors

extension Region {
  /// The region of a purely element-wise cluster: parallel loops joined, and if several are left the
  /// last one made serial, for the vector unit.
  func collapsed() -> Region {
    var region = mergingParallelLoops()
    guard region.parallel.count > 1, let extent = region.parallel.popLast() else { return region }
    region.body = [.loop(Loop(region.parallel.count, extent: extent, body: region.body))]
    return region
  }
}
