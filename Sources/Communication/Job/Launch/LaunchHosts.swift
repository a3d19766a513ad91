import FoundationEssentials

/// A host on which ranks can be started.
package struct LaunchHost: Hashable, Sendable {
  /// As the agent takes it: a name, an address, "user@name".
  package var name: String
  /// How many ranks it takes; nil shares them evenly.
  package var slotCount: Int?

  /// Makes a host.
  package init(name: String, slotCount: Int? = nil) {
    self.name = name
    self.slotCount = slotCount
  }

  /// Whether ranks are started on it without an agent.
  package var isThisOne: Bool { Self.isThisOne(name) }

  static func isThisOne(_ name: String) -> Bool { name == "localhost" }

  /// Reads "a,b:2": names with the ranks that each takes, or without.
  ///
  /// - Returns: nil if it is no such list.
  package static func list(_ text: String) -> [LaunchHost]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let hosts = parts.compactMap { LaunchHost(word: $0) }
    return hosts.count == parts.count ? hosts : nil
  }

  /// Reads a file with a host on each line: "a", "a:2" or "a slots=2"; "#" begins a comment.
  ///
  /// - Throws: ``CommunicationError`` with the file and the line.
  package static func list(file path: String) throws -> [LaunchHost] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw CommunicationError(
        "the file of hosts cannot be read", at: path, fix: "name a text file with a host a line")
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let hosts = try lines.enumerated().compactMap { number, line in
      try host(line: line, place: "\(path):\(number + 1)")
    }
    guard !hosts.isEmpty else {
      throw CommunicationError("no host", at: path, fix: "write the name of a host on each line")
    }
    return hosts
  }

  private static func host(line: Substring, place: String) throws -> LaunchHost? {
    let words = line.prefix { $0 != "#" }.split { $0.isWhitespace }
    guard let first = words.first else { return nil }
    var host = LaunchHost(word: first)
    if words.count == 2, words[1].hasPrefix("slots=") {
      host?.slotCount = Int(words[1].dropFirst(6)).flatMap { $0 > 0 ? $0 : nil }
      if host?.slotCount == nil { host = nil }
    }
    guard let host, words.count <= 2, words.count == 1 || words[1].hasPrefix("slots=") else {
      throw CommunicationError(
        "'\(line)' is no host", at: place, fix: "write NAME, NAME:RANKS or NAME slots=RANKS")
    }
    return host
  }

  private init?(word: Substring) {
    let parts = word.split(separator: ":", omittingEmptySubsequences: false)
    guard let name = parts.first, !name.isEmpty, !name.hasPrefix("-"), parts.count <= 2 else {
      return nil
    }
    self.init(name: String(name))
    guard parts.count == 2 else { return }
    guard let count = Int(parts[1]), count > 0 else { return nil }
    slotCount = count
  }
}

/// Which ranks of a job run on which host.
package struct LaunchPlan: Hashable, Sendable {
  /// The ranks of a host, which follow one another.
  package struct Place: Hashable, Sendable {
    /// Nil is this host.
    package var host: String?
    package var ranks: Range<Int>

    /// Makes a place.
    package init(host: String?, ranks: Range<Int>) { (self.host, self.ranks) = (host, ranks) }
  }

  package var places: [Place]

  /// Spreads ranks over hosts, in their order.
  ///
  /// - Parameter hosts: where to start ranks; none is this host.
  /// - Throws: ``CommunicationError`` if there are too few places.
  package init(rankCount: Int, hosts: [LaunchHost]) throws {
    guard !hosts.isEmpty else {
      places = [Place(host: nil, ranks: 0..<rankCount)]
      return
    }
    let counts = try Self.counts(rankCount, hosts)
    var start = 0
    places = []
    for (host, count) in zip(hosts, counts) where count > 0 {
      places.append(Place(host: host.name, ranks: start..<start + count))
      start += count
    }
  }

  private static func counts(_ rankCount: Int, _ hosts: [LaunchHost]) throws -> [Int] {
    guard hosts.contains(where: { $0.slotCount != nil }) else {
      let (each, more) = rankCount.quotientAndRemainder(dividingBy: hosts.count)
      return hosts.indices.map { each + ($0 < more ? 1 : 0) }
    }
    var rest = rankCount
    let counts = hosts.map { host in
      let count = min(rest, host.slotCount ?? 1)
      rest -= count
      return count
    }
    guard rest == 0 else {
      throw CommunicationError(
        "\(rankCount) ranks, but the hosts take only \(rankCount - rest)", at: "list of hosts",
        fix: "name more hosts, or more ranks of each")
    }
    return counts
  }
}
