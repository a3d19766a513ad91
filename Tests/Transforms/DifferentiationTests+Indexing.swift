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
}
