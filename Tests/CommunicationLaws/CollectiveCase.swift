import DeepEPCommunication
import DeepEPElements

/// One call of a collective, with all that may make a difference to a transport.
package struct CollectiveCase: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, CaseIterable, Sendable {
    case allReduce = "all-reduce"
    case reduceScatter = "reduce-scatter"
    case allGather = "all-gather"
    case broadcast
    case allToAll = "all-to-all"
    case unevenAllToAll = "uneven all-to-all"
    /// Each rank sends to the next one.
    case messages, barrier

    var isReducing: Bool { self == .allReduce || self == .reduceScatter }
  }

  /// How large the outer dimension is.
  package enum Outer: String, CaseIterable, Sendable {
    case one, some, each
  }

  /// Where buffers begin.
  package enum Alignment: String, CaseIterable, Sendable {
    case aligned, odd
    /// At another byte on each rank.
    case mixed
  }

  /// What elements there are, besides ordinary numbers.
  package enum Values: String, CaseIterable, Sendable {
    case plain, special
  }

  /// Who calls it.
  package enum Caller: String, CaseIterable, Sendable {
    case rank
    case queue = "first queue"
    case otherQueue = "second queue"
  }

  package var kind: Kind
  package var element: ElementType
  /// Nil where nothing is combined.
  package var reduction: CollectiveReduction?
  /// How many elements a rank gets; of each other where it gets some of each.
  package var count: Int
  package var outer = Outer.one
  package var place = Memory.Place.own
  package var alignment = Alignment.aligned
  package var values = Values.plain
  package var caller = Caller.rank
  /// Whether the source is the destination; for all-reduces.
  package var isInPlace = false
  /// The root of a broadcast, modulo the number of ranks.
  package var root = 0
  package var seed = 0

  package init(
    _ kind: Kind, _ element: ElementType, _ reduction: CollectiveReduction?, count: Int
  ) {
    (self.kind, self.element, self.count) = (kind, element, count)
    self.reduction = reduction
  }

  /// Gives all axes that any collective may have a random value.
  mutating func vary(_ numbers: inout Numbers) {
    outer = numbers.one(of: Outer.allCases)
    place = numbers.one(of: Memory.Place.allCases)
    alignment = numbers.one(of: Alignment.allCases)
    values = numbers.one(of: Values.allCases)
    caller = numbers.one(of: [.rank, .rank, .queue, .otherQueue])
    isInPlace = kind == .allReduce && numbers.next(below: 2) == 1
    (root, seed) = (numbers.next(below: 8), numbers.next(below: 1 << 40))
  }

  /// The reductions that an element type has for a kind of collective; one that is none for most kinds.
  package static func reductions(_ kind: Kind, _ element: ElementType) -> [CollectiveReduction?] {
    guard kind.isReducing else { return [nil] }
    return CollectiveReduction.allCases.filter { $0 != .mean || element.isFloatingPoint }
  }

  /// The name and value of each axis that matters for the kind, but for what there is in every combination.
  package var axes: [String: String] {
    let all = [
      "outer": outer.rawValue, "place": place.rawValue, "alignment": alignment.rawValue,
      "values": values.rawValue, "caller": caller.rawValue, "in place": "\(isInPlace)",
      "root": "\(root)",
    ]
    return all.filter { Self.axes(of: kind)[$0.key] != nil }
  }

  /// The values of each axis that matters for a kind.
  package static func axes(of kind: Kind) -> [String: [String]] {
    var axes = ["caller": Caller.allCases.map(\.rawValue)]
    guard kind != .barrier else { return axes }
    axes["place"] = Memory.Place.allCases.map(\.rawValue)
    axes["alignment"] = Alignment.allCases.map(\.rawValue)
    axes["values"] = Values.allCases.map(\.rawValue)
    if kind == .allGather || kind == .reduceScatter {
      axes["outer"] = Outer.allCases.map(\.rawValue)
    }
    if kind == .allReduce { axes["in place"] = ["false", "true"] }
    if kind == .broadcast { axes["root"] = (0..<8).map { "\($0)" } }
    return axes
  }

  package var description: String {
    let list = axes.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    let all = ["\(count) × \(element)", reduction?.rawValue].compactMap { $0 } + list
    return "\(kind.rawValue) (\((all + ["seed \(seed)"]).joined(separator: ", ")))"
  }
}

// MARK: Sizes

extension CollectiveCase {
  var width: Int { element.byteCount }

  /// The bytes of each rank's source.
  func sourceBytes(_ rankCount: Int) -> Int {
    switch kind {
    case .allReduce, .allGather, .broadcast, .messages: count * width
    case .reduceScatter, .allToAll, .unevenAllToAll: rankCount * count * width
    case .barrier: 0
    }
  }

  func source(of rank: Int, _ rankCount: Int) -> [UInt8] {
    Numbers.bytes(
      element, sourceBytes(rankCount) / width, seed: seed &* 64 &+ rank,
      areSpecial: values == .special)
  }

  var outerCount: Int {
    switch outer {
    case .one: 1
    case .some: (1..<max(2, count)).last { count % $0 == 0 } ?? 1
    case .each: count
    }
  }

  func uneven(_ rankCount: Int) -> Serial.Uneven {
    Serial.Uneven(rankCount, count, width, seed: seed)
  }

  /// What each rank must have afterwards.
  func expected(_ order: SumOrder) -> (_ rank: Int) -> [UInt8] {
    let ranks = order.rankCount
    let all = (0..<ranks).map { source(of: $0, ranks) }
    let reduced = reduction.map { Serial.reduced(all, element, $0, order) } ?? []
    switch kind {
    case .allReduce: return { _ in reduced }
    case .reduceScatter:
      return { [outerCount] in Serial.block(reduced, $0, of: ranks, outerCount: outerCount) }
    case .allGather:
      let gathered = Serial.gathered(all, outerCount: outerCount)
      return { _ in gathered }
    case .broadcast: return { [root] _ in all[root % ranks] }
    case .allToAll: return { Serial.exchanged(all, $0) }
    case .unevenAllToAll:
      let uneven = uneven(ranks)
      return { uneven.exchanged(all, $0) }
    case .messages: return { all[($0 + ranks - 1) % ranks] }
    case .barrier: return { _ in [] }
    }
  }

  /// The bytes of each rank's destination.
  func destinationBytes(_ rank: Int, _ rankCount: Int) -> Int {
    switch kind {
    case .allReduce, .reduceScatter, .broadcast, .messages: count * width
    case .allGather, .allToAll: rankCount * count * width
    case .unevenAllToAll: uneven(rankCount).counts.reduce(0) { $0 + $1[rank] }
    case .barrier: 0
    }
  }
}
