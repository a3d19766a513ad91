"""Writes operations.json: what PyTorch computes, for the tests of the interpreter.

Run in this folder by a Python that has PyTorch: python make_fixtures.py
"""

import json

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


for dtype in [torch.float64, torch.float32]:
    for make in [unary, binary, reductions, movements, contractions, composites]:
        make(dtype)
integers()
with open("operations.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(c) for c in CASES) + "\n]\n")
