import DeepEPModels

/// A training job of each named model that is defined to the last number, so that its losses can be compared with
/// those of other frameworks.
///
/// Weights and data come from numbered random streams (``Random``): 1 the token table, 2 the
/// positions, or the head of a Llama, then four or seven matrices a block; 1000 the tokens of the one
/// batch. AdamW on all parameters.
extension NamedModel {
  /// The longest sequences of a job; Llama 3 was trained on such ones most of the time.
  private static let longestContext = 8192

  /// The job; that of GPT-2 of 124 million weights has sequences of 256 tokens, 4 in a batch.
  var job: TrainingJob {
    var sizes = configuration
    sizes.context = min(self == .gpt2Small ? 256 : sizes.context, Self.longestContext)
    return TrainingJob(sizes: sizes, batchSize: batchSize)
  }

  private var batchSize: Int {
    switch configuration.parameterCount {
    case ..<20_000_000: 16
    case ..<5_000_000_000: 4
    default: 32
    }
  }
}

extension ValueParser where Value == NamedModel {
  /// A model, by its name.
  static var model: Self {
    let names = NamedModel.allCases.map(\.rawValue)
    return Self(
      expecting: "a model of 'deepep models', such as llama-60m", placeholder: "MODEL",
      choices: names, text: { $0.rawValue }
    ) { NamedModel(rawValue: $0.lowercased()) }
  }
}
