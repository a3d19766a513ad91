import DeepEPCommunication
import DeepEPElements

/// The cases that every transport is tested with, in a random order that depends on a turn.
///
/// Axes of which there is not every combination have random values; a test sees to it that each of them occurs.
package struct CaseTable: Sendable {
  package var kinds = CollectiveCase.Kind.allCases
  /// Tells tables apart: another turn has other values and another order.
  package var turn: Int

  package init(turn: Int) { self.turn = turn }

  /// None, one, odd ones, and more than the pieces and frames of the tests.
  package static var counts: [Int] { [0, 1, 3, 7, 65, 257, 4099] }

  /// The counts of which there is every combination in each turn.
  private static var smallCounts: [Int] { counts.filter { $0 < 1000 } }

  /// Every collective with every element type, every reduction and every count.
  ///
  /// Large counts come with one reduction for each collective and element type, another one in each turn.
  package var full: [CollectiveCase] {
    let small = products { kind, element in
      CollectiveCase.reductions(kind, element).flatMap { reduction in
        Self.smallCounts.map { CollectiveCase(kind, element, reduction, count: $0) }
      }
    }
    let large = products { kind, element in
      Self.counts.filter { $0 > 1000 }.map {
        CollectiveCase(kind, element, reduction(kind, element), count: $0)
      }
    }
    return mixed(small + large + barriers)
  }

  /// Every collective with every element type, and one reduction and count for each.
  package var pairs: [CollectiveCase] {
    var place = turn
    return mixed(
      products { kind, element in
        place += 1
        let count = Self.smallCounts[place % Self.smallCounts.count]
        return [CollectiveCase(kind, element, reduction(kind, element), count: count)]
      } + barriers)
  }

  /// Every collective in every kind of memory, larger than any piece, eager operation or buffer of a socket.
  package var large: [CollectiveCase] {
    let elements: [ElementType] = [.float32, .bfloat16, .int8, .float64, .float16, .int64]
    var numbers = Numbers(turn)
    return kinds.filter { $0 != .barrier }.flatMap { kind in
      Memory.Place.allCases.map { place in
        let element = numbers.one(of: elements)
        var subject = CollectiveCase(kind, element, reduction(kind, element), count: 30_011)
        subject.vary(&numbers)
        subject.place = place
        return subject
      }
    }
  }

  /// Random cases of random sizes, most of them small.
  package func random(_ count: Int) -> [CollectiveCase] {
    var numbers = Numbers(turn)
    return mixed(
      (0..<count).map { _ in
        let (kind, element) = (numbers.one(of: kinds), numbers.one(of: ElementType.allCases))
        let reduction = numbers.one(of: CollectiveCase.reductions(kind, element))
        let limit = 1 << numbers.next(below: 13)
        return CollectiveCase(kind, element, reduction, count: numbers.next(below: limit))
      })
  }

  // MARK: Parts

  private func products(
    _ cases: (CollectiveCase.Kind, ElementType) -> [CollectiveCase]
  ) -> [CollectiveCase] {
    kinds.filter { $0 != .barrier }.flatMap { kind in
      ElementType.allCases.flatMap { cases(kind, $0) }
    }
  }

  private var barriers: [CollectiveCase] {
    let barrier = CollectiveCase(.barrier, .uint8, nil, count: 0)
    return kinds.contains(.barrier) ? Array(repeating: barrier, count: 8) : []
  }

  /// The reduction of an element type in this turn.
  private func reduction(
    _ kind: CollectiveCase.Kind, _ element: ElementType
  ) -> CollectiveReduction? {
    let all = CollectiveCase.reductions(kind, element)
    return all[(turn + (ElementType.allCases.firstIndex(of: element) ?? 0)) % all.count]
  }

  private func mixed(_ cases: [CollectiveCase]) -> [CollectiveCase] {
    var numbers = Numbers(turn)
    var cases = cases
    for index in cases.indices { cases[index].vary(&numbers) }
    for index in cases.indices {
      cases.swapAt(index, index + numbers.next(below: cases.count - index))
    }
    return cases
  }
}
