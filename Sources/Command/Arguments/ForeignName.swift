/// What other frameworks call an option of this one.
enum ForeignName {
  /// The option that PyTorch's, Hugging Face's or Keras' programs call `name`, if it is one of `options`.
  static func ours(_ name: String, among options: [String]) -> String? {
    let word = name.lowercased().replacing("_", with: "-")
    return table.first { options.contains($0.ours) && $0.others.contains(word) }?.ours
  }

  private static let table: [(ours: String, others: [String])] = [
    ("--learning-rate", ["--lr", "--max-lr", "--peak-lr"]),
    ("--batch", ["--batch-size", "--bs", "--per-device-train-batch-size", "--micro-batch-size"]),
    ("--steps", ["--max-steps", "--max-iters", "--num-steps", "--train-steps", "--iterations"]),
    ("--epochs", ["--num-train-epochs", "--num-epochs", "--max-epochs"]),
    (
      "--gradient-accumulation",
      ["--accumulate", "--accumulation", "--gradient-accumulation-steps", "--grad-accum"]
    ),
    ("--out", ["--output", "--output-dir", "--out-dir", "--save-dir"]),
    ("--context", ["--block-size", "--seq-len", "--seq-length", "--max-seq-length"]),
    ("--layers", ["--num-layers", "--n-layer", "--num-hidden-layers"]),
    ("--heads", ["--num-heads", "--n-head", "--num-attention-heads"]),
    ("--width", ["--hidden-size", "--n-embd", "--d-model", "--dim"]),
    ("--clip-norm", ["--grad-clip", "--max-grad-norm", "--clip"]),
    ("--precision", ["--dtype", "--bf16", "--fp16", "--amp"]),
    ("--schedule", ["--lr-scheduler", "--lr-scheduler-type", "--scheduler"]),
    ("--checkpoint-every", ["--save-steps", "--save-every", "--save-interval"]),
    ("--validate-every", ["--eval-steps", "--eval-interval", "--eval-every"]),
    ("--from", ["--pretrained", "--model-name-or-path", "--init-from"]),
    ("--resume", ["--resume-from-checkpoint", "--continue"]),
    ("--count", ["--max-new-tokens", "--num-tokens", "--length"]),
  ]
}
