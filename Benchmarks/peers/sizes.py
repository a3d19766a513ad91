"""The sizes of the jobs, and what follows from them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Sizes:
    """A model of GPT-2's shape, and its batch."""

    layers: int
    width: int
    heads: int
    context: int
    batch: int
    vocabulary: int

    def resized(self, batch=None, context=None, width=None):
        """The same with some sizes replaced; the width of a head stays."""
        same = dataclasses.replace(self, batch=batch or self.batch, context=context or self.context)
        return same.widened(width) if width else same

    def widened(self, width):
        return dataclasses.replace(self, width=width, heads=width * self.heads // self.width)

    @property
    def tokens(self):
        """Of a step."""
        return self.batch * self.context

    @property
    def weights(self):
        block = 12 * self.width**2 + 13 * self.width
        return (self.vocabulary + self.context) * self.width + self.layers * block + 2 * self.width

    @property
    def looked_up(self):
        """Weights that are only looked up: the positions. The token table is also the head."""
        return self.context * self.width

    def flops(self, causal=False):
        """Of a step: 6 for each weight and token, without those looked up, and attention's two products,
        forward and backward; `causal` counts only the half of them that the mask leaves."""
        attention = 12 * self.layers * self.width * self.context
        matrices = 6 * (self.weights - self.looked_up)
        return self.tokens * (matrices + (attention // 2 if causal else attention))


@dataclasses.dataclass(frozen=True)
class LlamaSizes(Sizes):
    """A model of Llama's shape: fewer heads of keys and values, a gated network, a head that is not tied."""

    kv_heads: int
    hidden: int

    def widened(self, width):
        """The proportions of heads and of hidden values stay too."""
        heads = width * self.heads // self.width
        return dataclasses.replace(
            self, width=width, heads=heads, kv_heads=heads * self.kv_heads // self.heads,
            hidden=self.hidden * width // self.width,
        )

    @property
    def weights(self):
        attention = 2 * (self.heads + self.kv_heads) * self.width // self.heads * self.width
        block = attention + 3 * self.width * self.hidden + 2 * self.width
        return 2 * self.vocabulary * self.width + self.layers * block + self.width

    @property
    def looked_up(self):
        """The token table."""
        return self.vocabulary * self.width


SIZES = {
    "gpt-tiny": Sizes(layers=6, width=384, heads=6, context=256, batch=16, vocabulary=65),
    "gpt2-124m": Sizes(layers=12, width=768, heads=12, context=256, batch=4, vocabulary=50257),
    "llama-tiny": LlamaSizes(
        layers=6, width=384, heads=6, context=256, batch=16, vocabulary=2048, kv_heads=2, hidden=1024
    ),
}
