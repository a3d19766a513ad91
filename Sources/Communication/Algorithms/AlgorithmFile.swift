import FoundationEssentials
import Glibc

/// A file with an ``AlgorithmTable``: JSON that `deepep benchmark communication` writes.
///
///     {"format": "deepep-algorithms", "version": 1, "processor": "...",
///      "rows": [{"collective": "all-reduce", "hosts": 2, "ranks": 4, "up_to_bytes": 8192,
///                "algorithm": "hierarchical-doubling"}, ...],
///      "times": [{"collective": "all-reduce", "hosts": 2, "ranks": 4, "bytes": 4096,
///                 "seconds": {"direct": 0.001, ...}}, ...]}
///
/// A row without `up_to_bytes` is for all larger sizes. The times are what the rows were made from, for people.
public struct AlgorithmFile: Hashable, Codable, Sendable {
  /// How long each algorithm took for one size.
  public struct Time: Hashable, Codable, Sendable {
    /// What was done.
    public var collective: TunedCollective
    /// On how many hosts.
    public var hosts: Int
    /// By how many ranks in all.
    public var ranks: Int
    /// The size of each source.
    public var bytes: Int
    /// By the algorithm's name; of the slowest rank, the median of several rounds.
    public var seconds: [String: Double]

    /// Makes a time.
    public init(
      _ collective: TunedCollective, on layout: AlgorithmTable.Layout, bytes: Int,
      seconds: [String: Double]
    ) {
      (self.collective, self.bytes, self.seconds) = (collective, bytes, seconds)
      (hosts, ranks) = (layout.hostCount, layout.rankCount)
    }
  }

  struct Row: Hashable, Codable, Sendable {
    var collective: String
    var hosts: Int
    var ranks: Int
    var upToBytes: Int?
    var algorithm: String

    enum CodingKeys: String, CodingKey {
      case collective, hosts, ranks, algorithm
      case upToBytes = "up_to_bytes"
    }
  }

  static var formatName: String { "deepep-algorithms" }
  /// The version that is written; files of other versions are refused.
  static var currentVersion: Int { 1 }
  /// Larger files are refused.
  static var byteLimit: Int { 1 << 20 }

  private var format = AlgorithmFile.formatName
  private var version = AlgorithmFile.currentVersion
  /// On which processor it was measured.
  public var processor: String
  private(set) var rows: [Row]
  /// What the rows were made from.
  public var times: [Time]?

  /// Makes a file.
  public init(_ table: AlgorithmTable, processor: String, times: [Time]) {
    (self.processor, self.times) = (processor, times)
    rows = table.rows.map { row in
      Row(
        collective: row.collective.rawValue, hosts: row.layout.hostCount,
        ranks: row.layout.rankCount, upToBytes: row.byteLimit, algorithm: row.algorithm.rawValue)
    }
  }

  // MARK: Reading

  /// Reads and checks a file.
  ///
  /// - Throws: ``CommunicationError`` with the path and what is wrong there.
  public init(path: String) throws {
    try self.init(json: try Self.bytes(of: path), place: path)
  }

  /// Reads and checks the text of a file.
  ///
  /// - Parameter place: where it comes from.
  /// - Throws: ``CommunicationError`` that says what is wrong.
  init(json: [UInt8], place: String) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(json))
    } catch let error as DecodingError {
      throw Self.error(Self.text(of: error), at: place)
    } catch {
      throw Self.error("it is no JSON", at: place)
    }
    guard format == Self.formatName else {
      throw Self.error("its format is '\(format.prefix(40))'", at: place)
    }
    guard version == Self.currentVersion else {
      throw Self.error("its version is \(version), not \(Self.currentVersion)", at: place)
    }
    _ = try table(place: place)
  }

  private static func bytes(of path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw error("it cannot be opened: \(String(cString: strerror(errno)))", at: path)
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw error("it is no file", at: path)
    }
    var bytes = [UInt8](repeating: 0, count: byteLimit + 1)
    let count = read(descriptor, &bytes, bytes.count)
    guard (0...byteLimit).contains(count) else {
      throw error("it has more than \(byteLimit) bytes", at: path)
    }
    return Array(bytes[..<count])
  }

  private static func text(of error: DecodingError) -> String {
    let context: (DecodingError.Context, String) =
      switch error {
      case .keyNotFound(let key, let context): (context, "there is no '\(key.stringValue)'")
      case .typeMismatch(let type, let context): (context, "there is no \(type)")
      case .valueNotFound(let type, let context): (context, "there is no \(type)")
      case .dataCorrupted(let context): (context, "it is no JSON that makes sense")
      @unknown default: (.init(codingPath: [], debugDescription: ""), "it cannot be read")
      }
    let path = context.0.codingPath.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }
    return path.isEmpty ? context.1 : "\(context.1) in \(path.joined(separator: "."))"
  }

  static func error(_ what: String, at place: String) -> CommunicationError {
    CommunicationError(
      "the table of algorithms cannot be used: \(what)", at: place,
      fix: "let deepep benchmark communication write it anew")
  }
}
