/// The element that comes before all others, in logarithmic time: a binary heap.
struct PriorityQueue<Element> {
  private var elements: [Element] = []
  private let precedes: (Element, Element) -> Bool

  /// An empty queue in an order.
  init(_ precedes: @escaping (Element, Element) -> Bool) { self.precedes = precedes }

  /// Adds an element.
  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, precedes(elements[child], elements[(child - 1) / 2]) {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the first element; nil if there is none.
  mutating func popFirst() -> Element? {
    guard let first = elements.first else { return nil }
    elements.swapAt(0, elements.count - 1)
    elements.removeLast()
    sink()
    return first
  }

  private mutating func sink() {
    var parent = 0
    while true {
      let children = (2 * parent + 1)..<min(2 * parent + 3, max(elements.count, 2 * parent + 1))
      let first = children.min { precedes(elements[$0], elements[$1]) }
      guard let first, precedes(elements[first], elements[parent]) else { return }
      elements.swapAt(first, parent)
      parent = first
    }
  }
}
