import DeepEPElements
import DeepEPTensors

extension DifferentiationTests {
  /// Functions along and across bounded dimensions, three elements of which are valid.
  static let bounded: [Case] = [
    Case("bounded sum", [4, 2]) { x in
      [(bounded(x[0], 0) * x[0].sum([0])).sum([0])]
    },
    Case("bounded and made fixed", [4, 2]) { x in
      [(bounded(x[0], 0) * 2).unbounded(filling: 0.5) * x[0]]
    },
    Case("bounded mean", [4, 2]) { x in
      let y = bounded(x[0], 0)
      return [(y * y).mean(), (y * y).mean([0])]
    },
    Case("bounded product", [4, 2]) { x in [bounded(x[0], 0).reduced(.product, [0])] },
    Case("bounded maximum", [4, 2]) { x in [bounded(x[0], 0).largest([0])] },
    Case("bounded dot", [2, 4], [4, 3]) { x in
      [bounded(x[0], 1).einsum("ab,bc->ac", bounded(x[1], 0))]
    },
    Case("bounded free dot", [4, 2], [2, 3]) { x in
      [bounded(x[0], 0).einsum("ab,bc->ac", x[1]).unbounded(filling: 0)]
    },
    Case("bounded broadcast", [2, 1], [4]) { x in
      [(x[0] * bounded(x[1], 0)).unbounded(filling: 1)]
    },
    Case("bounded gather", [4, 2]) { x in
      let rows = x[0].trace.apply(Constant(type: Type(.int32, [4]), numbers: [3, 0, 3, 2]), [])[0]
      return [x[0].gather(bounded(rows, 0)).unbounded(filling: 0)]
    },
    Case("bounded scatterAdd", [4, 2], [4, 2]) { x in
      let rows = x[0].trace.apply(Constant(type: Type(.int32, [4]), numbers: [3, 0, 3, 2]), [])[0]
      return [x[0].scatterAdd(bounded(rows, 0), bounded(x[1], 0))]
    },
    Case("bounded movement", [4, 6]) { x in
      let y = bounded(x[0], 0).reshaped([4, 2, 3]).transposed([2, 0, 1])
      let z = Tensor.concatenated([y, y.sliced([1, 0, 0], sizes: [2, 4, 2])], along: 0)
      return [z.padded([0, 0, 1], in: [5, 4, 3]).unbounded(filling: 0)]
    },
    Case("bounded sort", [4, 2]) { x in
      let y = bounded(x[0], 0)
      let (up, down) = (y.sorted(along: 0), y.sorted(along: 0, isDescending: true))
      return [up.values.unbounded(filling: 0), down.values.unbounded(filling: 0)]
    },
    Case("bounded scans", [2, 4]) { x in
      let y = bounded(x[0], 1)
      return Reduction.allCases.flatMap { reduction in
        [(false, false), (false, true), (true, true)].map { isExclusive, isReversed in
          y.scanned(reduction, along: 1, isExclusive: isExclusive, isReversed: isReversed)
            .sliced([0, 0], sizes: [2, 4]).hyperbolicTangent().unbounded(filling: 0)
        }
      }
    },
    Case("bounded segments", [4, 2]) { x in
      let segments = bounded(integers(x[0], [1, 0, 1, 0], [4]), 0)
      return [Reduction.sum, .maximum].map {
        bounded(x[0], 0).apply(SegmentReduce(reduction: $0, count: 2), segments)
      }
    },
    Case("bounded softmax along", [2, 4]) { x in [bounded(x[0], 1).softmax().unbounded(filling: 0)]
    },
    Case("bounded softmax across", [4, 2]) { x in [bounded(x[0], 0).softmax().sum([0])] },
    Case("bounded layerNorm along", [2, 4], [4], [4]) { x in
      let (weight, bias) = (bounded(x[1], 0), bounded(x[2], 0))
      return [bounded(x[0], 1).layerNorm(weight: weight, bias: bias).unbounded(filling: 0)]
    },
    Case("bounded layerNorm across", [4, 3], [3], [3]) { x in
      [bounded(x[0], 0).layerNorm(weight: x[1], bias: x[2]).unbounded(filling: 0)]
    },
    Case("bounded rmsNorm", [2, 4], [4], [4, 3]) { x in
      let along = bounded(x[0], 1).rmsNorm(weight: bounded(x[1], 0)).unbounded(filling: 0)
      let weight = x[1].sliced([0], sizes: [3])
      return [along, bounded(x[2], 0).rmsNorm(weight: weight).unbounded(filling: 0)]
    },
    Case("bounded rotary", [2, 4, 1, 2]) { x in
      [bounded(x[0], 1).rotary(base: 5).silu().unbounded(filling: 0)]
    },
    Case("bounded crossEntropy", [4, 3]) { x in
      let labels = x[0].trace.apply(Constant(type: Type(.int32, [4]), numbers: [2, 0, 1, 1]), [])[0]
      return [bounded(x[0], 0).crossEntropy(labels: bounded(labels, 0)).mean()]
    },
    Case("bounded attention", [2, 4, 1, 2], [2, 4, 1, 2], [2, 4, 1, 2]) { x in
      let y = x.map { bounded($0, 1) }
      let causal = y[0].attention(key: y[1], value: y[2], isCausal: true)
      let keys = x[0].attention(key: y[1], value: y[2], isCausal: false)
      return [causal.unbounded(filling: 0), keys]
    },
  ]

  private static func bounded(_ x: Tensor, _ dimension: Int) -> Tensor {
    let three = Constant(type: Type(.int32, []), numbers: [3])
    // Dimensions that are walked together have one extent: one value, not equal ones.
    let known = x.trace.graph.nodes.firstIndex { $0.operation as? Constant == three }
    let extent = known.map { Tensor(x.trace, Value(node: $0)) } ?? x.trace.apply(three, [])[0]
    return x.bounded(along: dimension, extent: extent)
  }
}
