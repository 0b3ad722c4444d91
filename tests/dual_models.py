"""Small image-text and video-text models with random weights, saved as folders in Hugging Face's
layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

SIZE = 32
FRAMES = 4
TOKENS = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz.!'"
NAMES = ["ApplyEyeMakeup", "Archery", "riding a horse"]
_CLOSED = "</w>"  # of the last letter of a word
_TEXT: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": TOKENS,
}
_VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIZE,
    "patch_size": 8,
}


def save_dual(kind: str, folder: Path) -> Path:
    """A folder with a model of a kind (see `KINDS`), its weights drawn anew and not small."""
    torch.manual_seed(0)
    model, tokenizer, processor = KINDS[kind](folder)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn_like(value) * (0.3 if value.dim() > 1 else 1) + 0.05)
        model.logit_scale.fill_(1.5)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _clip(_: Path) -> tuple[Any, Any, Any]:
    tokenizer = _letters()
    text = _TEXT | _ends(tokenizer)
    config = hf.CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=12)
    return hf.CLIPModel(config), tokenizer, _square(hf.CLIPImageProcessor)


def _metaclip(_: Path) -> tuple[Any, Any, Any]:
    tokenizer = _whole_words()
    text = _TEXT | _ends(tokenizer)
    config = hf.MetaClip2Config(text_config=text, vision_config=_VISION, projection_dim=12)
    return hf.MetaClip2Model(config), tokenizer, _square(hf.CLIPImageProcessor)


def _siglip(folder: Path) -> tuple[Any, Any, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    words = folder.parent / "words.txt"
    words.write_text("\n".join([LETTERS, "this is a photo of riding a horse", *NAMES]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(words),
        model_prefix=str(folder / "spiece"),
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (folder / "spiece.vocab").unlink()
    return _sigmoid(hf.SiglipTokenizer(str(folder / "spiece.model")))


def _siglip2(_: Path) -> tuple[Any, Any, Any]:
    return _sigmoid(_whole_words())


def _sigmoid(tokenizer: Any) -> tuple[Any, Any, Any]:
    text = _TEXT | {"vocab_size": len(tokenizer), "projection_size": 16}
    config = hf.SiglipConfig(text_config=text, vision_config=_VISION)
    processor = hf.SiglipImageProcessor(size={"height": SIZE, "width": SIZE})
    return hf.SiglipModel(config), tokenizer, processor


def _xclip(_: Path) -> tuple[Any, Any, Any]:
    tokenizer = _letters()
    vision = _VISION | {
        "num_frames": FRAMES,
        "mit_hidden_size": 12,
        "mit_intermediate_size": 24,
        "mit_num_hidden_layers": 1,
        "mit_num_attention_heads": 2,
    }
    text = _TEXT | _ends(tokenizer)
    config = hf.XCLIPConfig(
        text_config=text,
        vision_config=vision,
        projection_dim=12,
        prompt_layers=2,
        prompt_num_attention_heads=2,
        prompt_alpha=0.5,
    )
    return hf.XCLIPModel(config), tokenizer, _square(hf.VideoMAEImageProcessor)


def _square(processor: Callable[..., Any]) -> Any:
    size = {"shortest_edge": SIZE}
    return processor(size=size, crop_size={"height": SIZE, "width": SIZE})


def _ends(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _letters() -> Any:
    """CLIP's tokenizer without any merge: a token a letter."""
    pieces = [*LETTERS, *(letter + _CLOSED for letter in LETTERS), "<|startoftext|>"]
    vocabulary = {piece: place for place, piece in enumerate([*pieces, "<|endoftext|>"])}
    return hf.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=TOKENS)


def _whole_words() -> Any:
    """A tokenizer of letters in a tokenizer.json alone, as Gemma's and XLM-V's come."""
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "\N{LOWER ONE EIGHTH BLOCK}", *LETTERS]
    tokenizer = Tokenizer(models.BPE({p: n for n, p in enumerate(pieces)}, [], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 2), ("<eos>", 1)]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_max_length=TOKENS,
        model_input_names=["input_ids"],
    )


KINDS: dict[str, Callable[[Path], tuple[Any, Any, Any]]] = {
    "clip": _clip,
    "metaclip_2": _metaclip,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "xclip": _xclip,
}
