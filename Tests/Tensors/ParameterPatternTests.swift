import DeepEPTensors
import Testing

/// Which names a pattern means.
@Suite struct ParameterPatternTests {
  @Test(arguments: [
    ("transformer.h.1", "transformer.h.1.attn.c_attn.weight", true),
    ("transformer.h.1", "transformer.h.10.attn.c_attn.weight", false),
    ("transformer.h.1.ln_1.weight", "transformer.h.1.ln_1.weight", true),
    ("h.1", "transformer.h.1.ln_1.weight", false),
    ("*.ln_1", "transformer.h.1.ln_1.weight", true),
    ("*.ln_1", "transformer.h.1.ln_12.weight", false),
    ("*.ln_*", "transformer.h.1.ln_12.weight", true),
    ("model.layers.*.q_proj.weight", "model.layers.3.self_attn.q_proj.weight", true),
    ("model.layers.*.q_proj.weight", "model.layers.3.self_attn.q_proj.bias", false),
    ("*attn*proj*", "model.layers.3.self_attn.q_proj.bias", true),
    ("*proj*attn*", "model.layers.3.self_attn.q_proj", false),
    ("ab*ba", "aba", false), ("ab*ba", "abba", true), ("*", "w", true), ("", "w", false),
  ])
  func theNamesThatItMeans(_ text: String, _ name: String, _ expected: Bool) {
    #expect(ParameterPattern(text).matches(name) == expected)
  }
}
