import DeepEPModels

/// A training job that is defined to the last number, so that its losses can be compared with those
/// of other frameworks.
///
/// Weights and data come from numbered random streams (``Random``): 1 the token table, 2 the
/// positions, or the head of a Llama, then four or seven matrices a block; 1000 the tokens of the one
/// batch. AdamW on all parameters.
enum Workload: String, CaseIterable {
  /// 6 layers of width 384, 256 tokens, batch 16, 65 characters: 10.8 million weights.
  case gptTiny = "gpt-tiny"
  /// GPT-2 small, 256 tokens, batch 4: 124 million weights.
  case gpt2Small = "gpt2-124m"
  /// A Llama of 6 layers of width 384 with 6 heads of queries for 2 of keys and values, 256 tokens, batch
  /// 16, 2,048 different ones: 11 million weights.
  case llamaTiny = "llama-tiny"
  /// GPT-3 (Brown et al., 2020), 2048 tokens, batch 32: 175 billion weights, to be planned.
  case gpt3 = "gpt3-175b"

  /// The job in the sizes of its name.
  var job: TrainingJob {
    switch self {
    case .gptTiny:
      TrainingJob(
        sizes: .gpt2(
          GPT2Configuration(
            vocabulary: 65, context: 256, width: 384, layers: 6, heads: 6)), batchSize: 16)
    case .gpt2Small:
      TrainingJob(
        sizes: .gpt2(
          GPT2Configuration(
            vocabulary: 50257, context: 256, width: 768, layers: 12, heads: 12)), batchSize: 4)
    case .llamaTiny:
      TrainingJob(
        sizes: .llama(
          LlamaConfiguration(
            vocabulary: 2048, context: 256, width: 384, layers: 6, heads: 6, keyValueHeads: 2,
            hidden: 1024)), batchSize: 16)
    case .gpt3:
      TrainingJob(
        sizes: .gpt2(
          GPT2Configuration(
            vocabulary: 50257, context: 2048, width: 12288, layers: 96, heads: 96)), batchSize: 32)
    }
  }
}
