import DeepEP

struct Block: Module {
  let norm1: LayerNorm, norm2: LayerNorm, attention: CausalAttention, up: Linear, down: Linear

  init(width: Int, heads: Int) {
    (norm1, norm2) = (LayerNorm(width), LayerNorm(width))
    attention = CausalAttention(width, heads: heads)
    (up, down) = (Linear(width, 4 * width), Linear(4 * width, width))
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let y = x + attention(norm1(x))
    return y + down(up(norm2(y)).gelu())
  }
}

struct TinyGPT: Module {
  let tokens: Embedding, positions: Parameter, blocks: [Block], norm: LayerNorm

  func callAsFunction(_ ids: Tensor) -> Tensor {
    let x = blocks.reduce(tokens(ids) + positions) { x, block in block(x) }
    return norm(x).matmul(tokens.weight, transposingRight: true)  // the head is the token table
  }
}

@main struct Train: TrainingProgram {
  func run() throws {
    let text = try TextLoader("notes.txt", sequenceLength: 64, batchSize: 16)
    let model = TinyGPT(
      tokens: Embedding(text.vocabularySize, 96),
      positions: Parameter([64, 96], .normal(deviation: 0.02)),
      blocks: (0..<3).map { _ in Block(width: 96, heads: 4) }, norm: LayerNorm(96))
    let trainer = try DistributedTrainer(
      model: model, loss: .crossEntropy, optimizer: .adamW(learningRate: 1e-3), clipNorm: 1)
    try trainer.fit(text, epochs: 2)
    try trainer.save(to: "tiny.safetensors")
  }
}
