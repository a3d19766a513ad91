import DeepEPElements
import DeepEPTensors

extension DifferentiationTests {
  /// Segments, grouped products, and other representations of the same numbers.
  static let groups: [Case] = [
    Case("segment sum", [5, 2]) { x in
      [x[0].segmentSum(integers(x[0], [2, 0, 2, -1, 7], [5]), count: 4)]
    },
    Case("largest of segments", [6, 2]) { x in
      // Each row twice, in one segment: ties share the gradient.
      let twice = Tensor.concatenated([x[0], x[0]], along: 0)
      let segments = integers(x[0], [1, 0, 1, -1, 7, 0, 1, 0, 1, -1, 7, 0], [12])
      return [twice.segmentLargest(segments, count: 2)]
    },
    Case("smallest of segments", [6, 2]) { x in
      [x[0].segmentSmallest(integers(x[0], [1, 0, 1, 3, 0, 0], [6]), count: 2)]
    },
    Case("grouped dot", [6, 3], [4, 3, 2]) { x in
      [x[0].groupedDot(x[1], sizes: integers(x[0], [2, 0, -3, 3], [4]))]
    },
    Case("grouped dot of more rows than there are", [3, 2], [2, 2, 2]) { x in
      [x[0].groupedDot(x[1], sizes: integers(x[0], [2, 7], [2]))]
    },
    Case("gradient of a grouped dot by its matrices", [5, 3], [5, 2]) { x in
      [x[0].apply(GroupedDotWeightGradient(), integers(x[0], [1, 0, 3], [3]), x[1])]
    },
    Case("relayout and transfer", [2, 3]) { x in
      let blocked = Layout.opaque(name: "blocked", byteCount: 64)
      return [
        (x[0] * x[0]).relaid(as: blocked).relaid(as: .rowMajor).transferred(to: .host)
          .transferred(to: .device)
      ]
    },
  ]
}
