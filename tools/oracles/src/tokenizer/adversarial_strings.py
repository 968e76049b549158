"""Texts that tokenizers get wrong: hand-picked ones, and every hard character between, before and after others."""

# Controls, white space of every kind, what is removed, joins, combines, folds, expands, has no character yet or is in no plane's middle.
CHARACTERS = [
    *"\0\x01\x08\t\n\x0b\x0c\r\x1b\x1c\x1d\x1e\x1f\x7f\x80\x85\x9f\xa0\xad\xa6\xa9\xaa\xb2\xb4\xb5\xb7\xb9\xba\xbc\xbd\xbf\xdf\xe5\xe9\xff",
    *"\u0130\u0131\u0149\u017f\u01c5\u01c6\u01f0\u0295\u02bc\u02c7\u0300\u0301\u0307\u0323\u0334\u0338\u0340\u0344\u0345\u034f\u0360\u0378\u037a\u037e\u0387",
    *"\u03a3\u03c2\u03c3\u0483\u0488\u0587\u05b0\u05bf\u05d0\u0600\u0610\u0640\u064b\u0660\u06dd\u06f3\u070f\u0901\u0903\u0915\u093c\u094d\u0958\u0966",
    *"\u09cb\u09dc\u0b94\u0bca\u0cc0\u0d4a\u0dda\u0ddc\u0e01\u0e33\u0e40\u0e4d\u0ec8\u0f0c\u0f43\u0f73\u0f77\u0fb3\u1026\u1039\u103a\u10a0\u10d0\u1100\u1161\u11a8",
    *"\u115f\u1160\u135d\u1680\u17b4\u17d2\u180b\u180e\u180f\u1ab0\u1c80\u1c90\u1cd0\u1dc0\u1e9b\u1e9e\u1fb3\u1fbc\u2000\u2007\u2009\u200a\u200b\u200c\u200d\u200e",
    *"\u2010\u2011\u2018\u2019\u201c\u2024\u2026\u2028\u2029\u202f\u2032\u203c\u2044\u2045\u2060\u2061\u2070\u2075\u207f\u2080\u20ac\u20dd\u20e3\u2102\u2116\u2122",
    *"\u2126\u212a\u212b\u2160\u2188\u2190\u2212\u2260\u2329\u2460\u2474\u24b6\u2500\u2580\u2581\u2588\u2603\u2654\u2800\u2adc\u2b1b\u2c60\u2d7f\u2de0\u2e3a\u2e80\u2f00\u2ff0",
    *"\u3000\u3001\u3002\u3005\u3007\u300c\u301c\u302a\u3031\u3042\u304c\u3099\u309a\u309b\u309f\u30a2\u30ac\u30fb\u30fc\u30ff\u3105\u3131\u3164\u3200\u3250\u3300\u32ff",
    *"\u33a1\u3400\u4dbf\u4dc0\u4e00\u4fff\u5000\u9fa5\u9fa6\u9fff\ua000\ua640\ua66f\ua722\ua789\ua7f2\ua802\ua880\ua8e0\ua960\uabc0\uac00\uac01\ud7a3\ud7b0\ud7ff",
    *"\ue000\uf8ff\uf900\uf92c\ufa0e\ufa10\ufb00\ufb01\ufb06\ufb1d\ufb1e\ufb2a\ufb2b\ufb4f\ufbb2\ufd3e\ufdd0\ufdfa\ufdfb\ufe00\ufe0f\ufe20\ufe30\ufe4d\ufe50\ufe64\ufeff",
    *"\uff01\uff07\uff10\uff21\uff3f\uff5e\uff61\uff66\uff76\uff9e\uff9f\uffa0\uffe5\ufff9\ufffc\ufffd\ufffe\uffff",
    *"\U00010000\U00010400\U00010428\U000105c9\U000105d2\U00010a01\U00011099\U000110ba\U0001112e\U000113c2\U00011935\U00011f04\U00012000\U00013430\U000160f0\U00016d40",
    *"\U0001b000\U0001bca0\U0001ccd6\U0001d15e\U0001d165\U0001d400\U0001d49c\U0001d7ce\U0001e900\U0001e922\U0001e944\U0001ee00\U0001f100\U0001f130\U0001f1e6\U0001f1e9",
    *"\U0001f200\U0001f3fb\U0001f44d\U0001f468\U0001f600\U0001fbf0\U00020000\U0002a6df\U0002b740\U0002ebf0\U0002f800\U0002fa1d\U00030000\U0003134f\U000323af\U000e0001",
    *"\U000e0041\U000e0100\U000f0000\U0010fffd\U0010ffff",
]  # fmt: skip

HAND_PICKED = [
    # WordPiece
    *["a\x0bb", "a\tb", "a\u200bb", "a\ufffdb", "a\0[SEP]b", "[sep]", "[SEP]", "x" * 100, "x" * 101, "e\u0301" * 100, "e\u0301" * 100 + "e"],
    *["ΣΑΣ", "中\u0301a", "play☃☃ing", "[MASK] is", "a [MASK]b", "a[PAD]b", "[[CLS]]", "[CLS][CLS]", "[CL S]", "un[UNK]known", "##ing", "a##b"],
    # byte-level expressions
    *["DON'T", "don't", "'s 't 're 've 'm 'll 'd", "'S'T'RE'VE'M'LL'D", "x's", "x'\u017f", "'\u017f", "it''s", "we'Ll", "a'llb", "'lL", "o'clock"],
    *["a  b", "a   b", " a", "  a", "a ", "a  ", " ", "  ", "   ", "\n", "\n\n", " \n", "\n ", " \n ", "a\n b", "a \nb", "a\r\nb", "a\r\rb", "\r\n\r\n", "\t\t", "a\t\tb"],
    *["a \u0085x", " \u0085x", "\u0085\n", "a\u00a0b", "a \u00a0 b", "\ufeffa", "a\ufeffb", "1234567", "12 345", "1 2", "a1b2", "3.14159", "١٢٣٤٥", "½⅓¼", "2²", "Ⅷ9"],
    *["...\n/etc", "?!\n\n", "!!!/", "//", "/a/b/", "!\r\n/x", "--\n--", "a-b", "a.b", ".a", " .a", " ..", "(a)", "\"a\"", "a_b", "_a", "$1", " $1", "#a", "@a", "a@b.c"],
    *["camelCase", "HTTPServer", "XMLHttpRequest", "iPhone", "ABC", "aBC", "ABc", "AbC", "\u0301A", "A\u0301", "a\u0301B", "ǅa", "ǅA", "ʰA", "中A", "A中a", "ªA", "ﬀA"],
    *["フ\u309c", "a\x01\x02b", "\x01a", "中文abc", "日本語テキスト", "ひらがなカタカナ漢字", "한국어 텍스트", "ไทยแลนด์", "ภาษาไทย", "العربية", "עִבְרִית", "हिन्दी", "क्षि", "தமிழ்", "မြန်မာ", "ខ្មែរ"],
    # merges: ties and long pieces
    *["a" * n for n in (2, 3, 4, 5, 7, 8, 16, 31, 63, 64, 65, 66, 127, 128, 129, 255, 300)],
    *["ab" * n for n in (2, 5, 16, 33, 64, 100)], *[" " * n for n in (3, 4, 8, 16, 17, 31, 64, 65, 100)], *["\n" * n for n in (3, 9, 40)],
    *["=" * 70, "-" * 33, "-" * 65, "." * 65, "!" * 118, "<|" + "!" * 118, "!" * 130, "ha" * 60, "中" * 30, "中" * 101, "の" * 70, "😀" * 40, "é" * 101, "0" * 50, "₿" * 9],
    # marks, added tokens, bytes by name
    *["▁", "▁▁", "▁a▁b", " ▁ ", "a▁b", "a ▁b", "▁ a", "Ġa", "Ċ", "<0x0A>", "<0xE2>", "<0x0a>", "</s>", "<s>", "</s>a", "a</s>", " </s> a", "<s></s>", "< s>", "<S>"],
    *["a <mask> b", "a<mask> b", "a  <mask>  b", "<mask>", " <mask>", "\u3000<mask>", "a\n<mask>\nb", "<pad>", "<unk>", "<bos>", "<eos>", "<h1>", "</h1>", "[multimodal]", "<start_of_turn>user"],
    *["<|endoftext|>", "<|endoftext|><|endoftext|>", "a<|endoftext|>b", " <|endoftext|> ", "<|endoftext|", "<|im_start|>user\nhi<|im_end|>", "<|begin_of_text|>", "<|fim_prefix|>", "<|ENDOFTEXT|>"],
    *["<\uff5cbegin\u2581of\u2581sentence\uff5c>a", "<tool_call>", "<think>", "</think>", "<EOT>", "<META>", "\n\nHuman: a\n\nAssistant:", "<extra_id_0>"],
    # normal forms
    *["e\u0301", "\u00e9", "ﬁ\u0301", "½\u0301", "ｶﾞ", "ｶ\u3099", "Å", "\u212b", "\u1e9b\u0323", "q\u0307\u0323", "a\u0323\u0307", "a\u0307\u0323", "\ufb2b*w", "\U000105d2\u0307", "\u0344", "\u0f73"],
    *["각", "\u1100\u1161\u11a8", "\uac00\u11a8", "\u1100\u1161", "\u0915\u093c", "\u0958", "\u0b47\u0b56", "\u0cc6\u0cc2\u0cd5", "\U0001d15e", "\U0001d157\U0001d165", "\u2adc", "\u0dd9\u0dcf\u0dca"],
    *["a\u0345\u0301", "a\u05b0\u05bc", "o\u0308\u0304", "\u022b", "\u01d6", "u\u0308\u0304", "a\u0328\u0301", "\u0301a", "\u0301\u0300", "a" + "\u0301" * 31, "a" + "\u0316\u0301" * 20],
    # graphemes, case
    *["👩\u200d👩\u200d👧\u200d👦 family", "👍🏽", "🇩🇪🇫🇷", "🇩🇪🇫", "🏳️\u200d🌈", "1️⃣", "❤️", "#️⃣", "ก\u0e33", "นำ้", "\u0e19\u0e49\u0e33", "क्\u200dष", "a\u200d", "\r\u0301", "\n\u0301", "\0\u0301"],
    *["İstanbul", "ISTANBUL", "ıI", "STRASSE straße ẞ", "ŉ", "ǰ", "ﬄ", "ß", "Ǆ", "K", "ſ", "Ω", "ϴ", "Ꭰꭰ", "Ა", "𐐀", "ӀӏІ"],
    # everything at once
    *["", "a", "Hello, world!", "The quick brown fox jumps over the lazy dog.", "price: $1,234.56 (-7.5%)", "https://example.org/a/b?c=d&e=f#g", "def f(x):\n\treturn x ** 2  # comment", "{\"a\": [1, 2.5e-3, null]}"],
    *["\u202eabc\u202c", "a\u0300\u0301\u0302\u0303\u0304b", "Ｆｕｌｌ　ｗｉｄｔｈ", "①②③㈱㍿", "⅓⁄₃", "x²+y³=z⁴", "…‥․", "ﷺ", "\u3164", "\u2800\u2800", "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞"],
]  # fmt: skip

AROUND = ["{}", "a{}b", "a {}b", "{}1", "{}{}", "a{}. "]

TEXTS = [*HAND_PICKED, *(form.format(c, c) for c in CHARACTERS for form in AROUND)]
