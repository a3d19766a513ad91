import DeepEPModels
import DeepEPTensors

/// The sizes of the model of a workload, by its family.
enum ModelSizes {
  case gpt2(GPT2Configuration)
  case llama(LlamaConfiguration)

  /// The model; its first values are the same numbers in every framework.
  var model: any Module {
    switch self {
    case .gpt2(let sizes): GPT2(sizes, scheme: .portable)
    case .llama(let sizes): Llama(sizes, scheme: .portable)
    }
  }

  /// The number of different tokens.
  var vocabulary: Int {
    switch self {
    case .gpt2(let sizes): sizes.vocabulary
    case .llama(let sizes): sizes.vocabulary
    }
  }

  /// The tokens of a sequence.
  var context: Int {
    get {
      switch self {
      case .gpt2(let sizes): sizes.context
      case .llama(let sizes): sizes.context
      }
    }
    set {
      switch self {
      case .gpt2(var sizes):
        sizes.context = newValue
        self = .gpt2(sizes)
      case .llama(var sizes):
        sizes.context = newValue
        self = .llama(sizes)
      }
    }
  }

  /// The same family with another width: a head keeps its own, and the proportions of heads and of
  /// hidden values stay.
  ///
  /// - Throws: ``UsageError`` if no whole number of heads has that width.
  func widened(to width: Int) throws -> ModelSizes {
    switch self {
    case .gpt2(var sizes):
      let headWidth = sizes.width / sizes.heads
      try check(width, isMultipleOf: headWidth, "the width of a head")
      (sizes.width, sizes.heads) = (width, width / headWidth)
      return .gpt2(sizes)
    case .llama(var sizes):
      let group = sizes.heads / sizes.keyValueHeads
      try check(width, isMultipleOf: sizes.headWidth * group, "the width of a group of heads")
      sizes.hidden = sizes.hidden * width / sizes.width
      (sizes.width, sizes.heads) = (width, width / sizes.headWidth)
      sizes.keyValueHeads = sizes.heads / group
      return .llama(sizes)
    }
  }

  private func check(_ width: Int, isMultipleOf unit: Int, _ what: String) throws {
    guard width % unit != 0 else { return }
    throw UsageError(
      "--width: \(width) is not a multiple of \(unit), \(what)",
      fix: "give one, such as \((width / unit + 1) * unit)")
  }
}
