import DeepEPTensors

/// The models that have a name, in the sizes in which they were published.
public enum NamedModel: String, CaseIterable, Codable, Sendable {
  /// 4 layers of width 128 that see 128 characters: 0.8 million weights.
  case gptMini = "gpt-mini"
  /// 6 layers of width 384 that see 256 characters: 10.8 million weights.
  case gptTiny = "gpt-tiny"
  /// GPT-2 (Radford et al., 2019), the smallest.
  case gpt2Small = "gpt2-124m"
  /// GPT-2 medium.
  case gpt2Medium = "gpt2-350m"
  /// GPT-2 large.
  case gpt2Large = "gpt2-774m"
  /// GPT-2, the largest.
  case gpt2XL = "gpt2-1.5b"
  /// GPT-3 (Brown et al.: Language Models are Few-Shot Learners, 2020, table 2.1), the smallest.
  case gpt3Small = "gpt3-125m"
  /// GPT-3 of 24 layers of width 1024.
  case gpt3Medium = "gpt3-350m"
  /// GPT-3 of 24 layers of width 1536.
  case gpt3Large = "gpt3-760m"
  /// GPT-3 of 24 layers of width 2048, in 16 heads of width 128.
  case gpt3XL = "gpt3-1.3b"
  /// GPT-3 of 32 layers of width 2560.
  case gpt3Width2560 = "gpt3-2.7b"
  /// GPT-3 of 32 layers of width 4096.
  case gpt3Width4096 = "gpt3-6.7b"
  /// GPT-3 of 40 layers, of width 5120 so that heads divide it.
  case gpt3Width5120 = "gpt3-13b"
  /// GPT-3, the largest.
  case gpt3 = "gpt3-175b"
  /// A Llama of 6 layers of width 384 with 6 heads of queries for 2 of keys and values, 2,048 tokens: 11
  /// million weights.
  case llamaTiny = "llama-tiny"
  /// A small Llama (Lialin et al.: ReLoRA, 2023, table 1).
  case llama60M = "llama-60m"
  /// A small Llama of the same table.
  case llama130M = "llama-130m"
  /// A small Llama of the same table.
  case llama350M = "llama-350m"
  /// A small Llama of the same table.
  case llama1B = "llama-1.3b"
  /// Llama (Touvron et al., 2023), the smallest.
  case llama7B = "llama-7b"
  /// Llama 2, the largest, with grouped queries.
  case llama2Size70B = "llama2-70b"
  /// Llama 3.2 (Llama Team: The Llama 3 Herd of Models, 2024, and its model card), the smallest.
  case llama3Size1B = "llama3-1b"
  /// Llama 3.1 of 8 billion weights.
  case llama3Size8B = "llama3-8b"
  /// Llama 3.1 of 70 billion weights.
  case llama3Size70B = "llama3-70b"
  /// Llama 3.1, the largest.
  case llama3Size405B = "llama3-405b"

  /// The sizes.
  public var configuration: any LanguageModelConfiguration {
    switch self {
    case .gptMini: gpt(4, 128, heads: 4, context: 128, vocabulary: 65)
    case .gptTiny: gpt(6, 384, heads: 6, context: 256, vocabulary: 65)
    case .gpt2Small: gpt(12, 768, heads: 12)
    case .gpt2Medium: gpt(24, 1024, heads: 16)
    case .gpt2Large: gpt(36, 1280, heads: 20)
    case .gpt2XL: gpt(48, 1600, heads: 25)
    case .gpt3Small: gpt(12, 768, heads: 12, context: 2048)
    case .gpt3Medium: gpt(24, 1024, heads: 16, context: 2048)
    case .gpt3Large: gpt(24, 1536, heads: 16, context: 2048)
    case .gpt3XL: gpt(24, 2048, heads: 16, context: 2048)
    case .gpt3Width2560: gpt(32, 2560, heads: 32, context: 2048)
    case .gpt3Width4096: gpt(32, 4096, heads: 32, context: 2048)
    case .gpt3Width5120: gpt(40, 5120, heads: 40, context: 2048)
    case .gpt3: gpt(96, 12288, heads: 96, context: 2048)
    case .llamaTiny:
      llama(6, 384, hidden: 1024, heads: (6, 2), context: 256, vocabulary: 2048)
    case .llama60M: llama(8, 512, hidden: 1376, heads: (8, 8), context: 1024)
    case .llama130M: llama(12, 768, hidden: 2048, heads: (12, 12), context: 1024)
    case .llama350M: llama(24, 1024, hidden: 2736, heads: (16, 16), context: 1024)
    case .llama1B: llama(24, 2048, hidden: 5461, heads: (32, 32), context: 1024)
    case .llama7B: llama(32, 4096, hidden: 11008, heads: (32, 32), context: 2048)
    case .llama2Size70B: llama(80, 8192, hidden: 28672, heads: (64, 8), context: 4096)
    case .llama3Size1B: llama3(16, 2048, hidden: 8192, heads: 32, factor: 32, hasTiedHead: true)
    case .llama3Size8B: llama3(32, 4096, hidden: 14336, heads: 32)
    case .llama3Size70B: llama3(80, 8192, hidden: 28672, heads: 64)
    case .llama3Size405B: llama3(126, 16384, hidden: 53248, heads: 128)
    }
  }

  private func gpt(
    _ layers: Int, _ width: Int, heads: Int, context: Int = 1024, vocabulary: Int = 50257
  ) -> GPT2Configuration {
    GPT2Configuration(
      vocabulary: vocabulary, context: context, width: width, layers: layers, heads: heads)
  }

  private func llama(
    _ layers: Int, _ width: Int, hidden: Int, heads: (queries: Int, keyValues: Int), context: Int,
    vocabulary: Int = 32000
  ) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabulary: vocabulary, context: context, width: width, layers: layers,
      heads: heads.queries, keyValueHeads: heads.keyValues, hidden: hidden)
  }

  private func llama3(
    _ layers: Int, _ width: Int, hidden: Int, heads: Int, factor: Double = 8,
    hasTiedHead: Bool = false
  ) -> LlamaConfiguration {
    LlamaConfiguration(
      vocabulary: 128256, context: 131072, width: width, layers: layers, heads: heads,
      keyValueHeads: 8, hidden: hidden, rotaryBase: 500_000,
      rotaryScaling: RotaryScaling(factor: factor), hasTiedHead: hasTiedHead)
  }
}
