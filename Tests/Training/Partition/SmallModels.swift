import DeepEPModels
import DeepEPTensors

/// A classifier with everything that a strategy has to get right beside attention: batch and layer
/// norm, dropout, a hidden layer and classes that are split, a parameter without named dimensions.
struct SplitClassifier: Module {
  let up: Linear, batchNorm: BatchNorm, down: Linear, norm: LayerNorm, head: Linear
  let gain: Parameter
  let dropout: Dropout

  init(
    features: Int, hidden: Int, classes: Int, dropout: Double,
    statistics: BatchStatistics = .wholeBatch
  ) {
    // A bias before a batch norm has no gradient, only rounding, which Adam would blow up.
    up = Linear(features, hidden, hasBias: false, axes: (.axis(.embed), .axis(.hidden)))
    batchNorm = BatchNorm(hidden, statistics: statistics)
    down = Linear(
      hidden, features, layout: .inputByOutput, axes: (.axis(.hidden), .axis(.embed)))
    norm = LayerNorm(features)
    head = Linear(features, classes, axes: (.axis(.embed), .axis(.vocabulary)))
    gain = Parameter([features], .constant(1.5))
    self.dropout = Dropout(dropout)
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let hidden = batchNorm(up(x)).gelu()
    let y = x * gain + dropout(down(hidden))
    return head(norm(y))
  }
}
