import DeepEPElements
import DeepEPTensors

extension DifferentiationTests {
  /// Operations that find or order elements.
  static let indexing: [Case] = [
    Case("dynamicSlice", [3, 2, 4]) { x in
      let (first, last) = (integers(x[0], [1], []), integers(x[0], [9], []))
      return [x[0].dynamicSliced(at: [first, last], sizes: [2, 3], along: [0, 2])]
    },
    Case("dynamicUpdateSlice", [3, 2, 4], [2, 2, 3]) { x in
      let (first, last) = (integers(x[0], [-1], []), integers(x[0], [1], []))
      return [x[0].replacing(x[1], at: [first, last], along: [0, 2])]
    },
  ]

  /// Operations that put elements in order, or total them.
  static let ordering: [Case] =
    [
      Case("gatherAlong", [3, 4]) { x in
        [x[0].gather(at: integers(x[0], [3, 0, 3, -1, 9, 1], [3, 2]), along: 1)]
      },
      Case("scatterAddAlong", [3, 2], [4, 2]) { x in
        let places = integers(x[0], [2, 0, 2, 2, 9, -1, 1, 1], [4, 2])
        return [x[0].scatterAdd(x[1], at: places, along: 0)]
      },
      Case("sort", [3, 4]) { x in [x[0].sorted(along: 1).values * x[0]] },
      Case("sort of ties", [3, 4]) { x in
        let twice = Tensor.concatenated([x[0], x[0]], along: 0)
        return [twice.sorted(along: 0, isDescending: true, indicesAs: .int64).values]
      },
      Case("topK", [4, 3]) { x in [x[0].top(2, along: 0).values] },
      Case("topK of the smallest", [4, 3]) { x in [x[0].top(2, along: 1, .smallest).values] },
    ]
    + Reduction.allCases.flatMap { (reduction: Reduction) in
      [(false, false), (false, true), (true, false), (true, true)].map { exclusive, reversed in
        Case("scan of the \(reduction) \(exclusive) \(reversed)", [2, 4, 2]) { x in
          // Exclusive extremes begin with an infinity, which must not reach the loss.
          let isInfinite = exclusive && (reduction == .maximum || reduction == .minimum)
          let totals = x[0].scanned(
            reduction, along: 1, isExclusive: exclusive, isReversed: reversed)
          let starts = isInfinite && !reversed ? 1 : 0
          return [totals.sliced([0, starts, 0], sizes: [2, isInfinite ? 3 : 4, 2])]
        }
      }
    }
    + [
      Case("scan of a product with zeros", [2, 5]) { x in
        // Zeros where the steps of the differences do not reach.
        let mask = integers(x[0], [1, 1, 0, 1, 1, 0, 1, 0, 1, 1], [2, 5]).converted(to: .float64)
        return [(x[0] * mask).cumulativeProduct(along: 1)]
      }
    ]
}
