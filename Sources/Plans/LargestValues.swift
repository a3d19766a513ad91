import DeepEPTensors

extension Plan {
  /// A piece of a plan's memory, with a name for people.
  package struct NamedBytes: Hashable, Sendable {
    package var name: String
    package var byteCount: Int
  }

  /// What takes the most memory: slots, values of the segment that needs most, and workspaces of its kernels; the
  /// largest first, alike ones once.
  package func largestValues(_ count: Int) -> [NamedBytes] {
    let largest = segments.max { $0.valueBytes < $1.valueBytes }
    let state = slots.map { slot in
      NamedBytes(name: "\(slot.name) \(slot.type)", byteCount: slot.type.byteCount)
    }
    let values = largest?.instructions.flatMap(\.ownMemory) ?? []
    var seen: Set<NamedBytes> = []
    let all = (state + values).sorted {
      ($1.byteCount, $0.name) < ($0.byteCount, $1.name)
    }
    return Array(all.filter { seen.insert($0).inserted }.prefix(count))
  }
}

extension Instruction {
  /// What it makes in memory that nothing had before.
  fileprivate var ownMemory: [Plan.NamedBytes] {
    let place = "of \(origin.path.isEmpty ? kernel : origin.path), \(origin.phase.rawValue)"
    let values = results.indices.compactMap { index -> Plan.NamedBytes? in
      guard results[index].arena == .values, overwrites[index] == nil else { return nil }
      return .init(
        name: "\(resultTypes[index]) \(place)", byteCount: resultTypes[index].byteCount)
    }
    return values
      + (workspace.map { [.init(name: "workspace \(place)", byteCount: $0.byteCount)] } ?? [])
  }
}
