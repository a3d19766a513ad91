import DeepEPElements
import DeepEPTensors

extension PlainKernelTests {
  /// Operations that put elements in order, or total them.
  static let ordering: [Case] =
    numbers.flatMap { (element: ElementType) in
      let x = values(element, [5, 7, 3])
      return [
        Case("argReduce", x) {
          [$0[0].indexOfLargest(along: 1), $0[0].indexOfSmallest(along: 0, as: .int64)]
        },
        Case("sort", x) { x in
          let (up, down) = (x[0].sorted(along: 1), x[0].sorted(along: 2, isDescending: true))
          return [up.values, up.indices, down.values, down.indices]
        },
        Case("topK", x) { x in
          let (first, last) = (
            x[0].top(3, along: 0), x[0].top(2, along: 1, .smallest, indicesAs: .int64)
          )
          return [first.values, first.indices, last.values, last.indices]
        },
        Case("gatherAlong", x, indices(.int64, [5, 2, 3], below: 7)) {
          [$0[0].gather(at: $0[1], along: 1)]
        },
        Case(
          "scatterAddAlong", x, indices(.int32, [5, 7, 9], below: 3), values(element, [5, 7, 9])
        ) { [$0[0].scatterAdd($0[2], at: $0[1], along: 2)] },
      ]
        + Reduction.allCases.map { (reduction: Reduction) in
          Case("scan of the \(reduction)", x) {
            [
              $0[0].scanned(reduction, along: 1, isReversed: true),
              $0[0].scanned(reduction, along: 0, isExclusive: true),
            ]
          }
        }
    }
    + sizes.flatMap { (size: Int) in
      let x = values(.float32, [3, size])
      return [
        Case("sort", x) { x in
          let sorted = x[0].sorted(along: 1)
          return [sorted.values, sorted.indices]
        },
        Case("only the indices of a sort", x) { [$0[0].sorted(along: 1).indices] },
        Case("topK", x) { [$0[0].top((size + 1) / 2, along: 1).values] },
        Case("argReduce", x) { [$0[0].indexOfLargest(along: -1)] },
        Case("scan", x) { [$0[0].cumulativeSum(along: 1), $0[0].cumulativeLargest(along: 1)] },
      ]
    }
}
