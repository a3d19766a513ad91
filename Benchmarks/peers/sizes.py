"""The sizes of the jobs, and what follows from them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sizes:
    layers: int
    width: int
    heads: int
    context: int
    batch: int
    vocabulary: int

    def resized(self, batch=None, context=None, width=None):
        """The same with some sizes replaced; the width of a head stays."""
        width = width or self.width
        return dataclasses.replace(
            self,
            batch=batch or self.batch,
            context=context or self.context,
            width=width,
            heads=width * self.heads // self.width,
        )

    @property
    def tokens(self):
        """Of a step."""
        return self.batch * self.context

    @property
    def weights(self):
        block = 12 * self.width**2 + 13 * self.width
        return (self.vocabulary + self.context) * self.width + self.layers * block + 2 * self.width

    def flops(self, causal=False):
        """Of a step: 6 for each weight and token (the head counts, the positions do not), and attention's two
        products, forward and backward; `causal` counts only the half of them that the mask leaves."""
        attention = 12 * self.layers * self.width * self.context
        matrices = 6 * (self.weights - self.context * self.width)
        return self.tokens * (matrices + (attention // 2 if causal else attention))


SIZES = {
    "gpt-tiny": Sizes(layers=6, width=384, heads=6, context=256, batch=16, vocabulary=65),
    "gpt2-124m": Sizes(layers=12, width=768, heads=12, context=256, batch=4, vocabulary=50257),
}
