import DeepEPModels
import DeepEPStorage

/// `config.json` of a GPT-2 (`GPT2Config` of `transformers`).
struct HuggingFaceGPT2: Codable {
  static let family = "gpt2"

  var model_type = family
  var architectures: [String]? = ["GPT2LMHeadModel"]
  var vocab_size: Int
  var n_positions: Int
  var n_embd: Int
  var n_layer: Int
  var n_head: Int
  var n_inner: Int?
  var activation_function: String?
  var layer_norm_epsilon: Double?
  var resid_pdrop: Double?
  var embd_pdrop: Double?
  var attn_pdrop: Double?
  var scale_attn_weights: Bool?
  var scale_attn_by_inverse_layer_idx: Bool?
  var tie_word_embeddings: Bool?
  var bos_token_id: SpecialToken?
  var eos_token_id: SpecialToken?

  init(_ sizes: GPT2Configuration, endOfText: Int32?) {
    (vocab_size, n_positions) = (sizes.vocabulary, sizes.context)
    (n_embd, n_layer, n_head) = (sizes.width, sizes.layers, sizes.heads)
    (activation_function, layer_norm_epsilon) = ("gelu_new", 1e-5)
    (resid_pdrop, embd_pdrop, attn_pdrop) = (sizes.dropout, sizes.dropout, 0)
    tie_word_embeddings = true
    (bos_token_id, eos_token_id) = (SpecialToken(endOfText), SpecialToken(endOfText))
  }
}

extension GPT2Configuration {
  /// The sizes of a GPT-2 in a folder of Hugging Face; dropout is 0, whatever the model was trained with.
  ///
  /// - Throws: ``StorageError`` if the folder has another kind of model, or one that computes otherwise.
  public init(_ folder: HuggingFaceFolder) throws {
    let check = HuggingFaceCheck(folder)
    try check.family(isOneOf: [HuggingFaceGPT2.family])
    let found = try folder.configuration(HuggingFaceGPT2.self)
    try check.field(
      "activation_function", found.activation_function, isOneOf: ["gelu_new", "gelu_pytorch_tanh"])
    try check.field("layer_norm_epsilon", found.layer_norm_epsilon, isOneOf: [1e-5])
    try check.field("n_inner", found.n_inner, isOneOf: [4 * found.n_embd])
    try check.field("scale_attn_weights", found.scale_attn_weights, isOneOf: [true])
    try check.field(
      "scale_attn_by_inverse_layer_idx", found.scale_attn_by_inverse_layer_idx, isOneOf: [false])
    try check.field("tie_word_embeddings", found.tie_word_embeddings, isOneOf: [true])
    self.init(
      vocabulary: found.vocab_size, context: found.n_positions, width: found.n_embd,
      layers: found.n_layer, heads: found.n_head)
    try check.sizes(self)
  }
}
