import DeepEPEvents

/// Tells a person something on a thread of its own: a terminal that is held, or a pipe that nobody reads, must not
/// keep the hub from hearing the ranks.
final class Notices: Sendable {
  private struct State {
    var texts: [String] = []
    var isTelling = false
    var isOver = false
  }

  /// What nobody reads is not kept beyond this.
  private static var textLimit: Int { 100 }

  private let state = Monitor(State())

  /// - Parameter tell: may block.
  /// - Throws: ``CommunicationError`` if there can be no thread.
  init(_ tell: @escaping @Sendable (String) -> Void) throws {
    _ = try RankThread { [state] in
      while let text = Self.next(state) { tell(text) }
    }
  }

  deinit {
    // The last ones are told if that takes no time.
    state.wait(until: Clock.seconds + 0.5) { state, isLate in
      state.texts.isEmpty && !state.isTelling || isLate ? () : nil
    }
    state.change { $0.isOver = true }
  }

  func add(_ text: String) {
    state.change { if $0.texts.count < Self.textLimit { $0.texts.append(text) } }
  }

  private static func next(_ state: Monitor<State>) -> String? {
    state.change { $0.isTelling = false }
    return state.wait { state, _ -> String?? in
      if state.isOver { return .some(nil) }
      guard !state.texts.isEmpty else { return nil }
      state.isTelling = true
      return state.texts.removeFirst()
    }
  }
}
