import DeepEPModels
import DeepEPStorage

/// `config.json` of a Llama (`LlamaConfig` of `transformers`).
struct HuggingFaceLlama: Codable {
  /// How positions are turned, since version 5 of `transformers`.
  struct Rotary: Codable {
    var rope_theta: Double?
    var rope_type: String?
  }

  /// How positions were turned before.
  struct Scaling: Codable {
    var rope_type: String?
    var type: String?
  }

  var model_type = "llama"
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
  var rope_parameters: Rotary?
  var rope_scaling: Scaling?
  var attention_bias: Bool?
  var mlp_bias: Bool?
  var tie_word_embeddings: Bool?

  init(_ sizes: LlamaConfiguration) {
    (vocab_size, max_position_embeddings) = (sizes.vocabulary, sizes.context)
    (hidden_size, intermediate_size) = (sizes.width, sizes.hidden)
    (num_hidden_layers, num_attention_heads) = (sizes.layers, sizes.heads)
    (num_key_value_heads, head_dim) = (sizes.keyValueHeads, sizes.headWidth)
    (hidden_act, rms_norm_eps, rope_theta) = ("silu", sizes.epsilon, sizes.rotaryBase)
    rope_parameters = Rotary(rope_theta: sizes.rotaryBase, rope_type: "default")
    (attention_bias, mlp_bias, tie_word_embeddings) = (false, false, sizes.hasTiedHead)
  }
}

extension LlamaConfiguration {
  /// The sizes of a Llama in a folder of Hugging Face.
  ///
  /// - Throws: ``StorageError`` if the folder has another kind of model, or one that computes otherwise.
  public init(_ folder: HuggingFaceFolder) throws {
    let check = HuggingFaceCheck(folder)
    try check.family("llama")
    let found = try folder.configuration(HuggingFaceLlama.self)
    let (rotary, scaling) = (found.rope_parameters, found.rope_scaling)
    try check.field("rope_parameters.rope_type", rotary?.rope_type, isOneOf: ["default"])
    try check.field(
      "rope_scaling.rope_type", scaling?.rope_type ?? scaling?.type, isOneOf: ["default"])
    try check.field("hidden_act", found.hidden_act, isOneOf: ["silu"])
    try check.field("attention_bias", found.attention_bias, isOneOf: [false])
    try check.field("mlp_bias", found.mlp_bias, isOneOf: [false])
    self.init(
      vocabulary: found.vocab_size, context: found.max_position_embeddings,
      width: found.hidden_size, layers: found.num_hidden_layers, heads: found.num_attention_heads,
      keyValueHeads: found.num_key_value_heads ?? found.num_attention_heads,
      hidden: found.intermediate_size,
      rotaryBase: rotary?.rope_theta ?? found.rope_theta ?? 10_000,
      epsilon: found.rms_norm_eps ?? 1e-6, hasTiedHead: found.tie_word_embeddings ?? false)
    try check.sizes(self)
    try check.field("head_dim", found.head_dim, isOneOf: [headWidth])
  }
}
