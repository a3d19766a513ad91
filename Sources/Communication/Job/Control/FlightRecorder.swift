import DeepEPElements
import DeepEPEvents
import Glibc
import Synchronization

/// The last operations of a rank: what every rank reports when something stalls.
///
/// Ranks write without a lock, and any thread reads at any time: a record that is being
/// written while it is read is left out. A record costs some ten stores and a look at the clock.
// All words are atomic; the memory lives as long as the recorder.
package final class FlightRecorder: @unchecked Sendable {
  /// How many operations are kept.
  package static var capacity: Int { 32 }
  /// A version, which is odd while the record is written, the words of the record, and their check.
  private static var stride: Int { 2 + OperationRecord.Words.count }

  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let next = Atomic<UInt64>(0)
  /// What the threads wait for that record here.
  package let board: WaitBoard

  /// Makes an empty recorder.
  ///
  /// - Parameters:
  ///   - hasProcess: whether no other rank is in this process.
  ///   - onWait: called in every turn in which a thread waits for other ranks.
  package init(hasProcess: Bool = false, onWait: (@Sendable () -> Void)? = nil) {
    board = WaitBoard(hasProcess: hasProcess, onWait: onWait)
    let count = Self.capacity * Self.stride
    words = .allocate(capacity: count)
    for index in 0..<count { (words + index).initialize(to: Atomic(0)) }
  }

  deinit {
    words.deinitialize(count: Self.capacity * Self.stride)
    words.deallocate()
  }

  /// How many operations were ever begun: a rank whose count grows is alive and not stuck.
  package var beginCount: Int { Int(clamping: next.load(ordering: .relaxed)) }

  /// Notes that an operation begins.
  ///
  /// - Parameters:
  ///   - kind: its name, at most 16 bytes.
  ///   - group: the number of its group; 0 is the whole job.
  ///   - isPart: whether it may be a part of another operation of its thread, which is named instead if it waits.
  ///   - time: now, in nanoseconds of the clock, if the caller knows.
  /// - Returns: what ``end(_:)`` takes.
  package func begin(
    _ kind: String, sequenceNumber: Int, byteCount: Int = 0, element: ElementType? = nil,
    reduction: CollectiveReduction? = nil, root: Int? = nil, group: Int = 0, isPart: Bool = false,
    at time: UInt64? = nil
  ) -> Int {
    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
    var record = OperationRecord.words(
      kind, sequenceNumber, byteCount, element, reduction, root, group)
    record.start = time ?? Self.now
    write(record, number)
    if let thread = board.thread, !(isPart && isOpen(thread.operationNumber)) {
      thread.begin(record, number: number)
    }
    return Int(truncatingIfNeeded: number)
  }

  /// Notes that an operation has ended.
  package func end(_ token: Int, at time: UInt64? = nil) {
    let number = UInt64(truncatingIfNeeded: token)
    let entry = entry(number)
    // Somebody else's by now: more operations than fit have begun since.
    guard entry[0].load(ordering: .acquiring) == Self.version(number) else { return }
    entry[8].store(time ?? Self.now, ordering: .releasing)
  }

  /// Whether an operation goes on, as far as it is still known.
  private func isOpen(_ number: UInt64?) -> Bool {
    number.flatMap(read).map { $0.end == 0 } ?? false
  }

  // MARK: Reading

  /// The last operations, oldest first, at most `count`.
  package func recent(_ count: Int = capacity) -> [OperationRecord] {
    let end = next.load(ordering: .acquiring)
    let start = end - min(end, UInt64(min(max(0, count), Self.capacity)))
    let now = Self.now
    return (start..<end).compactMap { number in read(number).map { .init($0, now: now) } }
  }

  /// Nanoseconds of the monotonic clock.
  static var now: UInt64 { UInt64(max(1, Clock.seconds * 1e9)) }

  // MARK: Entries

  /// The version of the finished record of an operation; never zero, which is none.
  private static func version(_ number: UInt64) -> UInt64 { number &* 2 &+ 2 }

  private func entry(_ number: UInt64) -> UnsafeMutablePointer<Atomic<UInt64>> {
    words + Int(number % UInt64(Self.capacity)) * Self.stride
  }

  private func write(_ record: OperationRecord.Words, _ number: UInt64) {
    let entry = entry(number)
    entry[0].store(Self.version(number) &- 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    entry[1].store(record.name.0, ordering: .relaxed)
    entry[2].store(record.name.1, ordering: .relaxed)
    entry[3].store(record.sequenceNumber, ordering: .relaxed)
    entry[4].store(record.byteCount, ordering: .relaxed)
    entry[5].store(record.attributes, ordering: .relaxed)
    entry[6].store(record.group, ordering: .relaxed)
    entry[7].store(record.start, ordering: .relaxed)
    entry[8].store(record.end, ordering: .relaxed)
    entry[9].store(record.check, ordering: .relaxed)
    entry[0].store(Self.version(number), ordering: .releasing)
  }

  private func read(_ number: UInt64) -> OperationRecord.Words? {
    let entry = entry(number)
    guard entry[0].load(ordering: .acquiring) == Self.version(number) else { return nil }
    var record = OperationRecord.Words()
    record.name.0 = entry[1].load(ordering: .relaxed)
    record.name.1 = entry[2].load(ordering: .relaxed)
    record.sequenceNumber = entry[3].load(ordering: .relaxed)
    record.byteCount = entry[4].load(ordering: .relaxed)
    record.attributes = entry[5].load(ordering: .relaxed)
    record.group = entry[6].load(ordering: .relaxed)
    record.start = entry[7].load(ordering: .relaxed)
    record.end = entry[8].load(ordering: .relaxed)
    let check = entry[9].load(ordering: .relaxed)
    atomicMemoryFence(ordering: .acquiring)
    // The check finds a writer that slept while others went round the ring.
    guard entry[0].load(ordering: .relaxed) == Self.version(number), record.check == check else {
      return nil
    }
    return record
  }
}

extension FlightRecorder {
  /// Notes that a collective begins.
  func begin(_ call: CollectiveCall, group: Int = 0, at time: UInt64? = nil) -> Int {
    begin(
      call.kind.rawValue, sequenceNumber: call.sequenceNumber, byteCount: call.byteCount,
      element: call.element, reduction: call.reduction, root: call.root, group: group,
      at: time)
  }
}
