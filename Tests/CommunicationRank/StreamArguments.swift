import Glibc

/// Where a rank stays, until somebody ends it.
struct StreamHold {
  enum Place: String {
    /// Before it joins.
    case join
    /// Before it makes its communicator.
    case setUp = "set-up"
    /// While the others make theirs, and wait for it at their ports.
    case meeting
    /// Between two operations.
    case between
    /// Before it leaves.
    case leave
  }

  let rank: Int
  let place: Place
}

/// What a rank does that the others do not.
struct StreamMistake {
  enum Kind: String {
    case operation, size, element, skip, group, send, leave
    /// The mistakes of ranks with several threads; see `Disorder`.
    case queue, beside, queues, groups, threads
  }

  let rank: Int
  /// The number of the operation instead of which, or in which, it happens.
  let index: Int
  let kind: Kind
}

/// What a stream of operations is like: "seed=7 bytes=4096 count=1000 pause=5 hold=1:join mistake=2:30:size".
struct StreamArguments {
  var seed = 0
  var byteLimit = 4096
  var operationCount = 1_000_000
  /// The longest pause after an operation.
  var pauseMilliseconds = 0
  var hold: StreamHold?
  var mistake: StreamMistake?
  /// A rank that is late for an operation.
  var late: (rank: Int, index: Int, seconds: UInt32)?

  /// - Returns: nil if a word makes no sense.
  init?(_ words: some Sequence<String>) {
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2, take(parts[0], parts[1]) else { return nil }
    }
  }

  private mutating func take(_ name: String, _ value: String) -> Bool {
    let fields = value.split(separator: ":").map(String.init)
    switch (name, fields.count) {
    case ("seed", 1): return set(\.seed, value)
    case ("bytes", 1): return set(\.byteLimit, value)
    case ("count", 1): return set(\.operationCount, value)
    case ("pause", 1): return set(\.pauseMilliseconds, value)
    case ("hold", 2):
      guard let rank = Int(fields[0]), let place = StreamHold.Place(rawValue: fields[1]) else {
        return false
      }
      hold = StreamHold(rank: rank, place: place)
    case ("mistake", 3):
      guard let rank = Int(fields[0]), let index = Int(fields[1]),
        let kind = StreamMistake.Kind(rawValue: fields[2])
      else { return false }
      mistake = StreamMistake(rank: rank, index: index, kind: kind)
    case ("late", 3):
      guard let rank = Int(fields[0]), let index = Int(fields[1]), let seconds = UInt32(fields[2])
      else { return false }
      late = (rank, index, seconds)
    // Whoever looks for the processes of a test finds its mark on their command lines.
    case ("mark", 1): break
    default: return false
    }
    return true
  }

  private mutating func set(_ path: WritableKeyPath<Self, Int>, _ value: String) -> Bool {
    guard let number = Int(value), number >= 0 else { return false }
    self[keyPath: path] = number
    return true
  }

  /// The number that the launcher gave to this process, which has not joined yet.
  var ownRank: Int {
    let names = ["DEEPEP_RANK", "RANK", "OMPI_COMM_WORLD_RANK"]
    let texts = names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }
    return texts.first.flatMap { Int($0) } ?? 0
  }
}
