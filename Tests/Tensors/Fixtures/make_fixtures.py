"""Writes operations.json: what PyTorch computes, for the tests of the interpreter.

Run in this folder by a Python that has PyTorch: python make_fixtures.py
"""

import json
import math

import torch
import torch.nn.functional as F

torch.manual_seed(1)
CASES = []
NAMES = {torch.float64: "float64", torch.float32: "float32", torch.int32: "int32",
         torch.int64: "int64", torch.bool: "bool"}


def described(tensor):
    numbers = tensor.detach().flatten().tolist()
    special = {float("inf"): "inf", float("-inf"): "-inf"}
    numbers = [float(n) if n == n and n not in special else special.get(n, "nan") for n in numbers]
    return {"element": NAMES[tensor.dtype], "shape": list(tensor.shape), "numbers": numbers}


def case(name, inputs, results):
    results = results if isinstance(results, (list, tuple)) else [results]
    CASES.append({"name": name, "inputs": [described(x) for x in inputs],
                  "results": [described(x) for x in results]})


def unary(dtype):
    x = torch.randn(2, 5, dtype=dtype)
    x[0, 0] = 0
    functions = {
        "negate": torch.neg, "absolute": torch.abs, "sign": torch.sign, "exponential": torch.exp,
        "hyperbolicTangent": torch.tanh, "sine": torch.sin, "cosine": torch.cos,
        "errorFunction": torch.erf, "floor": torch.floor, "logarithm": torch.log,
        "squareRoot": torch.sqrt, "reciprocalSquareRoot": torch.rsqrt,
        "reciprocal": torch.reciprocal,
    }
    for name, function in functions.items():
        case(name, [x], function(x))


def binary(dtype):
    x, y = torch.randn(3, 4, dtype=dtype), torch.randn(3, 4, dtype=dtype)
    y[0] = x[0]
    functions = {
        "add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div,
        "remainder": torch.fmod, "power": torch.pow, "maximum": torch.maximum,
        "minimum": torch.minimum, "equal": torch.eq, "notEqual": torch.ne, "less": torch.lt,
        "lessOrEqual": torch.le, "greater": torch.gt, "greaterOrEqual": torch.ge,
    }
    for name, function in functions.items():
        case(name, [x, y], function(x, y))
    case("select", [x > 0, x, y], torch.where(x > 0, x, y))


def integers():
    x = torch.tensor([7, -7, 100, -3, 0, 2**30], dtype=torch.int32)
    y = torch.tensor([2, 2, 7, 5, 3, 4], dtype=torch.int32)
    functions = {
        "add": torch.add, "multiply": torch.mul, "remainder": torch.fmod,
        "divide": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
        "and": torch.bitwise_and, "or": torch.bitwise_or, "exclusiveOr": torch.bitwise_xor,
        "shiftLeft": torch.bitwise_left_shift, "shiftRight": torch.bitwise_right_shift,
    }
    for name, function in functions.items():
        case(name, [x, y], function(x, y))
    case("not", [x], torch.bitwise_not(x))
    case("convert to float32", [x], x.to(torch.float32))
    z = torch.tensor([1.7, -1.7, 0.0, 2.5], dtype=torch.float64)
    case("convert to int32", [z], z.to(torch.int32))
    case("convert to bool", [z], z.to(torch.bool))


def reductions(dtype):
    x = torch.randn(2, 3, 4, dtype=dtype)
    for dims in [[0], [1], [2], [0, 2], [0, 1, 2]]:
        name = "".join(map(str, dims))
        case("sum " + name, [x], torch.sum(x, dims))
        case("maximum " + name, [x], torch.amax(x, dims))
        case("minimum " + name, [x], torch.amin(x, dims))
        product = x
        for dim in reversed(dims):
            product = product.prod(dim)
        case("product " + name, [x], product)


def movements(dtype):
    x, y = torch.randn(2, 3, 4, dtype=dtype), torch.randn(2, 2, 4, dtype=dtype)
    case("reshape", [x], x.reshape(4, 6))
    case("transpose", [x], x.permute(2, 0, 1))
    case("broadcast", [x[:, 0]], x[:, :1].expand(2, 5, 4))
    case("slice", [x], x[1:, 1:3, :2])
    case("pad", [x], F.pad(x, (0, 1, 2, 0, 1, 1)))
    case("concatenate", [x, y], torch.cat([x, y], 1))
    rows = torch.tensor([[2, 0], [1, 2]])
    table = torch.randn(3, 2, 2, dtype=dtype)
    case("gather", [table, rows], F.embedding(rows, table.reshape(3, 4)).reshape(2, 2, 2, 2))
    updates = torch.randn(4, 2, 2, dtype=dtype)
    case("scatterAdd", [table, rows.flatten(), updates],
         table.index_add(0, rows.flatten(), updates))


def contractions(dtype):
    for notation, left, right in [
        ("ab,bc->ac", (3, 4), (4, 5)), ("ab,cb->ca", (3, 4), (5, 4)),
        ("abc,acd->abd", (2, 3, 4), (2, 4, 5)), ("bthd,bshd->bhts", (2, 3, 2, 4), (2, 5, 2, 4)),
        ("a,b->ba", (3,), (4,)), ("ab,ab->", (3, 4), (3, 4)), ("abc,bd->dca", (2, 3, 4), (3, 5)),
    ]:
        x, y = torch.randn(left, dtype=dtype), torch.randn(right, dtype=dtype)
        case("dot " + notation, [x, y], torch.einsum(notation, x, y))


def composites(dtype):
    x = torch.randn(2, 3, 5, dtype=dtype)
    weight, bias = torch.randn(5, dtype=dtype), torch.randn(5, dtype=dtype)
    case("softmax", [x], F.softmax(x, -1))
    case("gelu", [x], F.gelu(x, approximate="tanh"))
    case("layerNorm", [x, weight, bias], F.layer_norm(x, (5,), weight, bias, 1e-5))
    labels = torch.tensor([[0, 4, 2], [3, 3, 1]])
    losses = F.cross_entropy(x.reshape(6, 5), labels.flatten(), reduction="none")
    case("crossEntropy", [x, labels], [losses.reshape(2, 3), torch.logsumexp(x, -1)])
    for causal in [False, True]:
        q, k, v = (torch.randn(2, 4, 3, 2, dtype=dtype, requires_grad=True) for _ in range(3))
        heads = [t.transpose(1, 2) for t in (q, k, v)]
        y = F.scaled_dot_product_attention(*heads, is_causal=causal).transpose(1, 2)
        scores = heads[0] @ heads[1].transpose(2, 3) / 2**0.5
        if causal:
            scores = scores.masked_fill(torch.ones(4, 4).triu(1).bool(), float("-inf"))
        logs = torch.logsumexp(scores, -1)
        name = "attention causal" if causal else "attention"
        case(name, [q, k, v], [y, logs])
        g = torch.randn_like(y)
        gradients = torch.autograd.grad(y, (q, k, v), g)
        case(name + " gradient", [q, k, v, y, logs, g], gradients)


def attributed(name, attributes, inputs, results):
    """A case whose attributes are the text form's."""
    case(name + " " + json.dumps(attributes, sort_keys=True, separators=(",", ":")), inputs, results)


def orders(dtype):
    x = torch.randn(2, 4, 3, dtype=dtype)
    x[0, 1] = x[0, 3]
    x[1, 2, 0] = float("nan")
    for dim in range(3):
        for extreme, function in [("largest", torch.argmax), ("smallest", torch.argmin)]:
            # PyTorch does not say which of equal elements it names: ties only between rows.
            y = x if dim != 1 else torch.randn(2, 4, 3, dtype=dtype)
            attributed("argReduce", {"dimension": dim, "element": "int64", "extreme": extreme},
                       [y], function(y, dim))
        for descending in [False, True]:
            attributed("sort", {"dimension": dim, "indexElement": "int64",
                                "isDescending": descending},
                       [x], torch.sort(x, dim=dim, descending=descending, stable=True))
        y = torch.randn(2, 4, 3, dtype=dtype)
        for extreme in ["largest", "smallest"]:
            attributed("topK", {"count": 2, "dimension": dim, "extreme": extreme,
                                "indexElement": "int64"},
                       [y], torch.topk(y, 2, dim, extreme == "largest"))
        functions = {"sum": torch.cumsum, "product": torch.cumprod,
                     "maximum": lambda t, d: torch.cummax(t, d)[0],
                     "minimum": lambda t, d: torch.cummin(t, d)[0]}
        for name, function in functions.items():
            for back in [False, True]:
                scanned = function(y.flip(dim), dim).flip(dim) if back else function(y, dim)
                attributed("scan", {"dimension": dim, "isExclusive": False, "isReversed": back,
                                    "reduction": name}, [y], scanned)
        places = torch.randint(0, y.shape[dim], (2, 4, 3))
        attributed("gatherAlong", {"dimension": dim}, [y, places],
                   torch.take_along_dim(y, places, dim))
        updates = torch.randn(2, 4, 3, dtype=dtype)
        attributed("scatterAddAlong", {"dimension": dim}, [y, places, updates],
                   y.scatter_add(dim, places, updates))


def segments(dtype):
    x = torch.randn(7, 3, dtype=dtype)
    rows = torch.tensor([2, 0, 3, 2, 0, 3, 2])
    for name, reduce in [("sum", "sum"), ("maximum", "amax"), ("minimum", "amin")]:
        start = {"sum": 0.0, "maximum": -math.inf, "minimum": math.inf}[name]
        empty = torch.full((5, 3), start, dtype=dtype)
        attributed("segmentReduce", {"count": 5, "reduction": name}, [x, rows],
                   empty.scatter_reduce(0, rows[:, None].expand(7, 3), x, reduce))


def moved(stride, padding, dilation):
    return {"dilations": dilation, "paddingHigh": padding, "paddingLow": padding,
            "strides": stride}


def convolutions(dtype):
    settings = [
        ((2, 3, 8), (4, 3, 3), [1], [0], [1], 1),
        ((2, 4, 9), (6, 2, 3), [2], [2], [2], 2),
        ((2, 3, 6, 7), (4, 3, 3, 2), [1, 1], [0, 0], [1, 1], 1),
        ((2, 4, 7, 6), (4, 1, 3, 3), [2, 1], [1, 2], [1, 2], 4),
        ((1, 2, 4, 5, 4), (4, 1, 2, 3, 2), [1, 2, 1], [1, 0, 1], [2, 1, 1], 2),
    ]
    functions = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
    for shape, weights, stride, padding, dilation, groups in settings:
        x = torch.randn(shape, dtype=dtype, requires_grad=True)
        w = torch.randn(weights, dtype=dtype, requires_grad=True)
        y = functions[len(stride)](x, w, None, stride, padding, dilation, groups)
        g = torch.randn_like(y)
        by_input, by_weight = torch.autograd.grad(y, (x, w), g)
        window = moved(stride, padding, dilation)
        attributed("convolution", {"groups": groups, "window": window}, [x, w], y)
        attributed("convolutionInputGradient",
                   {"groups": groups, "sizes": list(shape[2:]), "window": window},
                   [g, w], by_input)
        attributed("convolutionWeightGradient",
                   {"groups": groups, "taps": list(weights[2:]), "window": window},
                   [x, g], by_weight)


def pools(dtype):
    settings = [
        ((2, 3, 9), [3], [2], [1], [1]), ((2, 2, 8), [2], [2], [0], [3]),
        ((2, 3, 6, 7), [2, 3], [2, 1], [1, 1], [1, 2]),
        ((1, 2, 4, 5, 6), [2, 2, 3], [1, 2, 2], [0, 1, 1], [1, 1, 1]),
    ]
    largest = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
    means = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
    for shape, taps, stride, padding, dilation in settings:
        x = torch.randn(shape, dtype=dtype, requires_grad=True)
        values, places = largest[len(taps)](x, taps, stride, padding, dilation, False, True)
        attributed("maximumPool", {"taps": taps, "window": moved(stride, padding, dilation)},
                   [x], [values, places.to(torch.int32)])
        for counts in [True, False]:
            pool = {"countsPadding": counts, "taps": taps,
                    "window": moved(stride, padding, [1] * len(taps))}
            y = means[len(taps)](x, taps, stride, padding, False, counts)
            attributed("averagePool", pool, [x], y)
            g = torch.randn_like(y)
            attributed("averagePoolGradient", {"pool": pool, "sizes": list(shape[2:])}, [g],
                       torch.autograd.grad(y, x, g))


def grouped(dtype):
    x, w = torch.randn(7, 3, dtype=dtype), torch.randn(4, 3, 2, dtype=dtype)
    sizes = torch.tensor([2, 0, 3, 1], dtype=torch.int32)
    parts = torch.split(x[:6], sizes.tolist())
    products = [part @ matrix for part, matrix in zip(parts, w)]
    case("groupedDot", [x, sizes, w], torch.cat(products + [torch.zeros(1, 2, dtype=dtype)]))
    g = torch.randn(7, 2, dtype=dtype)
    rows = torch.split(g[:6], sizes.tolist())
    case("groupedDotWeightGradient", [x, sizes, g],
         torch.stack([part.T @ row for part, row in zip(parts, rows)]))


def llama(dtype):
    """The composites of Llama, as Hugging Face's modeling_llama.py computes them."""
    x, weight = torch.randn(2, 3, 5, dtype=dtype), torch.randn(5, dtype=dtype)
    root = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)
    attributed("rmsNorm", {"epsilon": 1e-5}, [x, weight], [weight * (x * root), root[..., 0]])
    case("silu", [x * 3], F.silu(x * 3))
    q, positions = torch.randn(2, 4, 3, 6, dtype=dtype), torch.tensor([3, 0, 11, 5])
    frequencies = 1.0 / 10000 ** (torch.arange(0, 6, 2, dtype=dtype) / 6)
    angles = torch.outer(positions.to(dtype), frequencies)
    angles = torch.cat((angles, angles), -1)[:, None]
    half = torch.cat((-q[..., 3:], q[..., :3]), -1)
    for inverse in [False, True]:
        sine = -angles.sin() if inverse else angles.sin()
        attributed("rotary", {"base": 10000.0, "isInverse": inverse}, [q, positions],
                   q * angles.cos() + half * sine)


def masked_attention(dtype):
    """Windows, segments and both, as masks of scaled_dot_product_attention."""
    ids = torch.tensor([[4, 4, 4, 9, 9, 2, 2], [1, 1, 1, 1, 1, 1, 0]], dtype=torch.int32)
    place = torch.arange(7)
    distance = place[:, None] - place[None, :]
    masks = [({"none": {}}, distance < 7), ({"causal": {}}, distance >= 0),
             ({"window": {"length": 3}}, (distance >= 0) & (distance < 3))]
    for name, mask in masks:
        for segments in [[], [ids]]:
            seen = mask[None, None].expand(2, 1, 7, 7)
            if segments:
                seen = seen & (ids[:, None, :, None] == ids[:, None, None, :])
            attention = {"hasSegments": bool(segments), "mask": name, "scale": 0.5}
            q, k, v = (torch.randn(2, 7, 3, 4, dtype=dtype, requires_grad=True) for _ in range(3))
            heads = [t.transpose(1, 2) for t in (q, k, v)]
            y = F.scaled_dot_product_attention(*heads, attn_mask=seen).transpose(1, 2)
            scores = (heads[0] @ heads[1].transpose(2, 3) / 2).masked_fill(~seen, float("-inf"))
            logs = torch.logsumexp(scores, -1)
            attributed("attention", attention, [q, k, v] + segments, [y, logs])
            g = torch.randn_like(y)
            attributed("attentionGradient", {"attention": attention},
                       [q, k, v, y, logs, g] + segments, torch.autograd.grad(y, (q, k, v), g))


for dtype in [torch.float64, torch.float32]:
    for make in [unary, binary, reductions, movements, contractions, composites]:
        make(dtype)
integers()
for dtype in [torch.float64, torch.float32]:
    for make in [orders, segments, convolutions, pools, grouped]:
        make(dtype)
for dtype in [torch.float64, torch.float32]:
    llama(dtype)
for dtype in [torch.float64, torch.float32]:
    masked_attention(dtype)
with open("operations.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
