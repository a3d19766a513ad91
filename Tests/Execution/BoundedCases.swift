import DeepEPElements
import DeepEPLaws
import DeepEPTensors
import Testing

/// A program of one operation that combines elements along bounded dimensions: number 0 has at most 7
/// elements, number 1 at most 5.
struct BoundedCase: CustomTestStringConvertible, Sendable {
  typealias Body = @Sendable (inout BoundedProgram) -> [BoundedProgram.Shaped]

  let name: String
  let body: Body
  var testDescription: String { name }

  init(_ name: String, _ body: @escaping Body) {
    self.name = name
    self.body = body
  }

  /// Operations on integers too.
  static let numeric: [BoundedCase] =
    Reduction.allCases.flatMap { reduction in
      [[0], [1], [2], [0, 1], [0, 2], [0, 1, 2]].map { dimensions in
        BoundedCase("\(reduction) \(dimensions)") { program in
          let x = program.leaf([.bounded(0), .fixed(3), .bounded(1)])
          let kept = x.axes.indices.filter { !dimensions.contains($0) }.map { x.axes[$0] }
          return [.init(x.tensor.reduced(reduction, dimensions), kept)]
        }
      }
    }
    + [
      dot(
        "ab,bc->ac", [.bounded(0), .bounded(1)], [.bounded(1), .fixed(4)], [.bounded(0), .fixed(4)]),
      dot(
        "ab,cb->ca", [.fixed(3), .bounded(0)], [.bounded(1), .bounded(0)], [.bounded(1), .fixed(3)]),
      dot(
        "abc,abd->acd", [.bounded(0), .bounded(1), .fixed(2)],
        [.bounded(0), .bounded(1), .fixed(3)], [.bounded(0), .fixed(2), .fixed(3)]),
      dot("ab,ab->", [.bounded(0), .bounded(1)], [.bounded(0), .bounded(1)], []),
      dot(
        "ab,ab->ab", [.bounded(0), .bounded(1)], [.bounded(0), .bounded(1)],
        [.bounded(0), .bounded(1)]),
      BoundedCase("rows added to a table") { program in
        let indices = program.leaf([.bounded(0), .bounded(1)], element: .int32, limit: 4)
        let table = program.leaf([.fixed(4), .fixed(3)])
        let rows = program.leaf([.bounded(0), .bounded(1), .fixed(3)])
        return [.init(table.tensor.scatterAdd(indices.tensor, rows.tensor), table.axes)]
      },
      BoundedCase("bounded rows added to a table") { program in
        let indices = program.leaf([.fixed(6)], element: .int32, limit: 4)
        let table = program.leaf([.fixed(4), .bounded(0)])
        let rows = program.leaf([.fixed(6), .bounded(0)])
        return [.init(table.tensor.scatterAdd(indices.tensor, rows.tensor), table.axes)]
      },
      BoundedCase("gathered rows") { program in
        let indices = program.leaf([.bounded(1)], element: .int32, limit: 4)
        let table = program.leaf([.fixed(4), .bounded(0)])
        let rows = table.tensor.gather(indices.tensor)
        return [
          .init(rows, [.bounded(1), .bounded(0)]), .init(rows.sum([0]), [.bounded(0)]),
        ]
      },
      BoundedCase("made fixed") { program in
        let x = program.leaf([.bounded(0), .fixed(2), .bounded(1)])
        let total = program.isBounded ? x.tensor.unbounded(filling: 0) : x.tensor
        return [.init(total.sum([0, 2]), [.fixed(2)]), .init(total.sum(), [])]
      },
      BoundedCase("numbers of elements") { program in
        let x = program.leaf([.bounded(0), .fixed(2), .bounded(1)])
        return [0, 1, -1].map { .init(x.tensor.count(along: $0), []) }
      },
      BoundedCase("numbers along a dimension") { program in
        let x = program.leaf([.bounded(0), .bounded(1)])
        let numbers = x.tensor.indices(along: 1, as: program.element)
        return [.init((numbers + x.tensor.filled(with: 2)).sum(), [])]
      },
    ]

  /// Operations that combine elements in ways of their own.
  static let ordering: [BoundedCase] =
    [0, 1].flatMap { dimension in
      [false, true].flatMap { flag in
        [
          BoundedCase("index \(dimension) \(flag)") { program in
            let x = program.leaf([.bounded(0), .bounded(1)]).tensor
            // A fixed dimension of nothing is refused; of a bounded one the first place is named.
            let isEmpty = x.shape[dimension] == 0
            let places =
              isEmpty
              ? x.sum([dimension]).converted(to: .int32)
              : flag
                ? x.indexOfLargest(along: dimension) : x.indexOfSmallest(along: dimension)
            return [.init(places, [.bounded(1 - dimension)])]
          },
          BoundedCase("sort \(dimension) \(flag)") { program in
            let x = program.leaf([.bounded(0), .bounded(1)])
            let sorted = x.tensor.sorted(along: dimension, isDescending: flag)
            return [.init(sorted.values, x.axes), .init(sorted.indices, x.axes)]
          },
          BoundedCase("scan \(dimension) \(flag)") { program in
            let x = program.leaf([.bounded(0), .bounded(1)])
            return Reduction.allCases.flatMap { reduction in
              [false, true].map { isExclusive in
                .init(
                  x.tensor.scanned(
                    reduction, along: dimension, isExclusive: isExclusive, isReversed: flag), x.axes
                )
              }
            }
          },
        ]
      }
    }
    + [
      BoundedCase("segments") { program in
        let rows = program.leaf([.bounded(0), .bounded(1)])
        let segments = program.leaf([.bounded(0)], element: .int32, limit: 4).tensor
        return [Reduction.sum, .maximum, .minimum].map { reduction in
          let operation = SegmentReduce(reduction: reduction, count: 3)
          return .init(rows.tensor.apply(operation, segments), [.fixed(3), .bounded(1)])
        }
      },
      BoundedCase("elements added at indices") { program in
        let table = program.leaf([.bounded(1), .fixed(4)])
        let indices = program.leaf([.bounded(1), .bounded(0)], element: .int32, limit: 4)
        let updates = program.leaf(indices.axes)
        return [
          .init(table.tensor.scatterAdd(updates.tensor, at: indices.tensor, along: 1), table.axes)
        ]
      },
    ]

  private static func dot(
    _ notation: String, _ left: [BoundedProgram.Axis], _ right: [BoundedProgram.Axis],
    _ result: [BoundedProgram.Axis]
  ) -> BoundedCase {
    BoundedCase("dot \(notation)") { program in
      let (x, y) = (program.leaf(left).tensor, program.leaf(right).tensor)
      return [.init(x.einsum(notation, y), result)]
    }
  }

  /// Operations on floating-point numbers.
  static let floating: [BoundedCase] = [
    BoundedCase("mean") { program in
      let x = program.leaf([.bounded(0), .fixed(3), .bounded(1)])
      return [
        .init(x.tensor.mean(), []), .init(x.tensor.mean([0]), [.fixed(3), .bounded(1)]),
        .init(x.tensor.mean([1, 2]), [.bounded(0)]),
      ]
    },
    BoundedCase("softmax along") { program in
      let x = program.leaf([.fixed(3), .bounded(0)])
      return [.init(x.tensor.softmax(), x.axes)]
    },
    BoundedCase("softmax across") { program in
      let x = program.leaf([.bounded(0), .fixed(3)])
      return [.init(x.tensor.softmax(), x.axes), .init(x.tensor.softmax().sum([0]), [.fixed(3)])]
    },
    BoundedCase("layer norm along") { program in
      let x = program.leaf([.fixed(3), .bounded(0)])
      let (weight, bias) = (program.leaf([.bounded(0)]).tensor, program.leaf([.bounded(0)]).tensor)
      return [.init(x.tensor.layerNorm(weight: weight, bias: bias, epsilon: 0.1), x.axes)]
    },
    BoundedCase("layer norm across") { program in
      let x = program.leaf([.bounded(0), .bounded(1), .fixed(3)])
      let (weight, bias) = (program.leaf([.fixed(3)]).tensor, program.leaf([.fixed(3)]).tensor)
      return [.init(x.tensor.layerNorm(weight: weight, bias: bias, epsilon: 0.1), x.axes)]
    },
    BoundedCase("norm by the root mean square along and across") { program in
      let along = program.leaf([.fixed(3), .bounded(0)])
      let across = program.leaf([.bounded(0), .bounded(1), .fixed(3)])
      let weights = [program.leaf([.bounded(0)]).tensor, program.leaf([.fixed(3)]).tensor]
      return [
        .init(along.tensor.rmsNorm(weight: weights[0], epsilon: 0.1), along.axes),
        .init(across.tensor.rmsNorm(weight: weights[1], epsilon: 0.1).silu(), across.axes),
      ]
    },
    BoundedCase("rotary positions of a short batch, sequence and number of heads") { program in
      let all: [[BoundedProgram.Axis]] = [
        [.bounded(0), .fixed(3), .fixed(2), .fixed(4)],
        [.bounded(0), .bounded(1), .fixed(2), .fixed(4)],
        [.fixed(2), .bounded(1), .bounded(0), .fixed(2)],
      ]
      return all.map { axes in .init(program.leaf(axes).tensor.rotary(base: 10), axes) }
    },
    BoundedCase("cross entropy of a short batch") { program in
      let x = program.leaf([.bounded(0), .bounded(1), .fixed(4)])
      let labels = program.leaf([.bounded(0), .bounded(1)], element: .int32, limit: 4)
      let losses = x.tensor.crossEntropy(labels: labels.tensor)
      return [.init(losses, labels.axes), .init(losses.mean(), [])]
    },
    BoundedCase("cross entropy of few classes") { program in
      let x = program.leaf([.fixed(3), .bounded(1)])
      let labels = program.leaf([.fixed(3)], element: .int32, limit: 1)
      return [.init(x.tensor.crossEntropy(labels: labels.tensor).exponential(), labels.axes)]
    },
    attention([.fixed(2), .bounded(0), .fixed(2), .fixed(3)], keys: .bounded(1), isCausal: false),
    attention([.bounded(1), .bounded(0), .fixed(2), .fixed(3)], keys: .bounded(0), isCausal: true),
    attention([.fixed(2), .fixed(4), .bounded(0), .fixed(3)], keys: .bounded(1), isCausal: false),
  ]

  private static func attention(
    _ axes: [BoundedProgram.Axis], keys: BoundedProgram.Axis, isCausal: Bool
  ) -> BoundedCase {
    BoundedCase("attention of \(axes) over \(keys)") { program in
      let query = program.leaf(axes).tensor
      let other = [axes[0], keys, axes[2], axes[3]]
      let (key, value) = (program.leaf(other).tensor, program.leaf(other).tensor)
      return [.init(query.attention(key: key, value: value, isCausal: isCausal), axes)]
    }
  }
}
