"""Writes byte_pairs.json: a byte-level BPE that Hugging Face's `tokenizers` 0.23 trains, and what it makes of texts.

  pip install tokenizers && python3 make_byte_pairs.py
"""
import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = (
    "In the beginning was the Word, and the Word was with God.  The same was in the beginning;\n\n"
    "I'm sure they'll say we've got 1234 reasons, don't they? He'd 'said' it's so: we're here.\n"
    "\tfor i in range(10):\n\t    total += i * 2  # counted   twice \n"
    "Äpfel und Öl: naïve café, Straße. Привет, мир! 你好，世界。 ½ Ⅷ ٣ e\u0301 \U0001f600\U0001f468\u200d\U0001f469\n"
    "aaaa aaaaaaa bababab banana bandana; the there their these then other mother brother\u00a0\u2003x\r\n"
) * 3
SAMPLES = [
    TEXT, "", " ", "   ", "\n\n\n", "a  b   c", "  lead and trail  ", "I'll 'llama we'VE 'S '", "''s don''t",
    "x1y22z333 ½cup", "naïve Ünïcödé", "你好 世界\u3000。", "tab\tand\u00a0nbsp\u2028line \u200b zero", "\u0000\u0001\x7f",
    "\U0001f600 \U0001f600\U0001f600", "the thethe THE 'the", "e\u0301e\u0301 \u0301", "aaaaaaaaaaaaaaaaaaaaaaaa",
]

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, special_tokens=[])
tokenizer.train_from_iterator([TEXT], trainer)
pathlib.Path(__file__).with_name("byte_pairs.json").write_text(json.dumps({
    "text": TEXT, "vocabularySize": 400, "tokenizer": tokenizer.to_str(),
    "samples": [{"text": text, "tokens": tokenizer.encode(text).ids} for text in SAMPLES],
}, ensure_ascii=True, indent=1) + "\n")
