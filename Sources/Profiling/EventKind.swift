import DeepEPEvents

/// What an event is part of, as pictures tell by color.
enum EventKind: String, CaseIterable {
  case forward
  case inputGradient = "input gradient"
  case weightGradient = "weight gradient"
  case update
  case waiting
  case exchange

  init(_ event: Event, _ activity: RankTimeline.Activity) {
    switch (activity, event.phase ?? "") {
    case (.waiting, _): self = .waiting
    case (.exchange, _): self = .exchange
    case (_, "inputGradient"): self = .inputGradient
    case (_, "weightGradient"): self = .weightGradient
    case (_, "update"): self = .update
    default: self = .forward
    }
  }

  var color: String {
    switch self {
    case .forward: "#4c78a8"
    case .inputGradient: "#72b7b2"
    case .weightGradient: "#54a24b"
    case .update: "#b279a2"
    case .waiting: "#e45756"
    case .exchange: "#f2a33a"
    }
  }
}
