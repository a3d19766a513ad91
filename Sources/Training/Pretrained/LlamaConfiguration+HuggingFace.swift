import DeepEPModels
import DeepEPStorage

/// `config.json` of a Llama (`LlamaConfig` of `transformers`), or of a Mistral, which is a Llama whose attention
/// may have a window.
struct HuggingFaceLlama: Codable {
  private static let (llama, mistral) = ("llama", "mistral")
  static let families = [llama, mistral]

  var model_type = llama
  var architectures: [String]? = ["LlamaForCausalLM"]
  var vocab_size: Int
  var max_position_embeddings: Int
  var hidden_size: Int
  var num_hidden_layers: Int
  var num_attention_heads: Int
  var num_key_value_heads: Int?
  var head_dim: Int?
  var intermediate_size: Int
  var hidden_act: String?
  var rms_norm_eps: Double?
  var rope_theta: Double?
  var rope_parameters: HuggingFaceRotary?
  var rope_scaling: HuggingFaceRotary?
  var sliding_window: Int?
  var attention_bias: Bool?
  var mlp_bias: Bool?
  var tie_word_embeddings: Bool?
  var bos_token_id: SpecialToken?
  var eos_token_id: SpecialToken?

  init(_ sizes: LlamaConfiguration, endOfText: Int32?) {
    if sizes.window != nil {
      (model_type, architectures) = (Self.mistral, ["MistralForCausalLM"])
    }
    (vocab_size, max_position_embeddings) = (sizes.vocabulary, sizes.context)
    (hidden_size, intermediate_size) = (sizes.width, sizes.hidden)
    (num_hidden_layers, num_attention_heads) = (sizes.layers, sizes.heads)
    (num_key_value_heads, head_dim) = (sizes.keyValueHeads, sizes.headWidth)
    (hidden_act, rms_norm_eps, rope_theta) = ("silu", sizes.epsilon, sizes.rotaryBase)
    rope_parameters = HuggingFaceRotary(base: sizes.rotaryBase, sizes.rotaryScaling)
    rope_scaling = sizes.rotaryScaling.map { HuggingFaceRotary(base: nil, $0) }
    sliding_window = sizes.window
    (attention_bias, mlp_bias, tie_word_embeddings) = (false, false, sizes.hasTiedHead)
    (bos_token_id, eos_token_id) = (SpecialToken(endOfText), SpecialToken(endOfText))
  }

  /// How many positions a position sees; of a Llama all, whatever the field says.
  var window: Int? { model_type == Self.mistral ? sliding_window : nil }
}

extension LlamaConfiguration {
  /// The sizes of a Llama in a folder of Hugging Face.
  ///
  /// - Throws: ``StorageError`` if the folder has another kind of model, or one that computes otherwise.
  public init(_ folder: HuggingFaceFolder) throws {
    let check = HuggingFaceCheck(folder)
    try check.family(isOneOf: HuggingFaceLlama.families)
    let found = try folder.configuration(HuggingFaceLlama.self)
    let rotary = found.rope_parameters
    let scaling = try rotary?.scaling("rope_parameters", check)
    let olderScaling = try found.rope_scaling?.scaling("rope_scaling", check)
    try check.field("hidden_act", found.hidden_act, isOneOf: ["silu"])
    try check.field("attention_bias", found.attention_bias, isOneOf: [false])
    try check.field("mlp_bias", found.mlp_bias, isOneOf: [false])
    self.init(
      vocabulary: found.vocab_size, context: found.max_position_embeddings,
      width: found.hidden_size, layers: found.num_hidden_layers, heads: found.num_attention_heads,
      keyValueHeads: found.num_key_value_heads ?? found.num_attention_heads,
      hidden: found.intermediate_size,
      rotaryBase: rotary?.rope_theta ?? found.rope_theta ?? 10_000,
      rotaryScaling: scaling ?? olderScaling,
      epsilon: found.rms_norm_eps ?? 1e-6, window: found.window,
      hasTiedHead: found.tie_word_embeddings ?? false)
    try check.sizes(self)
    try check.field("head_dim", found.head_dim, isOneOf: [headWidth])
  }
}
